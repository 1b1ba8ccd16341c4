"""Schedules that go up and down: cycles (Smith 2017), and one cycle for the whole training (Smith and Topin 2018).

With ``cycle_momentum`` the momentum, or the first of the betas, goes the other way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft.framework.errors import OptionError
from weft.framework.optim.groups import LR, ParamGroup
from weft.framework.optim.lr_scheduler.base import (
    INITIAL,
    LRScheduler,
    checked_optimizer,
    for_each_group,
    positive,
    within,
)
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line

Rates = float | list[float]
LOW, HIGH = "base_momentum", "max_momentum"


class _Cycled(LRScheduler):
    """A schedule of learning rate and momentum."""

    cycle_momentum: bool

    def begin_momentum(self, optimizer: Optimizer, low: Rates, high: Rates, fresh: bool) -> None:
        """Let the groups begin with the high momentum. Raises FrameworkError for an optimiser that has none."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise OptionError(
                f"{user_line()}: {type(optimizer).__name__} has neither momentum nor betas; give cycle_momentum=False"
            )
        lows, highs = for_each_group(LOW, optimizer, low), for_each_group(HIGH, optimizer, high)
        for group, least, most in zip(optimizer.param_groups, lows, highs, strict=True):
            if fresh:
                set_momentum(group, most)
                group.update({LOW: least, HIGH: most})


def set_momentum(group: ParamGroup, value: float) -> None:
    """Give a group another momentum, or another first of its betas."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _triangular(gamma: float, x: float) -> float:
    return 1.0


def _triangular2(gamma: float, x: float) -> float:
    return float(2.0 ** (1 - x))


def _exp_range(gamma: float, x: float) -> float:
    return float(gamma**x)


MODES: dict[str, tuple[Callable[[float, float], float], str]] = {
    "triangular": (_triangular, "cycle"),
    "triangular2": (_triangular2, "cycle"),
    "exp_range": (_exp_range, "iterations"),
}
"""How the height of the cycles changes: a function of gamma, and of the cycle or of all steps so far."""


class CyclicLR(_Cycled):
    """Up from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps and down in ``step_size_down``, again and again.

    mode: "triangular", "triangular2" (half as high at each cycle) or "exp_range" (gamma^steps as high); or scale_fn, a
    function of the cycle or the steps (scale_mode). Raises FrameworkError.
    """

    LEFT_OUT = frozenset({"optimizer", "scale_fn"})

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Rates,
        max_lr: Rates,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.8,
        max_momentum: Rates = 0.9,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(optimizer, "CyclicLR")
        if scale_fn is None and mode not in MODES:
            raise OptionError(f"{user_line()}: mode is one of {', '.join(MODES)}, not {mode!r}")
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else MODES[mode][1]
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        lows = for_each_group("base_lr", optimizer, base_lr)
        self.max_lrs: list[float] = for_each_group("max_lr", optimizer, max_lr)
        for group, low in zip(optimizer.param_groups, lows, strict=True):
            if last_epoch == -1:
                group[LR] = low
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        self._lows: list[float] = lows
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def get_lr(self) -> list[float]:
        """Where in its triangle each rate stands; the momenta are set as well."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        height *= MODES[self.mode][0](self.gamma, at) if self.scale_fn is None else self.scale_fn(at)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                set_momentum(group, group[HIGH] - (group[HIGH] - group[LOW]) * height)
        return [low + (high - low) * height for low, high in zip(self._lows, self.max_lrs, strict=True)]


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _linear(start: float, end: float, share: float) -> float:
    return (end - start) * share + start


ANNEALING: dict[str, Callable[[float, float, float], float]] = {"cos": _cosine, "linear": _linear}
"""Ways from one number to another, by the share of the way."""


class OneCycleLR(_Cycled):
    """Up from max_lr/div_factor to ``max_lr`` in the first ``pct_start`` of the steps, then down to that divided by
    ``final_div_factor``; with three_phase down to the beginning as fast as up, and to the end from there.

    The number of steps is total_steps, or epochs·steps_per_epoch; there are no more. Raises FrameworkError.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.85,
        max_momentum: Rates = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(optimizer, "OneCycleLR")
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise OptionError(f"{user_line()}: OneCycleLR takes total_steps, or epochs and steps_per_epoch")
        if total_steps is None:
            total_steps = positive("epochs", epochs) * positive("steps_per_epoch", steps_per_epoch)
        self.total_steps = positive("total_steps", total_steps)
        if anneal_strategy not in ANNEALING:
            raise OptionError(
                f"{user_line()}: anneal_strategy is {' or '.join(map(repr, ANNEALING))}, not {anneal_strategy!r}"
            )
        self.anneal_strategy = anneal_strategy
        self.phases = _phases(within("pct_start", pct_start, 0, 1) * self.total_steps, self.total_steps, three_phase)
        for group, most in zip(optimizer.param_groups, for_each_group("max_lr", optimizer, max_lr), strict=True):
            if last_epoch == -1:
                least = most / div_factor
                group.update({INITIAL: least, "max_lr": most, "min_lr": least / final_div_factor})
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Where in its phase each rate stands; the momenta are set as well."""
        step = self.last_epoch
        if step > self.total_steps:
            raise OptionError(f"{user_line()}: step {step} of a OneCycleLR that has {self.total_steps} steps")
        begin = 0.0
        for end, start_lr, end_lr, start_momentum, end_momentum in self.phases:  # noqa: B007  # the last one stays
            if step <= end:
                break
            if end < self.total_steps - 1:
                begin = end
        share, way = (step - begin) / (end - begin), ANNEALING[self.anneal_strategy]
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                set_momentum(group, way(group[start_momentum], group[end_momentum], share))
        return [way(group[start_lr], group[end_lr], share) for group in self.optimizer.param_groups]


def _phases(up: float, total: int, three: bool) -> list[Any]:
    """(last step, options that the learning rate goes from and to, and the momentum) of each phase."""
    rise = (up - 1, INITIAL, "max_lr", HIGH, LOW)
    if not three:
        return [rise, (total - 1, "max_lr", "min_lr", LOW, HIGH)]
    return [rise, (2 * up - 2, "max_lr", INITIAL, LOW, HIGH), (total - 1, INITIAL, "min_lr", HIGH, HIGH)]
