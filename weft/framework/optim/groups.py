"""Parameter groups: the options of an optimiser for some of its parameters, and the numbers that its updates use.

An option is a Python value of double precision, as in torch. An update multiplies with scalars, float32 or, if the
group has a float64 parameter, float64. The learning rate's is state of a jitted step; those of other options are fixed
in it until the option is changed for the first time, and state from then on. So a schedule, of the momentum too,
compiles at most one step more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from weft.framework.device import host
from weft.framework.dtypes import DType, float32, float64
from weft.framework.errors import OptionError, TraceError
from weft.framework.lazy import leaf
from weft.framework.origin import user_line
from weft.framework.pending import realize_pending
from weft.framework.refusals import FrameworkObject
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace

Scalar: TypeAlias = float | Tensor
"""A number of an update: fixed, or state."""
PARAMS, LR = "params", "lr"


class Decay(NamedTuple):
    """A decay rate β, with 1 - β and ln β: each computed in double precision and rounded once."""

    rate: Scalar
    rest: Scalar
    log: Scalar


class OptimizerLayout(FrameworkObject):
    """Counts the changes of what a trace takes as it is: groups, fixed options, which tensors are state.

    A trace reads ``version``, so that a jitted step is traced anew after such a change. updating: a step is being
    worked out; an option that it reads as it is, is a fixed one from then on, however often it has been changed.
    """

    READ_BY_TRACES = True

    def __init__(self) -> None:
        self.version, self.updating = 0, False

    def changed(self) -> None:
        """Something did."""
        self.version += 1

    def note(self) -> int:
        """The version; a trace in progress depends on it from here on."""
        trace = current_trace()
        if trace is not None:
            trace.reads.value(self, "the optimiser's options")
        return self.version


def itself(value: float) -> float:
    """β."""
    return value


def complement(value: float) -> float:
    """1 - β."""
    return 1 - value


def logarithm(value: float) -> float:
    """ln β."""
    return math.log(value) if value > 0 else -math.inf


def scalar_state(value: float, dtype: DType = float32) -> Tensor:
    """A scalar that a jitted step takes as state, wherever it is made."""
    return Tensor._holding(leaf(np.asarray(value, dtype.numpy), dtype))


def converted(state: Tensor, dtype: DType, exact: float) -> None:
    """Make state of floats one of another element type, now. What is ``exact``, rounded, is that number still."""
    if state.dtype is dtype or not (state.dtype.is_float and dtype.is_float):
        return
    old, e = host(realize_pending(state)[0]), state._expr
    new = np.where(old == old.dtype.type(exact), np.asarray(exact, dtype.numpy), old.astype(dtype.numpy))
    state._storage.put(leaf(new.astype(dtype.numpy).reshape(e.shape), dtype, e.device))


class ParamGroup(FrameworkObject, MutableMapping[str, Any]):
    """The options of one group by name, ``params`` among them, and whatever a user adds.

    Reading and writing are a dictionary's. In a jitted function the learning rate reads as the tensor that it is.
    """

    STORED = "optimizer.state_dict()"

    def __init__(self, layout: OptimizerLayout, options: dict[str, Any]) -> None:
        self._layout = layout
        self._values: dict[str, Any] = {}
        self._varying: set[str] = set()
        self._fixed: set[str] = set()
        self._scalars: dict[tuple[str, int | None, Callable[[float], float]], Tensor] = {}
        for key, value in options.items():
            self._values[key] = _checked(key, value)
        if LR in options:
            self._varying.add(LR)
            self._scalars[LR, None, itself] = scalar_state(self._values[LR], self.dtype)

    # As a dictionary

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if key == LR:
            rate = self._scalars[LR, None, itself]
            if current_trace() is not None:
                return rate
            found = rate.numpy()  # a jitted step may have changed it
            return value if found.dtype.type(value) == found else float(found)
        self._layout.note()
        if self._layout.updating:
            self._fixed.add(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if key == LR and (isinstance(value, Tensor) or current_trace() is not None):
            rate = self._scalars[LR, None, itself]
            rate.assign(value.to(rate.dtype) if isinstance(value, Tensor) else float(_checked(key, value)))
            return
        value = _checked(key, value)
        if key in self._values and _equal(self._values[key], value):
            return
        if current_trace() is not None:
            raise TraceError(
                f"{user_line()}: a jitted function cannot change {key!r} of a parameter group, which would happen once "
                "and not at every call; change it outside, or change the learning rate"
            )
        before = self._values.get(key)
        self._values[key] = value
        if key not in self._varying or key in self._fixed or _is_zero(before) != _is_zero(value):
            self._layout.changed()
        if isinstance(before, int | float | tuple) and not isinstance(before, bool):
            self._varying.add(key)
        for (name, at, of), scalar in self._scalars.items():
            if name == key:
                scalar.assign(scalar_state(of(value if at is None else value[at]), scalar.dtype))

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._layout.changed()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {key: self[key] for key in self._values if key != PARAMS}
        return f"ParamGroup({len(self.params)} parameters, {', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    # What updates use

    @property
    def params(self) -> tuple[Tensor, ...]:
        """The parameters of the group."""
        params: tuple[Tensor, ...] = self._values[PARAMS]
        return params

    @property
    def dtype(self) -> DType:
        """The type of the numbers that updates use: float64 if a parameter is, else float32."""
        return float64 if any(p.dtype is float64 for p in self.params) else float32

    def convert(self) -> None:
        """Give the numbers this type, if parameters have been converted; what a jitted step has changed stays so."""
        dtype = self.dtype
        for (key, at, of), scalar in self._scalars.items():
            converted(scalar, dtype, of(self._values[key] if at is None else self._values[key][at]))

    @property
    def lr(self) -> Tensor:
        """The learning rate, a scalar of ``dtype``."""
        return self._scalars[LR, None, itself]

    def scalars(self) -> tuple[Tensor, ...]:
        """All numbers that updates use, the learning rate among them."""
        return tuple(self._scalars.values())

    def uses(self, key: str) -> bool:
        """Whether an option is not zero, None or False."""
        return not _is_zero(self._values[key])

    def scalar(self, key: str, of: Callable[[float], float] = itself, at: int | None = None) -> Scalar:
        """``of`` an option, or of its element ``at``, as a number to compute with: outside traces always a tensor."""
        if key not in self._varying and current_trace() is not None:
            value = self._values[key]
            found = of(value if at is None else value[at])
            return Tensor(found, dtype=float64) if self.dtype is float64 else found
        if (key, at, of) not in self._scalars:
            value = self._values[key]
            self._scalars[key, at, of] = scalar_state(of(value if at is None else value[at]), self.dtype)
        return self._scalars[key, at, of]

    def decay(self, key: str, at: int | None = None) -> Decay:
        """An option that is a decay rate."""
        return Decay(*(self.scalar(key, of, at) for of in (itself, complement, logarithm)))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return a is b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return type(a) is type(b) and bool(a == b)


def _is_zero(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | float) and not value)


def number(what: str, value: Any) -> float:
    """``value`` as a float. Raises FrameworkError if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        shown = value if isinstance(value, str) else type(value).__name__
        raise OptionError(f"{user_line()}: {what} is a number, not {shown!r}") from None


