"""How the fast engine compiles: numba without the interpreter, what it makes kept by ``sim.fast.kept``.

Compiling must be cheap, for a first run waits for it. Everything is compiled without counted references (kernels
allocate nothing), without checks for division by zero, and without the wrappers that nobody calls. Arithmetic is
compiled once per operation (``standalone``) and called by address, because numba optimises whatever a kernel calls by
name again with every caller.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

import numba
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from weft.sim.fast.kept import KeptCode, sources

F = TypeVar("F", bound=Callable[..., Any])

_LEAN: Any = {"error_model": "numpy", "_nrt": False}
_njit: Any = numba.njit
_cfunc: Any = CFunc
_normal: Any = normalize_signature


def kernel(function: F) -> F:
    """Compile ``function`` when first called from Python and keep the machine code on disk."""
    compiled: Any = _njit(no_cfunc_wrapper=True, **_LEAN)(function)
    if hasattr(compiled, "_cache"):  # not where numba was told to compile nothing
        compiled._cache = KeptCode(function)
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
    # Each needs a name of its own, by which numba finds machine code that is loaded.
    unique = f"{name}_{sources()[:8]}"
    code = template.__code__.replace(co_name=unique, co_qualname=unique)
    function = FunctionType(code, {**template.__globals__, **names}, unique)
    compiled = _cfunc(function, _normal(signature), locals={}, options=_LEAN)
    compiled._cache = KeptCode(function)
    compiled.compile()
    return compiled
