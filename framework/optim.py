"""Optimisers: what a step does to parameters, as operations of the same graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from framework.errors import CheckpointError, FrameworkError
from framework.lazy import no_grad
from framework.nn import Parameter
from framework.origin import user_line
from framework.primitives.base import Array
from framework.tensor import Tensor, realize_pending
from framework.tracing import current_trace


class Optimizer:
    """Holds parameters and a learning rate; ``step`` changes the parameters by their gradients.

    The learning rate is state: changing ``lr`` between jitted steps compiles nothing anew.
    """

    def __init__(self, parameters: Iterable[Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise FrameworkError(f"{user_line()}: the optimiser was given no parameters")
        if not lr >= 0:
            raise FrameworkError(f"{user_line()}: the learning rate must not be negative; it is {lr}")
        self._lr = Tensor(float(lr))

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
        """Update every parameter that has a gradient, and realise what is pending."""
        with no_grad():
            for i, parameter in enumerate(self.parameters):
                if parameter.grad is not None:
                    self.update(i, parameter, parameter.grad)
        if current_trace() is None:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            realize_pending(*self.parameters, *gradients, *(t for _, t in self.named_state()))

    def update(self, index: int, parameter: Parameter, gradient: Tensor) -> None:
        """Assign the parameter its new value, and the optimiser's own state; subclasses say how."""
        raise NotImplementedError

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The learning rate and the optimiser's own tensors by name."""
        yield "lr", self._lr

    def state_dict(self) -> dict[str, Array]:
        """All state by name, as NumPy arrays."""
        return {name: value.numpy() for name, value in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set all state. Raises CheckpointError if the names are not this optimiser's."""
        own = dict(self.named_state())
        if own.keys() != state.keys():
            raise CheckpointError(f"the optimiser's state is {', '.join(own)}, not {', '.join(state)}")
        for name, value in own.items():
            value.assign(Tensor(state[name], dtype=value.dtype))


class SGD(Optimizer):
    """Stochastic gradient descent: g += weight_decay·p; m = momentum·m + g; p -= lr·m, as torch has it."""

    def __init__(
        self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, lr)
        if momentum < 0 or weight_decay < 0:
            raise FrameworkError(f"{user_line()}: momentum {momentum} and weight_decay {weight_decay} must be ≥ 0")
        self.momentum, self.weight_decay = float(momentum), float(weight_decay)
        self._momenta = [Tensor(p.numpy() * 0) for p in self.parameters] if momentum else []

    def update(self, index: int, parameter: Parameter, gradient: Tensor) -> None:
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
