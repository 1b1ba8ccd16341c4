"""``autocast``: what computes in which type is said where functions are called, as torch says it for the CPU.

Inside, products take their float32 operands in bfloat16 and give that; losses, and the few others in whose sums small
errors add up, take bfloat16 operands in float32. What is not in ``POLICIES`` computes in the types that it is given.
A function of the table acts where it is entered: its operands are cast, and within it there is no autocast. So
gradients go back through the casts, weights stay float32, and a jitted function has the casts in its graph.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Literal, ParamSpec, Self, TypeVar

import numpy as np

from weft.framework.device import known_devices
from weft.framework.dtypes import DType, as_dtype, bfloat16, float32
from weft.framework.errors import DeviceError
from weft.framework.origin import user_line

P = ParamSpec("P")
R = TypeVar("R")
Policy = Literal["narrow", "float32", "as given"]

NARROW = (
    "addmm", "attended", "baddbmm", "bmm", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "linear",
    "matmul", "mm", "prelu", "vecdot",
)  # fmt: skip
FLOAT32 = (
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cdist", "cholesky", "cosine_embedding_loss",
    "cross_entropy", "edged", "hinge_embedding_loss", "huber_loss", "inv", "kl_div", "l1_loss", "margin_ranking_loss",
    "mse_loss", "nll_loss", "poisson_nll_loss", "prod", "qr", "smooth_l1_loss", "soft_margin_loss", "solve", "trace",
    "triplet_margin_loss",
)  # fmt: skip
AS_GIVEN = ("addmv", "mv")
POLICIES: Mapping[str, Policy] = {
    **dict.fromkeys(NARROW, "narrow"), **dict.fromkeys(FLOAT32, "float32"), **dict.fromkeys(AS_GIVEN, "as given")
}  # fmt: skip
"""Function → the type that it takes its float operands in: autocast's, float32, or what they have, also within it."""

_MODE: ContextVar[DType | None] = ContextVar("autocast", default=None)


def autocast_mode() -> DType | None:
    """The type that products take their operands in, or None outside of ``autocast``."""
    return _MODE.get()


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether an ``autocast`` is around; never for a device that there is not."""
    return _MODE.get() is not None and _is_here(device_type)


def get_autocast_dtype(device_type: str = "cpu") -> DType:
    """The type that products take their operands in, inside or in an ``autocast`` that names none: bfloat16."""
    return _MODE.get() or bfloat16


class autocast:
    """Products in bfloat16, losses in float32: inside a ``with`` block, or while the function that it decorates runs.

    device_type: any device here; it holds for all of them. dtype: bfloat16, which is the default. enabled: False turns
    it off within another. cache_enabled: taken for torch's sake; a graph casts a weight once. As in torch, a dtype that
    it cannot be and "cuda", where there is none, warn and leave it off. Raises DeviceError for other device types.
    """

    def __init__(
        self, device_type: str, dtype: DType | str | None = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        narrow = bfloat16 if dtype is None else as_dtype(dtype)
        if enabled and not _is_here(device_type):
            warnings.warn(f"{user_line()}: there is no {device_type} here, so autocast is off", stacklevel=2)
            enabled = False
        if enabled and narrow is not bfloat16:
            warnings.warn(f"{user_line()}: autocast is to bfloat16, not to {narrow}, so it is off", stacklevel=2)
            enabled = False
        self._mode = narrow if enabled else None
        self._before: list[DType | None] = []

    def __enter__(self) -> Self:
        self._before.append(_MODE.get())
        _MODE.set(self._mode)
        return self

    def __exit__(self, *error: object) -> None:
        _MODE.set(self._before.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """``function`` run in this mode."""

        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return inside


def narrowed(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Float32 tensors as products take them here: what goes from one step of a loop to the next has one type."""
    mode = _MODE.get()
    return tensors if mode is None else tuple(x.to(mode) if x.dtype is float32 else x for x in tensors)


def _is_here(device_type: str) -> bool:
    """Whether there is a device of that type. Raises DeviceError for what is none of torch's either."""
    known = known_devices()
    if device_type not in (*known, *_ELSEWHERE):
        raise DeviceError(f"{user_line()}: no device type {device_type!r}; there are {', '.join(known)}")
    return device_type in known


_ELSEWHERE = ("cuda", "mps", "xpu")
"""Devices that scripts ask for."""


def casting(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, a row of ``POLICIES``, which takes its operands as that says inside of ``autocast``."""
    name = function.__name__.lstrip("_")
    policy = POLICIES[name]

    @functools.wraps(function)
    def entered(*args: P.args, **kwargs: P.kwargs) -> R:
        mode = _MODE.get()
        if mode is None:
            return function(*args, **kwargs)
        target = {"narrow": mode, "float32": float32}.get(policy)
        given: Any = [_taken(name, value, target) for value in args]
        named: Any = {key: _taken(name, value, target) for key, value in kwargs.items()}
        token = _MODE.set(None)
        try:
            return function(*given, **named)
        finally:
            _MODE.reset(token)

    return entered


def _taken(function: str, value: Any, target: DType | None) -> Any:
    """An operand as ``target``, if there is one, and if it is a tensor, or an array, of float32 or bfloat16."""
    from weft.framework.operators import TensorOperators, operand

    if target is None or not isinstance(value, TensorOperators | np.ndarray):
        return value
    given: Any = value
    tensor = operand(function, given)
    return tensor.to(target) if tensor.dtype in (float32, bfloat16) else value
