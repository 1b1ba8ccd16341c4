"""The BLAS kernel in use has a name, and an environment that keeps a better one away is told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from weft.compiler.targets.cpu.blas_kernel import blas_kernel, warnings

AVX2 = {"avx": True, "avx2": True, "fma": True, "avx512f": False}
AVX512 = AVX2 | dict.fromkeys(("avx512f", "avx512bw", "avx512dq", "avx512vl"), True)


@pytest.mark.parametrize(
    ("kernel", "environment", "features", "told"),
    [
        ("Haswell", {"OPENBLAS_CORETYPE": "Haswell"}, AVX512, ("OPENBLAS_CORETYPE=Haswell keeps", "AVX2", "AVX-512")),
        ("Nehalem", {"OPENBLAS_CORETYPE": "nehalem"}, AVX2, ("OPENBLAS_CORETYPE=nehalem keeps", "SSE", "AVX2")),
        ("SkylakeX", {"OPENBLAS_L2_SIZE": "262144"}, AVX512, ("OPENBLAS_L2_SIZE=262144",)),
        ("Haswell", {"OPENBLAS_CORETYPE": "Haswell"}, AVX2, ()),
        ("Haswell", {}, AVX512, ()),  # its own choice: it may know better
        ("Cooperlake", {"OPENBLAS_CORETYPE": "Cooperlake"}, AVX512, ()),
        ("neoversen1", {"OPENBLAS_CORETYPE": "neoversen1"}, {}, ()),
        ("Zen", {"OPENBLAS_CORETYPE": "", "OPENBLAS_L2_SIZE": ""}, AVX512, ()),
    ],
)
def test_warnings(kernel: str, environment: dict[str, str], features: dict[str, bool], told: tuple[str, ...]) -> None:
    found = warnings(kernel, environment, features)
    assert len(found) == bool(told)
    assert all(word in found[0] for word in told)


def test_the_kernel_of_this_process_and_of_one_that_is_forced() -> None:
    here = blas_kernel()
    if here is None or here.library != "openblas" or here.kernel == "unknown":
        pytest.skip("NumPy's BLAS here is not an OpenBLAS that tells its kernel")
    command = [sys.executable, "-c", "from weft.compiler.targets.cpu.blas_kernel import *; print(blas_kernel())"]
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}
    forced = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert forced.strip() == f"{here.library} {here.version}, kernel Nehalem" or here.kernel.startswith(("neo", "arm"))