def _not_negative(what: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        found = number(what, value)
        if not found >= 0:
            raise OptionError(f"{user_line()}: {what} must not be negative; it is {found}")
        return found

    return check


def _share(what: str, most: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        found = number(what, value)
        if not (0 <= found < 1 or (found == 1 and most == "1")):
            raise OptionError(f"{user_line()}: {what} lies between 0 and {most}; it is {found}")
        return found

    return check


def _pair(check: Callable[[Any], float], what: str) -> Callable[[Any], tuple[float, ...]]:
    def both(value: Any) -> tuple[float, ...]:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise OptionError(f"{user_line()}: {what} are two numbers, not {value!r:.60}")
        return tuple(map(check, value))

    return both


def _tensors(value: Any) -> tuple[Tensor, ...]:
    """The parameters of a group. Raises FrameworkError for what is no list of tensors that a step can change."""
    if isinstance(value, Tensor):
        value = [value]
    try:
        listed = list(value)
    except TypeError:
        raise OptionError(
            f"{user_line()}: the optimiser takes a list of parameters, such as model.parameters(), not a "
            f"{type(value).__name__}"
        ) from None
    if isinstance(value, set):
        raise OptionError(f"{user_line()}: parameters need an order, which a set has not; give a list")
    for i, parameter in enumerate(listed):
        if not isinstance(parameter, Tensor):
            kind = type(parameter).__name__
            raise OptionError(f"{user_line()}: parameter {i} of the optimiser is no tensor but of type {kind}")
        if not parameter.is_leaf:
            raise OptionError(f"{user_line()}: parameter {i} of the optimiser was computed; give one that was not")
    return tuple(listed)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    PARAMS: _tensors,
    LR: _not_negative("the learning rate"),
    "momentum": _not_negative("the momentum"),
    "weight_decay": _not_negative("the weight decay"),
    "dampening": lambda value: number("the dampening", value),
    "eps": _not_negative("eps"),
    "alpha": _not_negative("alpha"),
    "lambd": lambda value: number("lambd", value),
    "t0": lambda value: number("t0", value),
    "rho": _share("rho", "1"),
    "lr_decay": _not_negative("the decay of the learning rate"),
    "momentum_decay": _not_negative("the momentum's decay"),
    "initial_accumulator_value": _not_negative("initial_accumulator_value"),
    "betas": _pair(_share("each of betas", "1, which is excluded"), "betas"),
    "etas": _pair(_not_negative("each of etas"), "etas"),
    "step_sizes": _pair(_not_negative("each of step_sizes"), "step_sizes"),
}
"""Option → what makes of a given value the one that is kept, or refuses it. Other keys are taken as they are."""


def _checked(key: str, value: Any) -> Any:
    if key == LR and isinstance(value, Tensor):
        return float(value.item())
    if key == PARAMS:
        return _tensors(value)
    check = _CHECKS.get(key)
    return value if check is None else check(value)


def distinct(groups: Iterable[ParamGroup]) -> None:
    """Raise FrameworkError for a parameter that is there twice: each step would update it twice."""
    first: dict[int, int] = {}
    for i, parameter in enumerate(p for group in groups for p in group.params):
        if first.setdefault(id(parameter), i) != i:
            raise OptionError(
                f"{user_line()}: parameters {first[id(parameter)]} and {i} are the same tensor, which each step "
                "would update twice; give each parameter once"
            )
