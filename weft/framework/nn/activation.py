"""Activations as modules: each is its function in ``functional``, with the function's options as attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.framework.axes import count, real
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import OptionError
from weft.framework.functional import full
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax", "Softmin", "Softplus",
    "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
]


class _Activation(Module):
    """A function of one tensor. ``_options``: the attributes that it is given, and that the repr shows."""

    _function: Callable[..., Tensor]
    _options: tuple[str, ...] = ()

    def forward(self, input: Tensor) -> Tensor:
        """The function with this module's options."""
        return type(self)._function(input, **{name: getattr(self, name) for name in self._options})

    def extra_repr(self) -> str:
        """The options; ``inplace`` only if it is set."""
        shown = ((name, getattr(self, name)) for name in self._options)
        return ", ".join(f"{name}={value}" for name, value in shown if name != "inplace" or value)


class _InPlace(_Activation):
    """An activation without other options."""

    _options = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = bool(inplace)


class ReLU(_InPlace):
    """max(x, 0)."""

    _function = staticmethod(F.relu)


class ReLU6(_InPlace):
    """min(max(x, 0), 6)."""

    _function = staticmethod(F.relu6)


class SELU(_InPlace):
    """``functional.selu``."""

    _function = staticmethod(F.selu)


class SiLU(_InPlace):
    """x·σ(x)."""

    _function = staticmethod(F.silu)


class Mish(_InPlace):
    """x·tanh(softplus(x))."""

    _function = staticmethod(F.mish)


class Hardswish(_InPlace):
    """x·min(max(x + 3, 0), 6) / 6."""

    _function = staticmethod(F.hardswish)


class Hardsigmoid(_InPlace):
    """(x + 3) / 6 brought into [0, 1]."""

    _function = staticmethod(F.hardsigmoid)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    _function = staticmethod(F.sigmoid)


class Tanh(_Activation):
    """Hyperbolic tangent."""

    _function = staticmethod(F.tanh)


class LogSigmoid(_Activation):
    """log σ(x)."""

    _function = staticmethod(F.logsigmoid)


class Softsign(_Activation):
    """x / (1 + abs(x))."""

    _function = staticmethod(F.softsign)


class Tanhshrink(_Activation):
    """x - tanh(x)."""

    _function = staticmethod(F.tanhshrink)


class ELU(_Activation):
    """x where it is positive, else alpha·(exp(x) - 1)."""

    _function, _options = staticmethod(F.elu), ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = real(alpha, "alpha"), bool(inplace)


class CELU(_Activation):
    """x where it is positive, else alpha·(exp(x / alpha) - 1)."""

    _function, _options = staticmethod(F.celu), ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = real(alpha, "alpha"), bool(inplace)


class GELU(_Activation):
    """x·Φ(x); approximate="tanh": the form with tanh."""

    _function, _options = staticmethod(F.gelu), ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise OptionError(f"{user_line()}: GELU: approximate is 'none' or 'tanh', not {approximate!r}")
        self.approximate = approximate

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"approximate={self.approximate!r}"


class LeakyReLU(_Activation):
    """x where it is positive, else negative_slope·x."""

    _function, _options = staticmethod(F.leaky_relu), ("negative_slope", "inplace")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = real(negative_slope, "negative_slope"), bool(inplace)


class Softplus(_Activation):
    """log(1 + exp(beta·x)) / beta."""

    _function, _options = staticmethod(F.softplus), ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = real(beta, "beta"), real(threshold, "the threshold")


class Hardtanh(_Activation):
    """x brought into [min_val, max_val]."""

    _function, _options = staticmethod(F.hardtanh), ("min_val", "max_val", "inplace")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = real(min_val, "min_val"), real(max_val, "max_val"), bool(inplace)


class Hardshrink(_Activation):
    """x outside [-lambd, lambd], else 0."""

    _function, _options = staticmethod(F.hardshrink), ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = real(lambd, "lambd")

    def extra_repr(self) -> str:
        """As torch shows it."""
        return str(self.lambd)


class Softshrink(_Activation):
    """x moved towards 0 by lambd, and 0 where it would pass it."""

    _function, _options = staticmethod(F.softshrink), ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = real(lambd, "lambd")

    def extra_repr(self) -> str:
        """As torch shows it."""
        return str(self.lambd)


class Threshold(_Activation):
    """x where it is above the threshold, else ``value``."""

    _function, _options = staticmethod(F.threshold), ("threshold", "value", "inplace")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value = real(threshold, "the threshold"), real(value, "the value")
        self.inplace = bool(inplace)


class _AlongAxis(_Activation):
    """An activation along an axis."""

    _options = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_AlongAxis):
    """exp(x) / Σ exp(x) along ``dim``."""

    _function = staticmethod(F.softmax)


class Softmin(_AlongAxis):
    """softmax(-x) along ``dim``."""

    _function = staticmethod(F.softmin)


class LogSoftmax(_AlongAxis):
    """x - log Σ exp(x) along ``dim``."""

    _function = staticmethod(F.log_softmax)


class GLU(_Activation):
    """The first half along ``dim``, times the sigmoid of the second."""

    _function, _options = staticmethod(F.glu), ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class PReLU(Module):
    """x where it is positive, else weight·x. weight [num_parameters], trained, starts as ``init``."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | Device | None = None,
        dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_parameters = count(num_parameters, "num_parameters", least=1)
        self.init: Any = real(init, "init")
        self.weight = Parameter(full((self.num_parameters,), self.init))
        self._place(device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """``functional.prelu`` with the weight."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"num_parameters={self.num_parameters}"
