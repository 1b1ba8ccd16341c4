"""Activations: what is applied to each element. Formulas, ties and NaN are torch's."""

from __future__ import annotations

import math
from typing import Any

from weft.framework.autocast import casting
from weft.framework.axes import axis, real
from weft.framework.dtypes import bool_
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import maximum, minimum, operand, where
from weft.framework.nn.functional.operands import rounded_once, written
from weft.framework.origin import user_line
from weft.framework.remembering import called_again
from weft.framework.tensor import Tensor
from weft.framework.writing import Operand

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]


def _floats(function: str, value: Operand) -> Tensor:
    """``value`` as a tensor of floats. Raises DTypeError, as torch does for other types."""
    x = operand(function, value)
    if not x.dtype.is_float:
        raise DTypeError(f"{user_line()}: {function} takes floats, not {x.dtype}; use .float() first")
    return x


def relu(input: Operand, inplace: bool = False) -> Tensor:
    """max(x, 0), with derivative 0 at 0."""
    x = operand("relu", input)
    return written(x, lambda: called_again(Tensor.relu, x), inplace)


def sigmoid(input: Operand) -> Tensor:
    """1 / (1 + exp(-x))."""
    return operand("sigmoid", input).sigmoid()


def tanh(input: Operand) -> Tensor:
    """Hyperbolic tangent."""
    return operand("tanh", input).tanh()


def softplus(input: Operand, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta·x)) / beta; x itself where beta·x > threshold."""
    x, beta, threshold = operand("softplus", input), real(beta, "beta"), real(threshold, "the threshold")
    if beta == 1 and threshold >= 20:
        return x.softplus()  # which from there on is x, to the last bit
    scaled = _floats("softplus", x) * beta
    return where(scaled > threshold, x, scaled.softplus() / beta)


def logsigmoid(input: Operand) -> Tensor:
    """log σ(x), as -softplus(-x)."""
    return -(-operand("logsigmoid", input)).softplus()


def hardtanh(input: Operand, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x brought into [min_val, max_val]; the derivative is 0 at both ends."""
    x, low, high = operand("hardtanh", input), real(min_val, "min_val"), real(max_val, "max_val")
    if x.dtype is bool_ or not low <= high:
        raise OptionError(f"{user_line()}: hardtanh takes numbers, and min_val ≤ max_val; they are {low} and {high}")
    return written(x, lambda: minimum(maximum(x, _like(x, low)), _like(x, high)), inplace)


def _like(x: Tensor, number: float) -> float:
    """An end of a range as a number that does not promote integers."""
    return number if x.dtype.is_float or not number.is_integer() else int(number)


