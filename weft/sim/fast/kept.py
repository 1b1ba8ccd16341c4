"""Machine code that numba made, kept for the next process under a name that says all it was made from.

numba's own cache looks at one source file only, trusts whatever lies in its folder, and ends the run where that folder
is damaged or cannot be written; this one takes its place. The kept code is a pickle, which is a program when loaded:
the keeper gives back only what this user wrote.
"""

from __future__ import annotations

import pickle
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any

from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from weft import isa
from weft.base.cache.keeper import digest, keeper

KIND = "kernels"
_rebuild: Any = CompileResult._rebuild  # numba gives these no types
_dumps: Any = dumps


@cache
def sources() -> str:
    """A digest of every file whose content is compiled into kernels."""
    return digest(*(path.read_bytes() for path in source_files()))


def source_files() -> list[Path]:
    """The kernels, and the instruction set, whose tables and constants are compiled into them."""
    return [path for package in (__file__, isa.__file__) for path in sorted(Path(package).parent.glob("*.py"))]


@cache
def _versions() -> str:
    """What makes the code and what runs it. (The processor and its features come with the signature.)"""
    packages = " ".join(f"{name} {metadata.version(name)}" for name in ("numba", "llvmlite", "numpy"))
    return f"{sys.implementation.cache_tag} {getattr(sys, 'abiflags', '')} {packages}"


class KeptCode:
    """The kept code of one function; takes the place of ``numba.core.caching.FunctionCache``."""

    cache_path = None

    def __init__(self, function: Any) -> None:
        self._function: FunctionType = function

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function for ``signature``, or None."""
        target.refresh()
        name = self._name(signature, target.codegen())
        entry = keeper().find(KIND, name)
        if entry is None:
            return None
        try:
            return _rebuild(target, *pickle.loads(entry.content))
        except Exception as problem:  # whatever a pickle of another origin may raise
            keeper().discard(KIND, name, f"{type(problem).__name__}: {problem}")
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the compiled function, unless it holds addresses of this process."""
        if not compiled.library.has_dynamic_globals and all(loop.can_cache for loop in compiled.lifted):
            keeper().put(KIND, self._name(signature, compiled.codegen), _dumps(compiled._reduce()))

    def _name(self, signature: Any, codegen: Any) -> str:
        function = self._function
        what = function.__module__, function.__qualname__, function.__code__.co_code, signature
        return f"{digest(*what, codegen.magic_tuple(), sources(), _versions())}.kernel"
