"""Adagrad: steps divided by the root of the sum of all squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import counted, with_decay
from weft.framework.tensor import Tensor

SUM = "sum"


class Adagrad(Optimizer):
    """Duchi et al. 2011: s += g², p -= lr/(1 + (t-1)·lr_decay) · g/(√s + eps). Raises FrameworkError."""

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The sums of squares."""
        return {SUM: group["initial_accumulator_value"]}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps."""
        return {"step": 0.0}

    def prepare(self, group: ParamGroup, shared: State) -> Tensor:
        """The step size, which decays."""
        step = counted(shared["step"])
        return group.lr / (1 + (step - 1) * group.scalar("lr_decay")) if group.uses("lr_decay") else group.lr

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: Tensor) -> None:
        """One parameter's step."""
        gradient = with_decay(gradient, parameter, group)
        total = state[SUM] + gradient * gradient
        state[SUM].assign(total)
        parameter.assign(parameter - prepared * (gradient / (total.sqrt() + group.scalar("eps"))))
