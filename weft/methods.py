"""How a named model is trained other than its recipe says: optimiser, schedule, mean of weights, accumulation.

An optimiser or a schedule is written as its name, or with settings behind a colon: ``adamw:lr=0.002,weight_decay=0.1``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weft.base.errors import WeftError
from weft.framework import optim
from weft.framework.errors import FrameworkError
from weft.framework.nn import Module
from weft.framework.optim import lr_scheduler
from weft.framework.optim.lr_scheduler import LRScheduler
from weft.isa.text import unknown

Settings = Mapping[str, Any]
OPTIMIZERS: Mapping[str, type[optim.Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (
        optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad, optim.Adadelta, optim.Adamax, optim.NAdam, optim.RAdam,
        optim.RMSprop, optim.Rprop, optim.ASGD, optim.Lion,
    )
}  # fmt: skip
"""By the name on the command line; each takes the settings of its class that are numbers."""


@dataclass(frozen=True)
class ScheduleKind:
    """A kind of schedule: its settings with what they are by default, and how it is made.

    ``make``: takes the optimiser, the updates of an epoch, all updates and the settings; it is stepped after each
    update. ``to_the_end``: whether it depends on how long the training is.
    """

    settings: Settings
    make: Callable[[optim.Optimizer, int, int, Settings], LRScheduler]
    to_the_end: bool


def _annealed(kind: Callable[[optim.Optimizer, int, float], LRScheduler]) -> Callable[..., LRScheduler]:
    """A schedule to ``least`` times the learning rate at the end, behind ``warmup`` epochs from a hundredth of it."""

    def make(optimizer: optim.Optimizer, epoch: int, total: int, settings: Settings) -> LRScheduler:
        warm = min(round(settings["warmup"] * epoch), total - 1)
        after = kind(optimizer, total - warm, settings["least"])
        if not warm:
            return after
        before = lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=warm)
        return lr_scheduler.SequentialLR(optimizer, [before, after], [warm])

    return make


def _lr(optimizer: optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


SCHEDULES: Mapping[str, ScheduleKind] = {
    "cosine": ScheduleKind(
        {"warmup": 0.0, "least": 0.0},
        _annealed(lambda o, steps, least: lr_scheduler.CosineAnnealingLR(o, steps, least * _initial(o))),
        True,
    ),
    "linear": ScheduleKind(
        {"warmup": 0.0, "least": 0.0},
        _annealed(lambda o, steps, least: lr_scheduler.LinearLR(o, 1.0, least, steps)),
        True,
    ),
    "onecycle": ScheduleKind(
        {"warmup": 0.3},  # of the whole
        lambda o, epoch, total, s: lr_scheduler.OneCycleLR(o, _lr(o), total + 1, pct_start=s["warmup"]),
        True,
    ),
    "step": ScheduleKind(
        {"every": 10.0, "factor": 0.1},
        lambda o, epoch, total, s: lr_scheduler.StepLR(o, max(1, round(s["every"] * epoch)), s["factor"]),
        False,
    ),
    "exponential": ScheduleKind(
        {"factor": 0.9},  # of each epoch
        lambda o, epoch, total, s: lr_scheduler.ExponentialLR(o, s["factor"] ** (1 / epoch)),
        False,
    ),
}
"""By the name on the command line. ``warmup`` and ``every`` count epochs, but for onecycle's warmup, a share."""


def _initial(optimizer: optim.Optimizer) -> float:
    group = optimizer.param_groups[0]
    return float(group.get("initial_lr", group["lr"]))


