"""Schedules along half a cosine, once or with restarts (Loshchilov and Hutter 2017)."""

from __future__ import annotations

import math
from math import cos, pi

from weft.framework.errors import OptionError
from weft.framework.optim.lr_scheduler.base import LRScheduler, positive, refuse_traced
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line


class CosineAnnealingLR(LRScheduler):
    """From the learning rate to ``eta_min`` along half a cosine of ``T_max`` epochs, and back, and so on."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates before, times the quotient of two steps of the curve."""
        period, low, epoch = self.T_max, self.eta_min, self.last_epoch
        if self._is_initial and self._step_count == 1 and epoch > 0:
            return self.get_closed_form_lr()
        if self._is_initial:
            return self.current()
        if (epoch - 1 - period) % (2 * period) == 0:  # the step before stood at eta_min
            rise = (1 - cos(pi / period)) / 2
            return [rate + (base - low) * rise for base, rate in zip(self.base_lrs, self.current(), strict=True)]
        quotient = (1 + cos(pi * epoch / period)) / (1 + cos(pi * (epoch - 1) / period))
        return [quotient * (rate - low) + low for rate in self.current()]

    def get_closed_form_lr(self) -> list[float]:
        """eta_min + (base - eta_min)·(1 + cos(π·epoch/T_max))/2."""
        share = (1 + cos(pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the learning rate to ``eta_min`` along half a cosine of ``T_0`` epochs, then anew, ``T_mult`` as long."""

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0 = self.T_i = positive("T_0", T_0)
        self.T_mult, self.eta_min = positive("T_mult", T_mult), eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """eta_min + (base - eta_min)·(1 + cos(π·T_cur/T_i))/2."""
        share = (1 + cos(pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to ``epoch``, which may be a fraction: epoch + batch/batches."""
        refuse_traced(type(self).__name__)
        self._step_count += 1
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise OptionError(f"{user_line()}: an epoch is not negative; it is {epoch}")
            self._stand_at(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _stand_at(self, epoch: float) -> None:
        """Find the period that ``epoch`` lies in."""
        if self.T_mult == 1:
            self.T_i, self.T_cur = self.T_0, epoch % self.T_0 if epoch >= self.T_0 else epoch
            return
        n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**n
