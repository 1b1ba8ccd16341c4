"""Lion: steps of one size, in the direction that a running mean of gradients has in each element."""

from __future__ import annotations

from collections.abc import Mapping

from weft.framework.functional import where
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Given, Optimizer, State
from weft.framework.optim.terms import mean, shrunk
from weft.framework.tensor import Tensor

MEAN = "exp_avg"


class Lion(Optimizer):
    """Chen et al. 2023: p = p·(1 - lr·weight_decay) - lr·sign(β₁·m + (1-β₁)·g), then m = β₂·m + (1-β₂)·g.

    torch has no Lion; the formula is the paper's. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running mean."""
        return {MEAN: 0.0}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: None) -> None:
        """One parameter's step."""
        direction = mean(state[MEAN], gradient, group.decay("betas", 0))
        sign = where(direction > 0, 1.0, where(direction < 0, -1.0, direction))
        state[MEAN].assign(mean(state[MEAN], gradient, group.decay("betas", 1)))
        parameter.assign(shrunk(parameter, group) - group.lr * sign)