@dataclass(frozen=True)
class TrainingMethod:
    """Nothing but the recipe, unless something is given.

    optimizer, schedule: in words. ema: the decay of the mean of weights that is kept beside them; before update n it is
    at most (1 + n) / (10 + n). accumulate: batches of an update. Raises WeftError for what there is not and for values
    out of range.
    """

    optimizer: str | None = None
    schedule: str | None = None
    ema: float | None = None
    accumulate: int = 1

    def __post_init__(self) -> None:
        if self.optimizer is not None:
            _parsed("optimizer", self.optimizer, {name: _settings(kind) for name, kind in OPTIMIZERS.items()})
        if self.schedule is not None:
            name, given = _parsed("schedule", self.schedule, {name: kind.settings for name, kind in SCHEDULES.items()})
            for key, value in given.items():
                most = 1.0 if key in ("least", "factor") or name == "onecycle" else math.inf
                if not 0 <= value <= most or (not value and key in ("every", "factor")):
                    where = f"from 0 to {most:g}" if math.isfinite(most) else "0 or more"
                    raise WeftError(f"--schedule {name}: {key} is {where}{_above_zero(key)}, not {value:g}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise WeftError(f"--ema is a decay between 0 and 1 (0.99, say), not {self.ema:g}")
        if self.accumulate < 1:
            raise WeftError(f"--accumulate is a number of batches, 1 or more, not {self.accumulate}")

    def optimizer_of(self, model: Module, usual: Callable[[Module], optim.Optimizer]) -> optim.Optimizer:
        """The optimiser asked for, or the ``usual`` one. Raises WeftError for settings that it refuses."""
        if self.optimizer is None:
            return usual(model)
        choices = {name: _settings(kind) for name, kind in OPTIMIZERS.items()}
        name, given = _parsed("optimizer", self.optimizer, choices)
        try:
            return OPTIMIZERS[name](model.parameters(), **given)
        except FrameworkError as problem:  # behind the line of this file
            raise WeftError(f"--optimizer {self.optimizer}: {str(problem).partition(': ')[2]}") from None

    def schedule_of(self, optimizer: optim.Optimizer, epoch: int, total: int) -> LRScheduler | None:
        """The schedule asked for, over ``total`` updates of which an ``epoch`` has so many."""
        if self.schedule is None:
            return None
        name, given = _parsed("schedule", self.schedule, {name: kind.settings for name, kind in SCHEDULES.items()})
        kind = SCHEDULES[name]
        return kind.make(optimizer, epoch, total, {**kind.settings, **given})

    def described(self, epochs: int) -> dict[str, Any]:
        """What of it decides the bits of a training: only what is given."""
        found: dict[str, Any] = {"optimizer": self.optimizer, "schedule": self.schedule, "ema": self.ema}
        found["accumulate"] = self.accumulate if self.accumulate > 1 else None
        if self.schedule is not None and SCHEDULES[self.schedule.partition(":")[0]].to_the_end:
            found["epochs"] = epochs
        return {key: value for key, value in found.items() if value is not None}


def _above_zero(key: str) -> str:
    return " and not 0" if key in ("every", "factor") else ""


def _settings(kind: type[optim.Optimizer]) -> Settings:
    """The settings of an optimiser that are numbers, yes or no, or pairs of numbers, with their defaults."""
    parameters = inspect.signature(kind).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, bool | int | float | tuple)}


def _parsed(what: str, words: str, choices: Mapping[str, Settings]) -> tuple[str, dict[str, Any]]:
    """A name and its settings from ``name:key=value,key=value``. Raises WeftError."""
    name, colon, rest = words.strip().partition(":")
    if name not in choices:
        raise WeftError(unknown(what, name, choices))
    known, found = choices[name], dict[str, Any]()
    for part in rest.split(",") if colon else ():
        key, sign, text = (piece.strip() for piece in part.partition("="))
        if not sign or not key:
            raise WeftError(f"--{what} {words}: {part!r} is no setting; write {name}:{_example(known)}")
        if key not in known:
            raise WeftError(f"--{what} {name}: {unknown('setting', key, known)}")
        if key in found:
            raise WeftError(f"--{what} {name}: {key} is given twice")
        found[key] = _value(f"--{what} {name}: {key}", text, known[key])
    return name, found


def _example(known: Settings) -> str:
    return ",".join(f"{key}={_text(value)}" for key, value in list(known.items())[:2])


def _text(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _value(where: str, text: str, default: Any) -> Any:
    """``text`` as a value of the kind that ``default`` is. Raises WeftError."""
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise WeftError(f"{where} is true or false, not {text!r}")
        return text == "true"
    if isinstance(default, tuple):
        numbers = tuple(_numbers(text.split("/")))
        if len(numbers) != len(default):
            raise WeftError(f"{where} is {len(default)} numbers with a slash between ({_text(default)}), not {text!r}")
        return numbers
    numbers = tuple(_numbers([text]))
    if len(numbers) != 1:
        raise WeftError(f"{where} is a number ({_text(default)}, say), not {text!r}")
    return numbers[0]


def _numbers(texts: Iterable[str]) -> list[float]:
    """The finite numbers among some texts."""
    found = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            continue
        if math.isfinite(number):
            found.append(number)
    return found
