"""How the fast engine compiles: numba without the interpreter, cached on disk, the cache tied to every source used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

from isa import timing

F = TypeVar("F", bound=Callable[..., Any])


@cache
def sources() -> str:
    """A digest of every file whose content is compiled into kernels."""
    paths = sorted(Path(__file__).parent.glob("*.py"))
    paths += [Path(timing.__file__).with_name(name) for name in ("timing.py", "instructions.py", "vector_ops.py")]
    h = hashlib.sha256()
    for path in paths:
        h.update(path.read_bytes())
    return h.hexdigest()


def kernel(function: F) -> F:
    """Compile ``function`` when first called and keep the machine code on disk.

    numba alone looks only at the file a function stands in; here a change of any file of the engine, or of the
    closed forms and tables it compiles in, makes the stored code stale.
    """
    compiled: Any = numba.njit(cache=True)(function)
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = (file._source_stamp, sources())
    return compiled  # type: ignore[no-any-return]


def inline(function: F) -> F:
    """Compile ``function`` as part of the kernels that call it."""
    compiled: Any = numba.njit(function)
    return compiled  # type: ignore[no-any-return]
