"""RAdam: Adam that goes without the root of the mean square until enough steps make it reliable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, Unpack

from weft.framework.functional import where
from weft.framework.optim.adam import FIRST, SECOND
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import bias, counted, mean, shrunk, with_decay
from weft.framework.tensor import Tensor

RELIABLE = 5.0
"""The length of the approximated average from which on its variance is taken to be known."""


class _Rectified(NamedTuple):
    """lr/(1-β₁ᵗ), the factor of the adaptive step, and whether it is taken."""

    size: Tensor
    factor: Tensor
    adaptive: Tensor


class RAdam(Optimizer):
    """Liu et al. 2020: with ρ∞ = 2/(1-β₂) - 1 and ρₜ = ρ∞ - 2t·β₂ᵗ/(1-β₂ᵗ), p -= lr/(1-β₁ᵗ)·m, times
    √((ρₜ-4)(ρₜ-2)ρ∞/((ρ∞-4)(ρ∞-2)ρₜ)) · √(1-β₂ᵗ)/(√v + eps) where ρₜ > 5. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running means."""
        return {FIRST: 0.0, SECOND: 0.0}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps."""
        return {"step": 0.0}

    def prepare(self, group: ParamGroup, shared: State) -> _Rectified:
        """See ``_Rectified``."""
        step = counted(shared["step"])
        correction = bias(step, group.decay("betas", 1))
        length = _length(step, group)
        limit = group.scalar("betas", _limit, 1)
        factor = ((length - 4) * (length - 2) / length * limit).sqrt() * correction.sqrt()
        return _Rectified(group.lr / bias(step, group.decay("betas", 0)), factor, length > RELIABLE)

    def update(
        self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: _Rectified
    ) -> None:
        """One parameter's step."""
        decayed = parameter
        if group["decoupled_weight_decay"]:
            decayed = shrunk(parameter, group)
        else:
            gradient = with_decay(gradient, parameter, group)
        first = mean(state[FIRST], gradient, group.decay("betas", 0))
        second = mean(state[SECOND], gradient * gradient, group.decay("betas", 1))
        state[FIRST].assign(first)
        state[SECOND].assign(second)
        step = prepared.size * first
        adapted = step * (prepared.factor / (second.sqrt() + group.scalar("eps")))
        parameter.assign(decayed - where(prepared.adaptive, adapted, step))


def _limit(beta2: float) -> float:
    """ρ∞/((ρ∞-4)(ρ∞-2)); any number where no step is adaptive."""
    longest = 2 / (1 - beta2) - 1
    return longest / ((longest - 4) * (longest - 2)) if longest > RELIABLE else 1.0


def _rate(beta2: float) -> float:
    """x = -ln β₂."""
    return -math.log(beta2) if beta2 > 0 else math.inf


def _twice_per_rate(beta2: float) -> float:
    """2/x."""
    return 2 / _rate(beta2)


def _rest(beta2: float) -> float:
    """ρ∞ - 2/x."""
    return 2 / (1 - beta2) - 1 - _twice_per_rate(beta2)


def _length(step: Tensor, group: ParamGroup) -> Tensor:
    """ρₜ, without the difference of two numbers near ρ∞, in which float32 would lose the first steps' ρₜ.

    With x = -ln β₂ and u = t·x it is ρ∞ - 2/x + 2/x·(1 - u/(eᵘ-1)), whose last factor is a series where u is small.
    """
    u = step * group.scalar("betas", _rate, 1)
    series = u * (1 / 2 - u * (1 / 12 - u * u * (1 / 720 - u * u * (1 / 30240 - u * u / 1209600))))
    grown = where(u < 0.5, series, 1 - u / u.expm1())
    return group.scalar("betas", _rest, 1) + group.scalar("betas", _twice_per_rate, 1) * grown
