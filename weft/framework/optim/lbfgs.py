"""L-BFGS: steps along the gradient times an approximate inverse Hessian, made of the last steps and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weft.framework.axes import whole
from weft.framework.errors import CheckpointError, OptionError, TraceError
from weft.framework.grad_mode import enable_grad
from weft.framework.lazy import no_grad
from weft.framework.optim.groups import PARAMS, ParamGroup
from weft.framework.optim.line_search import SearchPoint, strong_wolfe
from weft.framework.optim.optimizer import Given, Optimizer
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace


@dataclass
class _Memory:
    """What goes from one call of ``step`` to the next, by torch's names: the direction d and its length t, the last
    changes of the gradient (old_dirs) and of the parameters (old_stps) with 1 / their products (ro), the scale of the
    first Hessian, the gradient and the loss before."""

    func_evals: int = 0
    n_iter: int = 0
    d: Array | None = None
    t: float = 0.0
    old_dirs: list[Array] = field(default_factory=list)
    old_stps: list[Array] = field(default_factory=list)
    ro: list[float] = field(default_factory=list)
    H_diag: float = 1.0
    prev_flat_grad: Array | None = None
    prev_loss: float = math.nan

    def learn(self, gradient: Array, history: int) -> None:
        """Take in the step that was made since, if the loss curves upwards along it."""
        assert self.d is not None
        assert self.prev_flat_grad is not None
        change, step = gradient - self.prev_flat_grad, self.d * gradient.dtype.type(self.t)
        product = float(change @ step)
        if product > 1e-10:
            for kept, new in ((self.old_dirs, change), (self.old_stps, step), (self.ro, 1 / product)):
                kept.append(new)  # type: ignore[arg-type]  # each list has its own kind
                del kept[: max(len(kept) - history, 0)]
            self.H_diag = product / float(change @ change)

    def direction(self, gradient: Array) -> Array:
        """Minus the approximate inverse Hessian times the gradient, by the two loops of Nocedal 1980."""
        kind, weights = gradient.dtype.type, list[float]()
        result: Array = -gradient
        past = list(zip(self.old_dirs, self.old_stps, self.ro, strict=True))
        for change, step, ro in reversed(past):
            weights.append(float(step @ result) * ro)
            result = result - kind(weights[-1]) * change
        result = result * kind(self.H_diag)
        for (change, step, ro), weight in zip(past, reversed(weights), strict=True):
            result = result + kind(weight - float(change @ result) * ro) * step
        return result


class LBFGS(Optimizer):
    """Liu and Nocedal 1989: ``step(closure)`` calls the closure, which computes the loss and its gradients anew, as
    often as it needs, up to ``max_eval`` times in ``max_iter`` iterations.

    history_size: how many steps make the Hessian. tolerance_grad, tolerance_change: the largest element of a gradient,
    and of a step or the change of the loss, with which it ends. line_search_fn: None for steps of length ``lr``, or
    "strong_wolfe". All parameters are one group. How far a step goes is decided by the loss, on the host, so a jitted
    function cannot hold it; the closure may be, or call, one. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": whole(max_iter, "max_iter") * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        self._memory = _Memory()

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """The one group. Raises FrameworkError for a second one."""
        if self._held.groups:
            raise OptionError(f"{user_line()}: LBFGS takes one group of parameters: they make one vector")
        super().add_param_group(param_group)

    def check(self, group: ParamGroup) -> None:
        """A known line search, and limits that are numbers."""
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise OptionError(
                f"{user_line()}: line_search_fn is 'strong_wolfe' or None, not {group['line_search_fn']!r}"
            )
        counts = {name: group[name] for name in ("max_iter", "max_eval", "history_size")}
        wrong = next((name for name, n in counts.items() if type(n) is not int or n < 1), None)
        if wrong is not None:
            raise OptionError(f"{user_line()}: {wrong} is an integer above 0, not {counts[wrong]!r}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Go on until a tolerance or a limit is met; the loss before. Raises TraceError inside a jitted function."""
        if not callable(closure):
            raise OptionError(
                f"{user_line()}: LBFGS needs a closure, step(closure), that clears the gradients, computes the loss, "
                "calls backward() and returns it"
            )
        if current_trace() is not None:
            raise TraceError(f"{user_line()}: LBFGS decides by the loss, so step() cannot be part of a jitted function")
        return _Steps(self, closure).run()

    def state_dict(self) -> dict[str, Any]:
        """As torch's: what is remembered stands with the first parameter."""
        (group,) = self._held.groups
        memory = vars(self._memory) if self._memory.func_evals else {}
        kept = {name: list(value) if isinstance(value, list) else value for name, value in memory.items()}
        return {"state": {0: kept} if kept else {}, "param_groups": [{**group, PARAMS: list(range(len(group.params)))}]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there. Raises CheckpointError."""
        given = state_dict if isinstance(state_dict, Mapping) else {}
        kept, known = given.get("state", {}).get(0, {}), vars(_Memory())
        super().load_state_dict({**given, "state": {}})
        unknown = sorted(kept.keys() - known.keys() - {"al"})
        if unknown:
            raise CheckpointError(f"the state does not belong to this LBFGS: unknown {', '.join(unknown)}")
        size = sum(p.numel() for p in self._held.groups[0].params)
        made = {name: _taken(name, value, size) for name, value in kept.items() if name in known}
        self._memory = _Memory(**made)


def _taken(name: str, value: Any, size: int) -> Any:
    """A value of a state: numbers, vectors of all parameters, or a list of either. Raises CheckpointError."""
    if isinstance(value, list | tuple):
        return [_taken(name, part, size) for part in value]
    array = None if value is None else np.array(value.numpy() if isinstance(value, Tensor) else value)
    if array is None or not array.shape:
        return None if array is None else array.item()
    if array.shape != (size,):
        raise CheckpointError(f"{name} has {list(array.shape)} in the state, but the parameters have {size} elements")
    return array


class _Steps:
    """One call of ``step``."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]) -> None:
        (self.group,), self.memory, self.closure = optimizer.param_groups, optimizer._memory, closure
        self.params = self.group.params
        self.kind: Any = np.result_type(*(p.dtype.numpy for p in self.params if p.dtype.is_float), np.float32)

    def loss(self) -> tuple[Any, float]:
        """The closure's result, as it is and as a number."""
        with enable_grad():
            result = self.closure()
        self.memory.func_evals += 1
        return result, float(result)

    def gradient(self) -> Array:
        """The gradients of all parameters as one vector; zeros for a parameter that has none."""
        parts = [np.zeros(p.numel()) if p.grad is None else p.grad.numpy().ravel() for p in self.params]
        return np.concatenate([np.asarray(part, self.kind) for part in parts])

    def place(self, values: Array) -> None:
        """Give the parameters the elements of a vector."""
        at = 0
        with no_grad():
            for p in self.params:
                p.assign(Tensor(values[at : at + p.numel()].reshape(p.shape), dtype=p.dtype))
                at += p.numel()

    def run(self) -> Any:
        """Iterate."""
        group, memory = self.group, self.memory
        rate, most = float(group["lr"]), group["max_eval"]
        first, loss = self.loss()
        evaluations, gradient = 1, self.gradient()
        if abs(gradient).max(initial=0) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            memory.n_iter += 1
            if memory.n_iter > 1:
                memory.learn(gradient, group["history_size"])
            direction = memory.d = memory.direction(gradient)
            memory.prev_flat_grad, memory.prev_loss = gradient, loss
            memory.t = min(1.0, 1.0 / float(abs(gradient).sum())) * rate if memory.n_iter == 1 else rate
            slope = float(gradient @ direction)
            if slope > -group["tolerance_change"]:
                break
            start = np.concatenate([np.asarray(p.detach().numpy().ravel(), self.kind) for p in self.params])
            before, last = loss, iteration == group["max_iter"]
            if group["line_search_fn"] is not None:
                at = SearchPoint(0.0, loss, gradient, slope)
                taken, trials = strong_wolfe(
                    lambda length: self.trial(start, direction, length), at, memory.t,  # noqa: B023  # called at once
                    float(abs(direction).max()), 1e-9, most - evaluations,
                )  # fmt: skip
                memory.t, loss, gradient, evaluations = taken.length, taken.loss, taken.gradient, evaluations + trials
            self.place(start + self.kind.type(memory.t) * direction)
            if group["line_search_fn"] is None and not last:
                loss, gradient, evaluations = self.loss()[1], self.gradient(), evaluations + 1
            if (
                last or evaluations >= most or abs(gradient).max() <= group["tolerance_grad"]
                or abs(direction * self.kind.type(memory.t)).max() <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):  # fmt: skip
                break
        return first

    def trial(self, start: Array, direction: Array, length: float) -> SearchPoint:
        """Loss, gradient and slope at a length."""
        self.place(start + self.kind.type(length) * direction)
        loss, gradient = self.loss()[1], self.gradient()
        return SearchPoint(length, loss, gradient, float(gradient @ direction))
