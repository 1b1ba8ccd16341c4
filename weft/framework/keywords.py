"""The names that NumPy has for arguments, beside torch's, which takes them too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from weft.framework.errors import DTypeError
from weft.framework.origin import user_line

P = ParamSpec("P")
R = TypeVar("R")

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}
"""NumPy's name of an argument → torch's; torch takes both, and so does whatever is ``numpy_named``."""


def numpy_named(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, taking ``axis=`` and ``keepdims=`` as well. Raises DTypeError for an argument under both names."""

    @functools.wraps(function)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        for other, name in NUMPY_NAMES.items():
            if other in kwargs:
                if name in kwargs:
                    raise DTypeError(
                        f"{user_line()}: {function.__name__} was given {name}= and {other}=, two names of one argument"
                    )
                kwargs[name] = kwargs.pop(other)
        return function(*args, **kwargs)

    return named
