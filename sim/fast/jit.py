"""How the fast engine compiles: numba without the interpreter, cached on disk, the cache tied to every source used.

Compiling must be cheap, for a first run waits for it. Everything is compiled without counted references (kernels
allocate nothing), without checks for division by zero, and without the wrappers that nobody calls. Arithmetic is
compiled once per operation (``standalone``) and called by address, because numba optimises whatever a kernel calls by
name again with every caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

import numba

from isa import timing

F = TypeVar("F", bound=Callable[..., Any])

_LEAN: Any = {"error_model": "numpy", "_nrt": False}
_njit: Any = numba.njit


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
    """Compile ``function`` when first called from Python and keep the machine code on disk.

    numba alone looks only at the file a function stands in; here a change of any file of the engine, or of the
    closed forms and tables it compiles in, makes the stored code stale.
    """
    compiled: Any = _njit(cache=True, no_cfunc_wrapper=True, **_LEAN)(function)
    file: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = (file._source_stamp, sources())
    result: F = compiled
    return result


def inline(function: F) -> F:
    """Compile ``function`` as part of the kernels that call it; Python cannot call it."""
    compiled: F = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_LEAN)(function)
    return compiled


def standalone(template: Callable[..., Any], signature: Any, name: str, **names: Any) -> Any:
    """``template`` compiled now, for C's calling convention: the result's ``address`` is for ``sim.fast.raw.call``.

    ``names``: what the template's free global names stand for.
    """
    # numba keeps machine code by a function's name and source: each needs a name of its own.
    unique = f"{name}_{sources()[:8]}"
    code = template.__code__.replace(co_name=unique, co_qualname=unique)
    scope = {**template.__globals__, **names}
    return numba.cfunc(signature, cache=True, **_LEAN)(FunctionType(code, scope, unique))
