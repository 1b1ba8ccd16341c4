"""NAdam: Adam with Nesterov's momentum, whose share grows by a schedule of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, Unpack

from weft.framework.optim.adam import FIRST, SECOND
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import bias, counted, mean, shrunk, with_decay
from weft.framework.tensor import Tensor

PRODUCT = "mu_product"
_LOG_WARMUP = math.log(0.96)


class _Sizes(NamedTuple):
    """What the gradient and the running mean are multiplied with, and 1 - β₂ᵗ."""

    gradient: Tensor
    mean: Tensor
    correction: Tensor


class NAdam(Optimizer):
    """Dozat 2016: μₜ = β₁·(1 - ½·0.96^(t·momentum_decay)),
    p -= lr·((1-μₜ)/(1-Πμ)·g + μₜ₊₁/(1-μₜ₊₁·Πμ)·m) / (√(v/(1-β₂ᵗ)) + eps). Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running means."""
        return {FIRST: 0.0, SECOND: 0.0}

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps, and the product of all μ so far."""
        return {"step": 0.0, PRODUCT: 1.0}

    def prepare(self, group: ParamGroup, shared: State) -> _Sizes:
        """See ``_Sizes``."""
        step = counted(shared["step"])
        beta1, growth = group.scalar("betas", at=0), group.scalar("momentum_decay", _warmup)
        now, following = (beta1 * (1 - 0.5 * (t * growth).exp()) for t in (step, step + 1))
        product = shared[PRODUCT].assign(shared[PRODUCT] * now)
        return _Sizes(
            group.lr * (1 - now) / (1 - product),
            group.lr * following / (1 - product * following),
            bias(step, group.decay("betas", 1)),
        )

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: _Sizes) -> None:
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
        root = (second / prepared.correction).sqrt() + group.scalar("eps")
        parameter.assign(decayed - (prepared.gradient * gradient + prepared.mean * first) / root)


def _warmup(momentum_decay: float) -> float:
    """ln 0.96^momentum_decay."""
    return momentum_decay * _LOG_WARMUP
