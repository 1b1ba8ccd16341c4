"""Post-training quantisation: a trained model of Linear layers becomes one that computes with int8 values.

``quantise`` watches the float model on calibration data, chooses the range of each layer's input from what it saw, and
rebuilds the model around ``QuantisedLinear``. Weights are scaled for each output channel by their largest magnitude.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, SupportsFloat, TypeVar

import numpy as np

from weft.framework.device import default_device, get_device
from weft.framework.errors import FrameworkError, ShapeError
from weft.framework.jit import JitFunction
from weft.framework.lazy import no_grad
from weft.framework.nn import Linear, Module
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.quantised import MOST_FEATURES, QuantisedLinear, out_of_range
from weft.framework.random import Generator
from weft.framework.tensor import Tensor, stored

M = TypeVar("M", bound=Module)
_BATCH = 256


@dataclass(frozen=True)
class Method:
    """How the range of a layer's input is chosen: ``keep`` what matters of the magnitudes [n] of one batch, then the
    range is ``largest`` of all that was kept, given the percentile."""

    keep: Callable[[Array], Array]
    largest: Callable[[Array, float], float]


def _percentile(magnitudes: Array, percentile: float) -> float:
    """What that share of the magnitudes do not exceed; the largest if that is zero. The rest saturates."""
    found = float(np.percentile(magnitudes, percentile))
    return found if found > 0 else float(magnitudes.max())


METHODS: Mapping[str, Method] = {
    "minmax": Method(lambda magnitudes: magnitudes.max(keepdims=True), lambda maxima, _: float(maxima.max())),
    "percentile": Method(lambda magnitudes: magnitudes, _percentile),
}
"""Calibration methods by name. With "minmax" nothing that was seen saturates."""


class CalibrationError(FrameworkError, ValueError):
    """Calibration data, a method, or a layer that quantisation cannot use."""


class _Watched(Module):
    """A float Linear that keeps what a method wants of the magnitudes of its inputs. ``shown`` is its name."""

    def __init__(self, layer: Linear, shown: str, method: Method) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        if layer.bias is None:
            self.bias = None
        self._original = (layer, shown)  # in a tuple: not one of its modules
        self.keep = method.keep
        self.layer = Linear(layer.in_features, layer.out_features, layer.bias is not None, generator=Generator(0))
        self.layer.load_state_dict(layer.state_dict())
        self.seen: list[Array] = []

    def __getattr__(self, name: str) -> Any:
        layer, shown = self.__dict__.get("_original", (None, ""))
        if not hasattr(layer, name):
            raise AttributeError(f"{type(layer).__name__!r} object has no attribute {name!r}")
        raise CalibrationError(
            f"{user_line()}: the model reads .{name} of {shown}, which has no such float value once it is quantised; "
            "let the model call the layer and nothing else"
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x)
        self.seen.append(self.keep(np.abs(_float32(x)).reshape(-1)))
        return result


def quantise(model: M, data: Any, method: str = "minmax", percentile: SupportsFloat = 99.9) -> M:
    """A copy of ``model`` whose Linear layers compute with int8 values, on the model's device, for inference.

    To a type checker it is of the model's class, which holds for all but a Linear by itself: a QuantisedLinear.

    data: typical inputs: an array or tensor [samples, ...], or batches of them such as a ``DataLoader`` gives (of a
        tuple, the first field is taken). They run through the float model on the default device.
    method: the range of a layer's inputs: "minmax", the largest magnitude seen, or "percentile", what ``percentile``
        per cent of all magnitudes do not exceed. Beyond it values saturate, infinite ones too; a NaN counts as the
        largest value of the range, on every device.

    Other modules without parameters (ReLU, Flatten, Sigmoid, Sequential and your own) are kept; those between layers
    compute in float32, but for a ReLU, which becomes part of the integers. Raises CalibrationError for an unknown
    method, a percentile outside (0, 100], data that is empty or not finite, a layer that cannot be quantised or whose
    inputs, weights or bias are so large or small that no scale represents them (by name); ShapeError for data that the
    model does not take.
    """
    where = user_line()
    if not isinstance(method, str) or method not in METHODS:
        raise CalibrationError(f"{where}: unknown calibration method {method!r}; there are: {', '.join(METHODS)}")
    if isinstance(percentile, bool) or not isinstance(percentile, Real) or not 0 < float(percentile) <= 100:
        raise CalibrationError(f"{where}: percentile is above 0 and at most 100, not {percentile!r}")
    layers = _layers(model, where)
    watched = {id(layer): _Watched(layer, _shown(name, layer), METHODS[method]) for name, layer in layers.items()}
    _watch(_rebuilt(model, watched, jitted=False), data, where)
    made: dict[int, Module] = {}
    for name, layer in layers.items():
        if not watched[id(layer)].seen:
            raise CalibrationError(f"{where}: no calibration data reached {_shown(name, layer)}")
        seen = np.concatenate(watched[id(layer)].seen)
        finite = bool(np.isfinite(seen).all())
        largest = METHODS[method].largest(seen, float(percentile)) if finite else float(seen.max())
        weight, bias = _float32(layer.weight), None if layer.bias is None else _float32(layer.bias)
        problem = out_of_range(weight, bias, largest)
        if problem is not None:
            raise CalibrationError(f"{where}: {_shown(name, layer)} cannot be quantised: {problem}")
        made[id(layer)] = QuantisedLinear(weight, bias, largest).to(layer.weight.device)
    rebuilt: Any = _rebuilt(model, made).eval()
    quantised: M = rebuilt
    return quantised


def _float32(values: Tensor) -> Array:
    return values.numpy().astype(np.float32)


def _shown(name: str, module: Module) -> str:
    return f"layer {name!r} ({type(module).__name__})" if name else f"the model ({type(module).__name__})"


def _layers(model: Any, where: str) -> dict[str, Linear]:
    """Every Linear by dotted path. Raises CalibrationError for what cannot be quantised."""
    if not isinstance(model, Module):
        raise CalibrationError(f"{where}: quantise takes a Module, not a {type(model).__name__}")
    found: dict[str, Linear] = {}
    for name, module in model.named_modules():
        reason = None
        if isinstance(module, QuantisedLinear):
            reason = "is quantised already"
        elif type(module) is Linear:
            found[name] = module
            if module.in_features > MOST_FEATURES:
                reason = f"has more than {MOST_FEATURES:,} inputs, so its int32 sums could overflow"
            elif not all(np.isfinite(_float32(p)).all() for p in module.parameters()):
                reason = "has parameters that are not finite"
        elif module._parameters:
            reason = f"has parameters ({', '.join(module._parameters)}) and is no nn.Linear"
        if reason is not None:
            raise CalibrationError(
                f"{where}: {_shown(name, module)} cannot be quantised: it {reason}; nn.Linear layers can be, and "
                "modules without parameters stay as they are"
            )
    if not found:
        raise CalibrationError(f"{where}: {_shown('', model)} has no nn.Linear layer to quantise")
    return found


def _rebuilt(model: Module, instead: Mapping[int, Module], jitted: bool = True) -> Module:
    """A copy of the model with other modules in the place of some (by id). Unless ``jitted``, methods under ``@jit``
    are plain ones in it, so that values can be looked at inside."""
    made: dict[int, Module] = dict(instead)

    def build(module: Module) -> Module:
        if id(module) not in made:
            made[id(module)] = twin = copy.copy(module)
            for name in _jitted(module):
                if not jitted:
                    twin.__dict__[name] = functools.partial(getattr(type(module), name)._function, twin)
            for name, child in module._modules.items():
                setattr(twin, name, build(child))
        return made[id(module)]

    return build(model)


def _jitted(module: Module) -> list[str]:
    """Names of the methods under ``@jit``, unless a subclass has a plain one instead."""
    names = dict.fromkeys(name for kind in type(module).__mro__ for name in vars(kind))
    return [name for name in names if isinstance(getattr(type(module), name, None), JitFunction)]


def _batches(data: Any, where: str) -> Iterator[Array]:
    """The calibration data as arrays with samples along the first axis."""
    if isinstance(data, Tensor | np.ndarray):
        whole = data.numpy() if isinstance(data, Tensor) else stored(data, None)
        if whole.ndim == 0:
            raise CalibrationError(f"{where}: calibration data is [samples, ...], not one number")
        yield from (whole[at : at + _BATCH] for at in range(0, len(whole), _BATCH))
        return
    try:
        parts = iter(data)
    except TypeError:
        raise CalibrationError(
            f"{where}: calibration data is an array, a tensor or batches of them, not {type(data).__name__}"
        ) from None
    for part in parts:
        fields = isinstance(part, tuple | list) and part and isinstance(part[0], Tensor | np.ndarray)
        first = part[0] if fields else part
        yield first.numpy() if isinstance(first, Tensor) else stored(first, None)


def _watch(model: Module, data: Any, where: str) -> None:
    """Run every batch through the model. Raises CalibrationError or ShapeError."""
    samples = 0
    with no_grad():
        for number, batch in enumerate(_batches(data, where)):
            values = batch.astype(np.float32)
            if not np.isfinite(values).all():
                at = [int(i) for i in np.argwhere(~np.isfinite(values))[0]]
                raise CalibrationError(
                    f"{where}: calibration data is not finite: batch {number} holds {values[tuple(at)]} at {at}"
                )
            if not batch.size:
                continue
            samples += 1
            try:
                result = model(Tensor(batch, device=get_device(default_device())))
            except ShapeError as error:
                raise ShapeError(f"{where}: the model does not take the calibration data: {error}") from None
            if isinstance(result, Tensor):
                result.numpy()
    if not samples:
        raise CalibrationError(f"{where}: calibration data is empty; give some typical inputs, a hundred will do")
