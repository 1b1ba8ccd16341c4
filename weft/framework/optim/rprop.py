"""Rprop: a step size for each element, which grows while its gradient keeps its sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.functional import maximum, minimum, where
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import counted
from weft.framework.tensor import Tensor

BEFORE, SIZE = "prev", "step_size"


class Rprop(Optimizer):
    """Riedmiller and Braun 1993, for full batches: sizes times etas[1] where g keeps its sign and times etas[0] where
    it turns (no step there), within step_sizes; p -= size·sign(g). Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}, execution)

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The last gradients, and the sizes."""
        return {BEFORE: 0.0, SIZE: 0.0}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps."""
        return {"step": 0.0}

    def prepare(self, group: ParamGroup, shared: State) -> Tensor:
        """Whether this is the first step, at which the sizes are the learning rate."""
        return counted(shared["step"]) == 1

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: Tensor) -> None:
        """One parameter's step."""
        turn = gradient * state[BEFORE]
        shrink, grow = group.scalar("etas", at=0), group.scalar("etas", at=1)
        factor = where(turn > 0, grow, where(turn < 0, shrink, 1.0)).to(turn.dtype)
        least, most = group.scalar("step_sizes", at=0), group.scalar("step_sizes", at=1)
        size = minimum(maximum(where(prepared, group.lr, state[SIZE]) * factor, least), most)
        gradient = where(turn < 0, 0.0, gradient)
        sign = where(gradient > 0, 1.0, where(gradient < 0, -1.0, gradient))
        state[SIZE].assign(size)
        state[BEFORE].assign(gradient)
        parameter.assign(parameter - size * sign)
