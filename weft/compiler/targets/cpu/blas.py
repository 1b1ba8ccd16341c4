"""The single-precision matrix product of the BLAS that NumPy brought along, as an address that generated code calls.

NumPy's wheels carry OpenBLAS and export it under names of their own; which name and which integer width belong
together is the table below. Where none is found (Apple's Accelerate, a distribution's own build), `find_sgemm` gives
None and products go through `numpy.matmul`.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import numpy as np
import threadpoolctl

ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE = 101, 111, 112

# Symbol and the bits of its integers, newest naming first.
_SYMBOLS = (("scipy_cblas_sgemm64_", 64), ("cblas_sgemm64_", 64), ("scipy_cblas_sgemm", 32), ("cblas_sgemm", 32))


@dataclass(frozen=True)
class Sgemm:
    """Where `cblas_sgemm` lies.

    Attributes:
        address: of the function, valid while the process lives.
        integer_bits: width of its m, n, k and leading dimensions.
        library: the file that it comes from.
    """

    address: int
    integer_bits: int
    library: str


@functools.cache
def find_sgemm() -> Sgemm | None:
    """The sgemm of the BLAS that NumPy has loaded, or None when it exports none under a known name."""
    np.matmul(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))  # some builds load their BLAS on first use
    for info in threadpoolctl.threadpool_info():
        if info["user_api"] != "blas" or "numpy" not in info["filepath"]:
            continue
        library = ctypes.CDLL(info["filepath"])
        for symbol, bits in _SYMBOLS:
            function = getattr(library, symbol, None)
            if function is not None:
                address = ctypes.cast(function, ctypes.c_void_p).value
                assert address is not None
                return Sgemm(address, bits, info["filepath"])
    return None
