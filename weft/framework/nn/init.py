"""Initialisers: give a tensor its first values in place, as ``torch.nn.init`` does.

Random ones draw from ``generator``, or from the default one (``weft.manual_seed``); no gradient is recorded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.framework.axes import real
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.random import Generator, default_generator
from weft.framework.tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]

Values = npt.NDArray[np.float32]


def _given(tensor: Tensor, values: Any) -> Tensor:
    tensor.assign(Tensor(np.asarray(values, np.float32), dtype=tensor.dtype))
    return tensor


def _tensor(name: str, tensor: Tensor, least: int = 0) -> Tensor:
    """``tensor``, if it is one of floats with ``least`` axes. Raises DTypeError or ShapeError."""
    given: Any = tensor
    if not isinstance(given, Tensor):
        raise DTypeError(f"{user_line()}: {name} fills a tensor, not a {type(given).__name__}")
    if not tensor.dtype.is_float:
        raise DTypeError(f"{user_line()}: {name} fills tensors of floats, not of {tensor.dtype}")
    if tensor.ndim < least:
        raise ShapeError(f"{user_line()}: {name} needs at least {least} axes, not shape {list(tensor.shape)}")
    return tensor


def _uniform(shape: Shape, low: float, high: float, generator: Generator | None) -> Values:
    return (generator or default_generator()).uniform(shape, low, high)


def _normal(shape: Shape, mean: float, std: float, generator: Generator | None) -> Values:
    if std < 0:
        raise OptionError(f"{user_line()}: a standard deviation is not negative; it is {std}")
    return (generator or default_generator()).normal(shape) * np.float32(std) + np.float32(mean)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in [a, b)."""
    tensor, low, high = _tensor("uniform_", tensor), real(a, "a"), real(b, "b")
    return _given(tensor, _uniform(tensor.shape, low, high, generator))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with this mean and standard deviation."""
    tensor = _tensor("normal_", tensor)
    return _given(tensor, _normal(tensor.shape, real(mean, "mean"), real(std, "std"), generator))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element ``val``."""
    tensor = _tensor("constant_", tensor)
    return _given(tensor, np.full(tensor.shape, real(val, "val"), np.float32))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as much of it as the shape [rows, columns] has. Raises ShapeError for other ranks."""
    tensor = _tensor("eye_", tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"{user_line()}: eye_ fills a matrix, not shape {list(tensor.shape)}")
    return _given(tensor, np.eye(*tensor.shape, dtype=np.float32))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weights [out, in, …], 3 to 5 axes, that hand each input channel on unchanged, in each group.

    Raises ShapeError if ``out`` is no multiple of ``groups``.
    """
    tensor = _tensor("dirac_", tensor, 3)
    if tensor.ndim > 5:
        raise ShapeError(f"{user_line()}: dirac_ fills weights of 3 to 5 axes, not shape {list(tensor.shape)}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ShapeError(f"{user_line()}: dirac_: {tensor.shape[0]} channels do not divide into {groups} groups")
    values, each = np.zeros(tensor.shape, np.float32), tensor.shape[0] // groups
    middle = tuple(extent // 2 for extent in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(each, tensor.shape[1])):
            values[(group * each + channel, channel, *middle)] = 1
    return _given(tensor, values)


_GAINS: dict[str, float] = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights before ``nonlinearity`` grow so that variance is kept; param: leaky_relu's slope (0.01).

    Raises FrameworkError for a function that it is not known of.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else real(param, "the negative slope")
        return math.sqrt(2 / (1 + slope**2))
    if not isinstance(nonlinearity, str) or nonlinearity not in _GAINS:
        known = ", ".join((*_GAINS, "leaky_relu"))
        raise OptionError(f"{user_line()}: no gain is known of {nonlinearity!r}; of these: {known}")
    return _GAINS[nonlinearity]


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input has, by weights [out, in, …]."""
    shape = _tensor(name, tensor, 2).shape
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _xavier(name: str, tensor: Tensor, gain: float) -> float:
    return real(gain, "the gain") * math.sqrt(2.0 / max(sum(_fans(name, tensor)), 1))


def _kaiming(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in fans:
        raise OptionError(f"{user_line()}: {name}: mode is 'fan_in' or 'fan_out', not {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform, of variance 2 gain² / (fan in + fan out) (Glorot and Bengio 2010)."""
    bound = math.sqrt(3) * _xavier("xavier_uniform_", tensor, gain)
    return _given(tensor, _uniform(tensor.shape, -bound, bound, generator))


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal, of variance 2 gain² / (fan in + fan out)."""
    std = _xavier("xavier_normal_", tensor, gain)
    return _given(tensor, _normal(tensor.shape, 0.0, std, generator))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Uniform, of variance gain² / fan (He and others 2015). a: the slope of leaky_relu; mode: fan_in or fan_out."""
    bound = math.sqrt(3) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _given(tensor, _uniform(tensor.shape, -bound, bound, generator))


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal, of variance gain² / fan."""
    std = _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity)
    return _given(tensor, _normal(tensor.shape, 0.0, std, generator))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal, but only values within [a, b]. Raises FrameworkError unless std > 0 and a < b."""
    tensor, mean, std, a, b = _tensor("trunc_normal_", tensor), *map(real, (mean, std, a, b), ("mean", "std", "a", "b"))
    if not (std > 0 and a < b):
        raise OptionError(f"{user_line()}: trunc_normal_ needs std > 0 and a < b; they are {std}, {a} and {b}")
    uniform = _uniform(tensor.shape, 0.0, 1.0, generator)
    return _given(tensor, np.clip(mean + std * _truncated((a - mean) / std, (b - mean) / std, uniform), a, b))


def _truncated(low: float, high: float, uniform: Values) -> npt.NDArray[np.float64]:
    """Uniform numbers turned into normal ones within [low, high]: the distribution function's inverse, in a table."""
    mode = min(max(0.0, low), high)
    z = np.linspace(max(low, mode - 9), min(high, mode + 9), 4097)  # what lies further out is no float32's probability
    density = np.exp((mode**2 - z**2) / 2)
    below = np.concatenate(([0.0], np.cumsum(density[1:] + density[:-1])))
    return np.interp(uniform, below / below[-1], z)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Rows, or columns if there are fewer, orthonormal, times ``gain``; axes behind the first count as one.

    The Q of a normal matrix's QR decomposition with R's diagonal made positive (Saxe and others 2014).
    """
    tensor = _tensor("orthogonal_", tensor, 2)
    if not tensor.numel():
        return tensor
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = _normal((max(rows, columns), min(rows, columns)), 0.0, 1.0, generator).astype(np.float64)
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return _given(tensor, real(gain, "the gain") * (q.T if rows < columns else q).reshape(tensor.shape))
