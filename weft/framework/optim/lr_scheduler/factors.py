"""Schedules that multiply the learning rate by a factor from epoch to epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from weft.framework.errors import OptionError
from weft.framework.optim.lr_scheduler.base import Factor, LRScheduler, for_each_group, positive, within
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line


class _Scaled(LRScheduler):
    """A schedule that multiplies what the groups have by one factor."""

    def factor_now(self) -> float:
        """What the learning rates are multiplied with on the way to ``last_epoch``."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """The rates before, times the factor."""
        factor = self.factor_now()
        return [rate * factor for rate in self.current()]


class _ByFunction(LRScheduler):
    """A schedule by functions of the epoch, one for all groups or one for each."""

    LEFT_OUT = frozenset({"optimizer", "lr_lambdas"})

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas: list[Factor] = for_each_group("lr_lambda", optimizer, lr_lambda)
        wrong = next((one for one in self.lr_lambdas if not callable(one)), None)
        if wrong is not None:
            raise OptionError(f"{user_line()}: lr_lambda is a function of the epoch, not a {type(wrong).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """As of any schedule. Of functions that are objects their attributes are kept; of others nothing (None)."""
        kept = [None if isinstance(one, FunctionType) else dict(vars(one)) for one in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of any schedule; functions are those that this one was made with."""
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = functions
        for function, kept in zip(functions, state_dict["lr_lambdas"], strict=True):
            if kept is not None:
                vars(function).update(kept)


class LambdaLR(_ByFunction):
    """The first learning rate times ``lr_lambda(epoch)``."""

    def get_lr(self) -> list[float]:
        """The first rates, times the functions."""
        return [base * one(self.last_epoch) for one, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_ByFunction):
    """The learning rate before times ``lr_lambda(epoch)``."""

    def get_lr(self) -> list[float]:
        """The rates before, times the functions."""
        if self._is_initial:
            return self.current()
        return [rate * one(self.last_epoch) for one, rate in zip(self.lr_lambdas, self.current(), strict=True)]


class StepLR(_Scaled):
    """Times ``gamma`` after every ``step_size`` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = positive("step_size", step_size), gamma
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """gamma where a period ends."""
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0

    def get_closed_form_lr(self) -> list[float]:
        """base·gamma^(periods)."""
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(_Scaled):
    """Times ``gamma`` at each of the ``milestones``, which are epochs."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """gamma for each milestone that is here."""
        return self.gamma ** self.milestones.count(self.last_epoch)

    def get_closed_form_lr(self) -> list[float]:
        """base·gamma^(milestones passed)."""
        return [base * self.gamma ** bisect_right(self.milestones, self.last_epoch) for base in self.base_lrs]


class ConstantLR(_Scaled):
    """Times ``factor`` until ``total_iters`` epochs are over."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor, self.total_iters = within("factor", factor, 0, 1), total_iters
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """The factor at the beginning, and its reciprocal at the end."""
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0

    def get_closed_form_lr(self) -> list[float]:
        """base·factor, or base from the end on."""
        share = 1 if self.last_epoch >= self.total_iters else self.factor
        return [base * share for base in self.base_lrs]


class LinearLR(_Scaled):
    """From ``start_factor`` to ``end_factor`` of the learning rate in ``total_iters`` equal steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = within("start_factor", start_factor, 0, 1, excluded=True)
        self.end_factor, self.total_iters = within("end_factor", end_factor, 0, 1), total_iters
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """The quotient of two steps of the line."""
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def get_closed_form_lr(self) -> list[float]:
        """base times the line."""
        rise, done = self.end_factor - self.start_factor, min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + rise * done) for base in self.base_lrs]


class ExponentialLR(_Scaled):
    """Times ``gamma`` at every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """gamma."""
        return 1.0 if self._is_initial else self.gamma

    def get_closed_form_lr(self) -> list[float]:
        """base·gamma^epoch."""
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(_Scaled):
    """Times (1 - epoch/total_iters)^power: down to 0 in ``total_iters`` epochs."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor_now(self) -> float:
        """The quotient of two steps of the curve."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return float((left / before) ** self.power)

    def get_closed_form_lr(self) -> list[float]:
        """base times the curve."""
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
