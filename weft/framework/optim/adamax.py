"""Adamax: Adam with the largest gradient, forgotten slowly, in place of the root of a mean square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.functional import maximum
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import bias, counted, mean, with_decay
from weft.framework.tensor import Tensor

FIRST, LARGEST = "exp_avg", "exp_inf"


class Adamax(Optimizer):
    """Kingma and Ba 2015, §7.1: u = max(β₂·u, abs(g) + eps), p -= lr/(1-β₁ᵗ) · m/u. Raises FrameworkError."""

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize},
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running mean, and the largest."""
        return {FIRST: 0.0, LARGEST: 0.0}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps."""
        return {"step": 0.0}

    def prepare(self, group: ParamGroup, shared: State) -> Tensor:
        """lr/(1-β₁ᵗ)."""
        return group.lr / bias(counted(shared["step"]), group.decay("betas", 0))

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: Tensor) -> None:
        """One parameter's step."""
        gradient = with_decay(gradient, parameter, group)
        first = mean(state[FIRST], gradient, group.decay("betas", 0))
        largest = maximum(group.scalar("betas", at=1) * state[LARGEST], abs(gradient) + group.scalar("eps"))
        state[FIRST].assign(first)
        state[LARGEST].assign(largest)
        parameter.assign(parameter - prepared * (first / largest))
