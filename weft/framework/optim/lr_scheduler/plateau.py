"""A schedule by what is measured: the learning rate falls when that no longer gets better."""

from __future__ import annotations

import math
from typing import Any

from weft.framework.errors import OptionError
from weft.framework.optim.groups import LR, number
from weft.framework.optim.lr_scheduler.base import LRScheduler, checked_optimizer, for_each_group, refuse_traced
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line


class ReduceLROnPlateau(LRScheduler):
    """Times ``factor``, not below ``min_lr``, when ``patience`` epochs brought nothing better.

    mode: whether the least ("min") or the largest ("max") is best. Better is what differs by more than ``threshold``,
    of the best ("rel") or as it is ("abs"). cooldown: epochs after a change that do not count. eps: a change that is no
    larger is left out. Raises FrameworkError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer, "ReduceLROnPlateau")
        if not factor < 1:
            raise OptionError(f"{user_line()}: factor is below 1; it is {factor}")
        for name, value, known in (("mode", mode, ("min", "max")), ("threshold_mode", threshold_mode, ("rel", "abs"))):
            if value not in known:
                raise OptionError(f"{user_line()}: {name} is {' or '.join(map(repr, known))}, not {value!r}")
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.min_lrs: list[float] = for_each_group("min_lr", optimizer, min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self.current()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]  # as torch's
        """Take note of what was measured. Raises TraceError inside a jitted function."""
        refuse_traced("ReduceLROnPlateau")
        measured = number("what is measured", metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(measured):
            self.best, self.num_bad_epochs = measured, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.current()

    def is_better(self, measured: float) -> bool:
        """Whether that is better than the best by more than the threshold."""
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * measured > sign * (self.best * (1 + sign * self.threshold))
        return sign * measured > sign * (self.best + sign * self.threshold)

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            new = max(group[LR] * self.factor, least)
            if group[LR] - new > self.eps:
                group[LR] = new
