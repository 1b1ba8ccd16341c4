"""Stochastic gradient descent, with momentum as torch has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.errors import OptionError
from weft.framework.functional import where
from weft.framework.optim.groups import ParamGroup, Scalar, complement
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import with_decay
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

MOMENTUM = "momentum_buffer"


class SGD(Optimizer):
    """g += weight_decay·p; m = momentum·m + (1 - dampening)·g; p -= lr·m, or lr·(g + momentum·m) with Nesterov's.

    The first m is g, whatever the dampening (Sutskever et al. 2013, in torch's form). Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
            execution,
        )

    def check(self, group: ParamGroup) -> None:
        """Nesterov's momentum needs a momentum, undamped."""
        if group["nesterov"] and (not group.uses("momentum") or group.uses("dampening")):
            raise OptionError(f"{user_line()}: Nesterov's momentum needs a momentum above 0 and a dampening of 0")

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The momenta."""
        return {MOMENTUM: 0.0} if group.uses("momentum") else {}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """Only dampening has to know which step is the first."""
        return {"step": 0.0} if group.uses("momentum") and group.uses("dampening") else {}

    def prepare(self, group: ParamGroup, shared: State) -> Scalar | None:
        """The share of a gradient that goes into the momentum, None for all of it."""
        if not shared:
            return None
        share = where(shared["step"] == 0, 1.0, group.scalar("dampening", complement))
        shared["step"].assign(shared["step"] + 1)
        return share

    def update(
        self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: Scalar | None
    ) -> None:
        """One parameter's step."""
        gradient = with_decay(gradient, parameter, group)
        if group.uses("momentum"):
            momentum = group.scalar("momentum")
            damped = gradient if prepared is None else prepared * gradient
            buffer = momentum * state[MOMENTUM] + damped
            state[MOMENTUM].assign(buffer)
            gradient = gradient + momentum * buffer if group["nesterov"] else buffer
        parameter.assign(parameter - group.lr * gradient)
