"""Means of a model's weights beside its training: equal ones (SWA), or those that forget slowly (EMA).

A mean is state like any other: ``update_parameters`` may be part of a jitted step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from weft.framework.dtypes import float32, int64
from weft.framework.errors import OptionError
from weft.framework.functional import where
from weft.framework.lazy import no_grad
from weft.framework.module import Module
from weft.framework.optim.groups import LR
from weft.framework.optim.lr_scheduler.base import LRScheduler, for_each_group, within
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import part_of, user_line
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The new mean from the mean, the weights, and the number of weights in the mean so far."""
MultiAverage: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]
"""The same for all weights at once, in place."""


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """decay·mean + (1 - decay)·weights. Raises FrameworkError unless the decay is from 0 to 1."""
    kept = within("decay", decay, 0, 1)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Tensor) -> Tensor:
        return ema_param * kept + current_param * (1 - kept)

    return ema_update


def get_swa_avg_fn() -> Average:
    """The mean of all weights, each counting the same."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1).to(float32)

    return swa_update


def _multi(one: Average) -> MultiAverage:
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Tensor) -> None:
        with no_grad():
            for mean, weights in zip(averaged, current, strict=True):
                mean.copy_(one(mean, weights, num_averaged))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """``get_ema_avg_fn`` for lists of weights, in place."""
    return _multi(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> MultiAverage:
    """``get_swa_avg_fn`` for lists of weights, in place."""
    return _multi(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of ``model`` whose weights are means of the model's; calling it computes with the means.

    The first ``update_parameters`` takes the model's weights, each other one their mean, of equal shares unless avg_fn
    or multi_avg_fn says otherwise. use_buffers: average the buffers as well; else they are the model's.
    Raises FrameworkError for two functions.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise OptionError(f"{user_line()}: AveragedModel takes avg_fn or multi_avg_fn, not both")
        self.module: Any = copy.deepcopy(model)
        if device is not None:
            self.module.to(device)
        self.register_buffer("n_averaged", Tensor(0, dtype=int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model computes, with the means."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's weights, as they are now, into the means."""
        own, its = dict(self.module.named_state()), dict(model.named_state())
        if [(name, t.shape) for name, t in own.items()] != [(name, t.shape) for name, t in its.items()]:
            raise OptionError(f"{user_line()}: this {type(model).__name__} is not the model that was copied")
        averaged = {name for name, _ in model.named_parameters()}
        averaged |= {name for name, t in its.items() if t.dtype.is_float} if self.use_buffers else set()
        with no_grad(), part_of("", "AveragedModel", "mean of weights"):
            means, current = ([own[name] for name in averaged], [its[name] for name in averaged])
            first, count = self.n_averaged == 0, Tensor(self.n_averaged)
            old = [Tensor(mean) for mean in means]
            if self.multi_avg_fn is not None:
                self.multi_avg_fn(means, [weights.detach() for weights in current], count)
                new = [Tensor(mean) for mean in means]
            else:
                one = self.avg_fn or get_swa_avg_fn()
                new = [one(mean, weights.detach(), count) for mean, weights in zip(old, current, strict=True)]
            for mean, weights, value in zip(means, current, new, strict=True):
                mean.assign(where(first, weights.detach(), value).to(mean.dtype))
            for name in own.keys() - averaged:
                own[name].assign(its[name].detach())
            self.n_averaged.assign(count + 1)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of the batch norms in ``model`` anew, as means over the batches of ``loader``.

    A batch is a tensor, or a list or tuple whose first element is the input.
    """
    norms: list[Any] = [m for _, m in model.named_modules() if hasattr(type(m), "reset_running_stats")]
    if not norms:
        return
    was_training, momenta = model.training, [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # all batches count the same
    model.train()
    try:
        with no_grad():
            for batch in loader:
                given = batch[0] if isinstance(batch, list | tuple) else batch
                model(given if device is None else given.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(was_training)


ANNEALED: dict[str, Callable[[float], float]] = {
    "cos": lambda share: (1 - math.cos(math.pi * share)) / 2,
    "linear": lambda share: share,
}
"""How far the learning rate has come, by the share of the epochs."""


class SWALR(LRScheduler):
    """From the learning rate to ``swa_lr`` in ``anneal_epochs`` epochs, along half a cosine or a line, and stay there.

    Raises FrameworkError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ANNEALED:
            raise OptionError(f"{user_line()}: anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise OptionError(f"{user_line()}: anneal_epochs is a number of epochs, not {anneal_epochs!r}")
        for rate, group in zip(for_each_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self.anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates before, brought back to the first ones and on to this epoch's share of the way."""
        epochs, way = max(1, self.anneal_epochs), ANNEALED[self.anneal_strategy]
        step = max(self._step_count - 1, 0 if self.anneal_epochs else 1)
        before, now = (way(max(0.0, min(1.0, at / epochs))) for at in (step - 1, step))
        found = []
        for group in self.optimizer.param_groups:
            target, rate = group["swa_lr"], group[LR]
            first = target if before == 1 else (rate - before * target) / (1 - before)
            found.append(target * now + first * (1 - now))
        return found


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("swa_utils", globals())
