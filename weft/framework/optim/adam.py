"""Adam and AdamW: steps of a running mean of gradients, divided by the root of a running mean of their squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from weft.framework.functional import maximum
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Execution, Given, Optimizer, State
from weft.framework.optim.terms import bias, counted, mean, shrunk, with_decay
from weft.framework.tensor import Tensor

FIRST, SECOND, LARGEST = "exp_avg", "exp_avg_sq", "max_exp_avg_sq"
"""Running means of the gradient and of its square, and the largest of the latter so far."""


class Adam(Optimizer):
    """Kingma and Ba 2015: m = β₁·m + (1-β₁)·g, v = β₂·v + (1-β₂)·g², p -= lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps).

    weight_decay is added to the gradient, or is apart from it with ``decoupled_weight_decay``. amsgrad: divide by the
    largest v so far (Reddi et al. 2018). Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
            execution,
        )

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The running means."""
        return dict.fromkeys((FIRST, SECOND, LARGEST) if group["amsgrad"] else (FIRST, SECOND), 0.0)

    def shared_slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The number of steps."""
        return {"step": 0.0}

    def prepare(self, group: ParamGroup, shared: State) -> tuple[Tensor, Tensor]:
        """lr/(1-β₁ᵗ) and √(1-β₂ᵗ)."""
        step = counted(shared["step"])
        beta1, beta2 = group.decay("betas", 0), group.decay("betas", 1)
        return group.lr / bias(step, beta1), bias(step, beta2).sqrt()

    def update(
        self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: tuple[Tensor, Tensor]
    ) -> None:
        """One parameter's step."""
        size, correction = prepared
        decayed: Tensor = parameter
        if group["decoupled_weight_decay"]:
            decayed = shrunk(parameter, group)
        else:
            gradient = with_decay(gradient, parameter, group)
        first = mean(state[FIRST], gradient, group.decay("betas", 0))
        second = mean(state[SECOND], gradient * gradient, group.decay("betas", 1))
        state[FIRST].assign(first)
        state[SECOND].assign(second)
        if group["amsgrad"]:
            second = maximum(state[LARGEST], second)
            state[LARGEST].assign(second)
        parameter.assign(decayed - size * (first / (second.sqrt() / correction + group.scalar("eps"))))


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient: p is first multiplied by 1 - lr·weight_decay.

    Loshchilov and Hutter 2019. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **execution: Unpack[Execution],
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, **execution
        )
