"""Normalisation: elements brought to mean 0 and variance 1 over some axes, then scaled and shifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft.framework.axes import count, extents, real
from weft.framework.dtypes import bfloat16
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.functional import operand
from weft.framework.lazy import no_grad
from weft.framework.nn.functional.operands import rounded_once
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

_EPSILON = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float64": 2.0**-52}
"""The distance from 1 to the next number of a type: what ``rms_norm`` adds if it is told nothing."""


def _floats(function: str, value: Operand) -> Tensor:
    x = operand(function, value)
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: {function} takes floats, not {x.dtype}; use .float() first")
    return x


def _scaled(
    function: str, x: Tensor, weight: Operand | None, bias: Operand | None, shape: Shape, wide: Shape
) -> Tensor:
    """x·weight + bias, each of ``shape`` and seen as ``wide``."""
    for name, given in (("weight", weight), ("bias", bias)):
        if given is None:
            continue
        part = operand(function, given)
        if part.shape != shape:
            raise ShapeError(f"{user_line()}: {function}: {name} is {list(shape)}, not {list(part.shape)}")
        seen = part if shape == wide else part.reshape(*wide)
        x = x * seen if name == "weight" else x + seen
    return x


def _centred(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """(x - mean) / √(variance + eps) over the axes."""
    away = x - x.mean(axes, keepdim=True)
    return away * ((away * away).mean(axes, keepdim=True) + eps).sqrt().reciprocal()


def _last_axes(function: str, x: Tensor, normalized_shape: Any) -> tuple[Shape, tuple[int, ...]]:
    """The shape to normalise over and its axes. Raises ShapeError if x does not end with it."""
    shape = extents((normalized_shape,), "normalized_shape")
    if not shape or x.shape[-len(shape) :] != shape:
        raise ShapeError(f"{user_line()}: {function} over {list(shape)} takes [..., {', '.join(map(str, shape))}], not "
                         f"{list(x.shape)}")  # fmt: skip
    return shape, tuple(range(x.ndim - len(shape), x.ndim))


def layer_norm(
    input: Operand, normalized_shape: int | Sequence[int], weight: Operand | None = None, bias: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Mean 0 and variance 1 over the last axes, which are ``normalized_shape``, then times weight plus bias.

    weight, bias: of ``normalized_shape``. Raises ShapeError. (Ba and others 2016.)
    """
    x, eps = _floats("layer_norm", input), real(eps, "eps")
    shape, axes = _last_axes("layer_norm", x, normalized_shape)
    return rounded_once(lambda x: _scaled("layer_norm", _centred(x, axes, eps), weight, bias, shape, shape))(x)


def rms_norm(
    input: Operand, normalized_shape: int | Sequence[int], weight: Operand | None = None, eps: float | None = None
) -> Tensor:
    """x / √(mean of x² + eps) over the last axes, which are ``normalized_shape``, then times weight.

    eps: by default the distance from 1 to the next number of the type. (Zhang and Sennrich 2019.)
    """
    x = _floats("rms_norm", input)
    added = _EPSILON["float32" if x.dtype is bfloat16 else x.dtype.name] if eps is None else real(eps, "eps")
    shape, axes = _last_axes("rms_norm", x, normalized_shape)

    def computed(x: Tensor) -> Tensor:
        return _scaled(
            "rms_norm", x * ((x * x).mean(axes, keepdim=True) + added).sqrt().reciprocal(), weight, None, shape, shape
        )

    return rounded_once(computed)(x)