def relu6(input: Operand, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input: Operand, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope·x."""
    x = _floats("leaky_relu", input)
    return written(x, lambda: where(x > 0, x, x * real(negative_slope, "negative_slope")), inplace)


@casting
def prelu(input: Operand, weight: Operand) -> Tensor:
    """x where it is positive, else weight·x. weight: one element, or one a channel (axis 1). Raises ShapeError."""
    x, slope = _floats("prelu", input), _floats("prelu", weight)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slope.ndim > 1 or slope.numel() not in (1, channels):
        raise ShapeError(
            f"{user_line()}: prelu has one weight, or one for each of the {channels} channels of {list(x.shape)}, not "
            f"{list(slope.shape)}"
        )
    if slope.ndim == 1:
        slope = slope.reshape(-1, *(1 for _ in x.shape[2:])) if x.ndim > 1 else slope.reshape(*(1 for _ in x.shape))
    return where(x > 0, x, x * slope)


def _elu(x: Tensor, alpha: float, scale: float, inner: float) -> Tensor:
    below = where(x > 0, 0.0, x)  # so that nothing overflows where it is not chosen
    grown = (below * inner if inner != 1 else below).expm1() * (alpha * scale)
    return where(x > 0, x * scale if scale != 1 else x, grown)


def elu(input: Operand, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha·(exp(x) - 1)."""
    x = _floats("elu", input)
    return written(x, lambda: rounded_once(_elu)(x, alpha=real(alpha, "alpha"), scale=1.0, inner=1.0), inplace)


def selu(input: Operand, inplace: bool = False) -> Tensor:
    """scale·elu(x, alpha) with the constants of Klambauer and others 2017."""
    x = _floats("selu", input)
    return written(x, lambda: rounded_once(_elu)(x, alpha=_SELU_ALPHA, scale=_SELU_SCALE, inner=1.0), inplace)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def celu(input: Operand, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha·(exp(x / alpha) - 1). Raises FrameworkError for alpha = 0."""
    x, alpha = _floats("celu", input), real(alpha, "alpha")
    if not alpha:
        raise OptionError(f"{user_line()}: celu divides by alpha, which is 0")
    return written(x, lambda: rounded_once(_elu)(x, alpha=alpha, scale=1.0, inner=1 / alpha), inplace)


def gelu(input: Operand, approximate: str = "none") -> Tensor:
    """x·Φ(x), Φ being the normal distribution function; approximate="tanh": the form with tanh (Hendrycks 2016)."""
    x = _floats("gelu", input)
    forms: Any = {"none": _gelu, "tanh": _gelu_tanh}
    if approximate not in ("none", "tanh"):
        raise OptionError(f"{user_line()}: gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    made: Tensor = rounded_once(forms[approximate])(x)
    return made


def _gelu(x: Tensor) -> Tensor:
    return x * 0.5 * ((x * math.sqrt(0.5)).erf() + 1)


def _gelu_tanh(x: Tensor) -> Tensor:
    return x * 0.5 * (((x + 0.044715 * (x * x * x)) * math.sqrt(2 / math.pi)).tanh() + 1)


def silu(input: Operand, inplace: bool = False) -> Tensor:
    """x·σ(x), which is also called swish."""
    x = _floats("silu", input)
    return written(x, lambda: rounded_once(lambda x: x * x.sigmoid())(x), inplace)


def mish(input: Operand, inplace: bool = False) -> Tensor:
    """x·tanh(softplus(x))."""
    x = _floats("mish", input)
    return written(x, lambda: rounded_once(lambda x: x * x.softplus().tanh())(x), inplace)


def softsign(input: Operand) -> Tensor:
    """x / (1 + abs(x))."""
    return rounded_once(lambda x: x / (abs(x) + 1))(_floats("softsign", input))


def tanhshrink(input: Operand) -> Tensor:
    """x - tanh(x)."""
    return rounded_once(lambda x: x - x.tanh())(_floats("tanhshrink", input))


def hardsigmoid(input: Operand, inplace: bool = False) -> Tensor:
    """(x + 3) / 6 brought into [0, 1]."""
    x = _floats("hardsigmoid", input)
    return written(x, lambda: rounded_once(lambda x: minimum(maximum(x + 3, 0.0), 6.0) * (1 / 6))(x), inplace)


def hardswish(input: Operand, inplace: bool = False) -> Tensor:
    """x·min(max(x + 3, 0), 6) / 6."""
    x = _floats("hardswish", input)
    return written(x, lambda: rounded_once(lambda x: x * minimum(maximum(x + 3, 0.0), 6.0) * (1 / 6))(x), inplace)


def hardshrink(input: Operand, lambd: float = 0.5) -> Tensor:
    """x outside [-lambd, lambd], else 0."""
    x, edge = _floats("hardshrink", input), real(lambd, "lambd")
    return where((x >= -edge) & (x <= edge), 0.0, x)


def softshrink(input: Operand, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd ≥ 0, and 0 where it would pass it."""
    x, edge = _floats("softshrink", input), real(lambd, "lambd")
    if edge < 0:
        raise OptionError(f"{user_line()}: softshrink: lambd is not negative; it is {edge}")
    return where(x > edge, x - edge, where(x < -edge, x + edge, x * 0.0))


def threshold(input: Operand, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else ``value``."""
    x = operand("threshold", input)
    low, instead = real(threshold, "the threshold"), real(value, "the value")
    return written(x, lambda: where(x <= low, _like(x, instead), x), inplace)


def glu(input: Operand, dim: int = -1) -> Tensor:
    """The first half along ``dim``, times the sigmoid of the second. Raises ShapeError for an odd extent."""
    x = _floats("glu", input)
    at = axis(dim, x.shape)
    if not x.shape or x.shape[at] % 2:
        raise ShapeError(f"{user_line()}: glu halves axis {dim}, which {list(x.shape)} does not allow")
    half = x.shape[at] // 2
    whole: tuple[Any, ...] = (slice(None),) * at
    return x[(*whole, slice(None, half))] * x[(*whole, slice(half, None))].sigmoid()
