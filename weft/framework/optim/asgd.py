"""Averaged stochastic gradient descent: a step size that falls, and the mean of the last weights beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Unpack

from weft.framework.functional import maximum, where
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import counted, with_decay
from weft.framework.tensor import Tensor

AVERAGE = "ax"


class _Rates(NamedTuple):
    """The step size, and the share of the new weights in their mean."""

    eta: Tensor
    mu: Tensor


class ASGD(Optimizer):
    """Polyak and Juditsky 1992: η = lr/(1 + lambd·lr·t)^alpha, p -= η·(g + lambd·p); ``ax`` in the state of each
    parameter is the mean of p from step t0 on. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The mean of the weights."""
        return {AVERAGE: 0.0}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps, the step size and the share for the next one."""
        return {"step": 0.0, "eta": 0.0, "mu": 1.0}

    def prepare(self, group: ParamGroup, shared: State) -> _Rates:
        """See ``_Rates``; those of the next step are kept."""
        eta, mu, step = Tensor(shared["eta"]), Tensor(shared["mu"]), counted(shared["step"])
        rates = _Rates(where(step == 1, group.lr, eta), mu)
        falling = (group.scalar("lambd") * group.lr * step).log1p()
        shared["eta"].assign(group.lr * (-group.scalar("alpha") * falling).exp())
        shared["mu"].assign(1 / maximum(step - group.scalar("t0"), 1.0))
        return rates

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: _Rates) -> None:
        """One parameter's step."""
        eta, mu = prepared
        gradient = with_decay(gradient, parameter, group)
        new = parameter * (1 - group.scalar("lambd") * eta) - eta * gradient
        average = state[AVERAGE]
        average.assign(where(mu == 1, new, average + mu * (new - average)))
        parameter.assign(new)