def group_norm(
    input: Operand, num_groups: int, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Tensor:
    """[N, C, …]: mean 0 and variance 1 over the channels of each group and all axes behind, then scaled by channel.

    Raises ShapeError if the channels do not divide into the groups. (Wu and He 2018.)
    """
    x, groups, eps = _floats("group_norm", input), count(num_groups, "num_groups", least=1), real(eps, "eps")
    if x.ndim < 2 or x.shape[1] % groups:
        raise ShapeError(f"{user_line()}: group_norm takes [N, C, ...], C a multiple of {groups}, not {list(x.shape)}")
    channels = (1, x.shape[1], *(1 for _ in x.shape[2:]))

    def computed(x: Tensor) -> Tensor:
        seen = x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
        normal = _centred(seen, (2,), eps).reshape(*x.shape)
        return _scaled("group_norm", normal, weight, bias, x.shape[1:2], channels)

    return rounded_once(computed)(x)


def instance_norm(
    input: Operand, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Operand | None = None, bias: Operand | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """[N, C, …]: mean 0 and variance 1 over all axes behind the channels, then scaled by channel.

    use_input_stats: False takes the running ones. Running statistics are moved towards the batch's mean of them.
    """
    x = _floats("instance_norm", input)
    if x.ndim < 3:
        raise ShapeError(f"{user_line()}: instance_norm takes [N, C, ...] with axes behind, not {list(x.shape)}")
    axes = tuple(range(2, x.ndim))
    if use_input_stats and math.prod(x.shape[2:]) == 1:
        raise ShapeError(f"{user_line()}: instance_norm needs more than 1 value for each channel, not {list(x.shape)}")
    return _with_statistics(
        "instance_norm", x, axes, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def batch_norm(
    input: Operand, running_mean: Tensor | None, running_var: Tensor | None, weight: Operand | None = None,
    bias: Operand | None = None, training: bool = False, momentum: float | Tensor = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """[N, C, …]: mean 0 and variance 1 over all axes but the channels, then scaled by channel.

    training: with the batch's statistics, and the running ones are moved towards them by ``momentum`` (the variance
    there divides by one less than the count); else with the running ones. weight, bias and running statistics are [C].
    Raises ShapeError for other shapes, and in training for one value a channel. (Ioffe and Szegedy 2015.)
    """
    x = _floats("batch_norm", input)
    if x.ndim < 2:
        raise ShapeError(f"{user_line()}: batch_norm takes [N, C, ...], not {list(x.shape)}")
    axes = (0, *range(2, x.ndim))
    if training and math.prod(x.shape[d] for d in axes) == 1:
        raise ShapeError(
            f"{user_line()}: batch_norm needs more than 1 value for each channel in training, not {list(x.shape)}"
        )
    return _with_statistics("batch_norm", x, axes, running_mean, running_var, weight, bias, training, momentum, eps)


def _with_statistics(
    function: str, x: Tensor, axes: tuple[int, ...], running_mean: Tensor | None, running_var: Tensor | None,
    weight: Operand | None, bias: Operand | None, of_input: bool, momentum: float | Tensor, eps: float,
) -> Tensor:  # fmt: skip
    channels, eps = x.shape[1:2], real(eps, "eps")
    wide = (1, *channels, *(1 for _ in x.shape[2:]))
    for name, given in (("running_mean", running_mean), ("running_var", running_var)):
        if given is not None and not isinstance(given, Tensor):
            raise DTypeError(f"{user_line()}: {function}: {name} is a tensor or None, not a {type(given).__name__}")
        if given is not None and given.shape != channels:
            raise ShapeError(f"{user_line()}: {function}: {name} is {list(channels)}, not {list(given.shape)}")
    if of_input:
        wider = x.float() if x.dtype is bfloat16 else x
        mean = wider.mean(axes, keepdim=True)
        away = wider - mean
        variance = (away * away).mean(axes, keepdim=True)
        _move(running_mean, mean, momentum)
        each = math.prod(x.shape[d] for d in axes)
        _move(running_var, variance * (each / max(each - 1, 1)), momentum)
    elif running_mean is None or running_var is None:
        raise ShapeError(f"{user_line()}: {function} without the batch's statistics needs running_mean and running_var")
    else:
        mean, variance = running_mean.reshape(*wide), running_var.reshape(*wide)

    def computed(x: Tensor) -> Tensor:
        normal = (x - mean) * (variance + eps).sqrt().reciprocal()
        return _scaled(function, normal, weight, bias, channels, wide)

    return rounded_once(computed)(x)


def _move(running: Tensor | None, found: Tensor, momentum: float | Tensor) -> None:
    """Move a running statistic of each channel towards what a batch has."""
    if running is None:
        return
    with no_grad():
        rest = tuple(d for d in range(found.ndim) if d != 1)
        new = found.detach().mean(rest) if found.shape[0] > 1 else found.detach().reshape(*running.shape)
        running.assign((running * (1 - momentum) + new * momentum).to(running.dtype))
