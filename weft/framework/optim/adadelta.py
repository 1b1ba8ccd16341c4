"""Adadelta: steps as long as the steps before, whatever the unit of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import mean, with_decay
from weft.framework.tensor import Tensor

SQUARES, STEPS = "square_avg", "acc_delta"


class Adadelta(Optimizer):
    """Zeiler 2012: v = ρ·v + (1-ρ)·g², d = √(u + eps)/√(v + eps)·g, u = ρ·u + (1-ρ)·d², p -= lr·d.

    Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}, execution
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running means of squared gradients and squared steps."""
        return {SQUARES: 0.0, STEPS: 0.0}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: None) -> None:
        """One parameter's step."""
        gradient = with_decay(gradient, parameter, group)
        rho, eps = group.decay("rho"), group.scalar("eps")
        squares = mean(state[SQUARES], gradient * gradient, rho)
        step = (state[STEPS] + eps).sqrt() / (squares + eps).sqrt() * gradient
        state[SQUARES].assign(squares)
        state[STEPS].assign(mean(state[STEPS], step * step, rho))
        parameter.assign(parameter - group.lr * step)
