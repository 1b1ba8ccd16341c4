"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.sgd import MOMENTUM
from weft.framework.optim.terms import mean, with_decay
from weft.framework.tensor import Tensor

SQUARES, MEAN = "square_avg", "grad_avg"


class RMSprop(Optimizer):
    """Tieleman and Hinton 2012: v = α·v + (1-α)·g², p -= lr·g/(√v + eps), through a momentum if there is one.

    centered: v less the squared mean of the gradient, its variance (Graves 2013). Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running means, and momenta."""
        wanted = {SQUARES: True, MEAN: group["centered"], MOMENTUM: group.uses("momentum")}
        return {name: 0.0 for name, needed in wanted.items() if needed}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: None) -> None:
        """One parameter's step."""
        gradient = with_decay(gradient, parameter, group)
        alpha = group.decay("alpha")
        squares = mean(state[SQUARES], gradient * gradient, alpha)
        state[SQUARES].assign(squares)
        if group["centered"]:
            average = mean(state[MEAN], gradient, alpha)
            state[MEAN].assign(average)
            squares = squares - average * average
        step = gradient / (squares.sqrt() + group.scalar("eps"))
        if group.uses("momentum"):
            step = group.scalar("momentum") * state[MOMENTUM] + step
            state[MOMENTUM].assign(step)
        parameter.assign(parameter - group.lr * step)
