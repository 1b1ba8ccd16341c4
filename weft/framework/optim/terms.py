"""Terms that the updates of several optimisers have in common."""

from __future__ import annotations

from weft.framework.optim.groups import Decay, ParamGroup
from weft.framework.tensor import Tensor


def with_decay(gradient: Tensor, parameter: Tensor, group: ParamGroup) -> Tensor:
    """The gradient of the loss with weight_decay/2·|p|² added (L2 regularisation)."""
    return gradient + group.scalar("weight_decay") * parameter if group.uses("weight_decay") else gradient


def shrunk(parameter: Tensor, group: ParamGroup) -> Tensor:
    """p·(1 - lr·weight_decay): decay apart from the gradient (Loshchilov and Hutter 2019)."""
    if not group.uses("weight_decay"):
        return parameter
    return parameter * (1 - group.lr * group.scalar("weight_decay"))


def mean(before: Tensor, new: Tensor, decay: Decay) -> Tensor:
    """The running mean β·before + (1 - β)·new."""
    return decay.rate * before + decay.rest * new


def bias(step: Tensor, decay: Decay) -> Tensor:
    """1 - βᵗ, the share of a running mean that is not its first zero, to float32's precision however small it is."""
    return -(step * decay.log).expm1()


def counted(step: Tensor) -> Tensor:
    """The number of this step, which ``step`` becomes."""
    return step.assign(step + 1)
