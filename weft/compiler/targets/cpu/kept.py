"""Machine code kept for the next process, under a name that says all it was made from.

The name has the steps, every file that makes code of steps, the versions of what compiles, and the processor. The code
holds no address: the BLAS is a symbol that the loader looks up. The keeper gives back only what this user wrote.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path

import llvmlite.binding as llvm
from llvmlite import ir

from weft.base.cache.keeper import digest, keeper
from weft.compiler.targets.cpu.native import NativeModule, load_code, machine_code

KIND = "kernels"
WORTH_KEEPING = 0.05
"""Seconds of compiling from which on the code is kept: less takes about as long as writing a file safely."""


def native_module(
    *made_from: str, make: Callable[[], ir.Module], provide: Callable[[str], None] = lambda name: None
) -> NativeModule:
    """What ``make`` gives as machine code: that of an earlier process if one has kept it.

    made_from: texts that tell this module from all others that the same sources make. provide: defines a function
    ``weft.…`` that the code calls; ``make`` has defined them itself.
    """
    name = f"{digest('cpu', *made_from, _sources(), _versions(), *_processor())}.o"
    entry = keeper().find(KIND, name)
    if entry is not None:
        called, _, code = entry.content.partition(b"\n")
        try:
            for one in called.decode().split():
                provide(one)
            return load_code(code)
        except RuntimeError as problem:
            keeper().discard(KIND, name, str(problem))
    began = time.perf_counter()
    module = make()
    code = machine_code(module)
    native = load_code(code)
    if time.perf_counter() - began >= WORTH_KEEPING:
        names = " ".join(f.name for f in module.functions if f.is_declaration and f.name.startswith("weft."))
        keeper().put(KIND, name, names.encode() + b"\n" + code)
    return native


@cache
def _sources() -> str:
    """A digest of every file that takes part in making code of steps."""
    here = Path(__file__).parent
    return digest(*(path.read_bytes() for path in (*sorted(here.glob("*.py")), *sorted(here.parents[1].glob("*.py")))))


@cache
def _versions() -> str:
    return f"llvmlite {metadata.version('llvmlite')} LLVM {llvm.llvm_version_info}"


@cache
def _processor() -> tuple[str, str, str]:
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
