"""Which kernel of BLAS runs matrix products here, and what in the environment keeps a better one from running.

OpenBLAS chooses a kernel by the processor when it is loaded. Two variables overrule that, and are inherited by
whatever is started from a shell that sets them; a figure is worth nothing without the kernel that it was measured with.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np
import threadpoolctl

OVERRULING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables by which OpenBLAS takes another kernel, or other block sizes, than the processor's."""

_PLAIN, _AVX, _AVX2, _AVX512 = range(4)
_LEVELS = {_PLAIN: "SSE", _AVX: "AVX", _AVX2: "AVX2", _AVX512: "AVX-512"}
_KERNELS = {
    **dict.fromkeys(("Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Barcelona", "Bobcat", "Atom"), _PLAIN),
    **dict.fromkeys(("Sandybridge", "Bulldozer", "Piledriver", "Steamroller"), _AVX),
    **dict.fromkeys(("Haswell", "Excavator", "Zen"), _AVX2),
    **dict.fromkeys(("SkylakeX", "Cooperlake", "SapphireRapids"), _AVX512),
}
"""OpenBLAS's kernels of x86-64 (``driver/others/dynamic.c``) → the vector instructions that they use."""
_FEATURES = {_AVX: ("avx",), _AVX2: ("avx2", "fma"), _AVX512: ("avx512f", "avx512bw", "avx512dq", "avx512vl")}


@dataclass(frozen=True)
class BlasKernel:
    """The BLAS that NumPy brought along, as it is loaded in this process.

    Attributes:
        library: such as "openblas". version: its own.
        kernel: what it calls its kernel, such as "SkylakeX"; "unknown" where it does not tell.
        warnings: what the environment does to it, a sentence each.
    """

    library: str
    version: str
    kernel: str
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.library} {self.version}, kernel {self.kernel}"


def blas_kernel() -> BlasKernel | None:
    """The kernel in use, with what is wrong with it; None where no known BLAS is loaded."""
    np.matmul(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))  # some builds load their BLAS on first use
    found = [info for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"]
    found.sort(key=lambda info: "numpy" not in info["filepath"])
    if not found:
        return None
    library, kernel = str(found[0]["internal_api"]), str(found[0].get("architecture") or "unknown")
    told = warnings(kernel, os.environ, llvm.get_host_cpu_features()) if library == "openblas" else ()
    return BlasKernel(library, str(found[0]["version"] or "of unknown version"), kernel, told)


def warnings(kernel: str, environment: Mapping[str, str], features: Mapping[str, bool]) -> tuple[str, ...]:
    """What ``environment`` does to an OpenBLAS whose ``kernel`` runs on a processor with these ``features``."""
    told = []
    core_type, size = (environment.get(name) for name in OVERRULING)
    best = max((level for level, needed in _FEATURES.items() if all(map(features.get, needed))), default=_PLAIN)
    if core_type and _KERNELS.get(kernel, best) < best:
        told.append(
            f"OPENBLAS_CORETYPE={core_type} keeps matrix products at {_LEVELS[_KERNELS[kernel]]} on a processor that "
            f"has {_LEVELS[best]}: unset it (such a kernel was measured 1.6 to 1.8 times slower)"
        )
    if size:
        told.append(f"OPENBLAS_L2_SIZE={size} sets the blocks of matrix products in place of the processor: unset it")
    return tuple(told)
