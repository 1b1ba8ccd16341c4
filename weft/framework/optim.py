"""Optimisers: what a step does to parameters, as operations of the same graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.checkpoint import fitted
from weft.framework.errors import AbstractError, CheckpointError, FrameworkError, TraceError
from weft.framework.lazy import is_left_over, no_grad
from weft.framework.origin import part_of, user_line
from weft.framework.pending import realize_all
from weft.framework.primitives.base import Array
from weft.framework.refusals import FrameworkObject, unknown_name
from weft.framework.state_names import Called
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace

__all__ = ["SGD", "Optimizer"]


class Optimizer(FrameworkObject):
    """Holds parameters and a learning rate; ``step`` changes the parameters by their gradients.

    The learning rate is state: changing ``lr`` between jitted steps compiles nothing anew. Attributes that are plain
    Python values are fixed in a compiled step: changing one between jitted steps traces it anew.
    """

    READ_BY_TRACES = True
    STORED = "weft.save(optimizer.state_dict(), path), and optimizer.load_state_dict(weft.load(path)) to read"

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        try:
            self.parameters = list(parameters)
        except TypeError:
            raise FrameworkError(
                f"{user_line()}: the optimiser takes a list of parameters, such as model.parameters(), not a "
                f"{type(parameters).__name__}"
            ) from None
        if not self.parameters:
            raise FrameworkError(f"{user_line()}: the optimiser was given no parameters")
        first: dict[int, int] = {}
        for i, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Tensor):
                kind = type(parameter).__name__
                raise FrameworkError(f"{user_line()}: parameter {i} of the optimiser is no tensor but of type {kind}")
            if first.setdefault(id(parameter), i) != i:
                raise FrameworkError(
                    f"{user_line()}: parameters {first[id(parameter)]} and {i} are the same tensor, which each step "
                    "would update twice; give each parameter once"
                )
        self._lr = Tensor(_not_negative("the learning rate", lr))

    @property
    def lr(self) -> Tensor:
        """The learning rate, a float32 scalar; assign a number to change it."""
        return self._lr

    @lr.setter
    def lr(self, value: float | Tensor) -> None:
        self._lr.assign(value if isinstance(value, Tensor) else float(value))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient, and realise what is pending.

        Raises TraceError for gradients made in an earlier call of a jitted function.
        """
        trace = current_trace()
        if any(p.grad is not None and is_left_over(p.grad._expr) for p in self.parameters):
            raise TraceError(
                f"{user_line()}: step() has gradients made in an earlier call of a jitted function, which do not "
                "outlast it; call optimizer.zero_grad() at the start of the jitted step: gradients do not accumulate "
                "between jitted calls"
            )
        with no_grad():
            for i, parameter in enumerate(self.parameters):
                if parameter.grad is not None:
                    called = Called("", f"parameter {i}") if trace is None else trace.names.of_tensor(parameter)
                    with part_of(called.layer, type(self).__name__, f"{called.name} update"):
                        self.update(i, parameter, parameter.grad)
        if trace is None:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            realize_all(*self.parameters, *gradients, *(t for _, t in self.named_state()))

    def update(self, index: int, parameter: Tensor, gradient: Tensor) -> None:
        """Assign the parameter its new value, and the optimiser's own state; subclasses say how."""
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no update(); define what a step does")

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The learning rate and the optimiser's own tensors by name."""
        yield "lr", self._lr

    def state_dict(self) -> dict[str, Array]:
        """All state by name, as NumPy arrays."""
        return {name: value.numpy() for name, value in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all state, or none. Raises CheckpointError for other names or shapes, and values that do not fit."""
        if not isinstance(state, Mapping):
            raise CheckpointError(
                f"{user_line()}: load_state_dict takes arrays by name, as state_dict() or weft.load() gives them, "
                f"not a {type(state).__name__}"
            )
        own = dict(self.named_state())
        if own.keys() != state.keys():
            raise CheckpointError(f"the optimiser's state is {', '.join(own)}, not {', '.join(map(str, state))}")
        arrays = {name: fitted(name, state[name], value) for name, value in own.items()}
        for name, value in own.items():
            value.assign(Tensor(arrays[name], dtype=value.dtype))


class SGD(Optimizer):
    """Stochastic gradient descent: g += weight_decay·p; m = momentum·m + g; p -= lr·m, as torch has it."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, lr)
        self._momenta: list[Tensor] = []
        self.momentum, self.weight_decay = momentum, weight_decay

    @property
    def momentum(self) -> float:
        """How much of the last step is kept; may be changed between steps, from 0 too."""
        return self._momentum

    @momentum.setter
    def momentum(self, value: float) -> None:
        self._momentum = _not_negative("the momentum", value)
        if value and not self._momenta:
            self._momenta = [Tensor(np.zeros_like(p.numpy())) for p in self.parameters]

    @property
    def weight_decay(self) -> float:
        """How much of each parameter is added to its gradient; may be changed between steps."""
        return self._weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float) -> None:
        self._weight_decay = _not_negative("the weight decay", value)

    def update(self, index: int, parameter: Tensor, gradient: Tensor) -> None:
        """One parameter's step."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * parameter
        if self.momentum:
            gradient = self.momentum * self._momenta[index] + gradient
            self._momenta[index].assign(gradient)
        parameter.assign(parameter - self._lr * gradient)

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The learning rate and one momentum for each parameter."""
        yield from super().named_state()
        yield from ((f"momentum.{i}", m) for i, m in enumerate(self._momenta))


def _not_negative(what: str, value: Any) -> float:
    """``value`` as a float. Raises FrameworkError if it is no number or negative."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        shown = value if isinstance(value, str) else type(value).__name__
        raise FrameworkError(f"{user_line()}: {what} is a number, not {shown!r}") from None
    if not number >= 0:
        raise FrameworkError(f"{user_line()}: {what} must not be negative; it is {number}")
    return number


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("optim", globals())
