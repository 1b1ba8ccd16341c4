"""What all schedules of a learning rate are: a step of theirs sets ``lr`` of each parameter group, as torch's do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from weft.framework.errors import AbstractError, CheckpointError, OptionError, TraceError
from weft.framework.optim.groups import LR, number
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line
from weft.framework.refusals import FrameworkObject
from weft.framework.tracing import current_trace

INITIAL = "initial_lr"
Factor: TypeAlias = Callable[[int], float]
"""A multiple of the learning rate, of the epoch."""


class LRScheduler(FrameworkObject):
    """Counts epochs, or whatever ``step`` is called after, and says what the learning rate of each group is then.

    Numbers are Python's, of double precision, and each group's is rounded once when a step uses it. ``step`` belongs
    outside a jitted function, after it: the learning rate is state, so nothing is compiled anew.

    last_epoch: -1 to begin; else the epoch that a training stands at, whose groups have ``initial_lr``.
    Raises FrameworkError.
    """

    STORED = "weft.save(path, scheduler.state_dict()), and scheduler.load_state_dict(weft.load(path)) to read"
    LEFT_OUT: frozenset[str] = frozenset({"optimizer"})
    """Attributes that are no state."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer, type(self).__name__)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault(INITIAL, group[LR])
            elif INITIAL not in group:
                raise OptionError(
                    f"{user_line()}: last_epoch={last_epoch} goes on with a schedule, but group {i} has no "
                    f"{INITIAL!r}: load the optimizer's state first, or leave last_epoch out"
                )
        self.base_lrs: list[float] = [group[INITIAL] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.begin()

    def begin(self) -> None:
        """Take the first step, which sets what the schedule begins with."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rates at ``last_epoch``, from those that the groups have before; subclasses say."""
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no get_lr(); define the schedule")

    def get_closed_form_lr(self) -> list[float]:
        """The learning rates at ``last_epoch`` from the first ones alone, where a formula for that is known."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rates that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to ``epoch``. Raises TraceError inside a jitted function."""
        refuse_traced(type(self).__name__)
        self._step_count += 1
        self.go_to(epoch)

    def go_to(self, epoch: int | None) -> None:
        """Set the learning rates of the next epoch, or of ``epoch``."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set(self.get_lr() if epoch is None else self.get_closed_form_lr())

    def current(self) -> list[float]:
        """The learning rates as the groups have them."""
        return [group[LR] for group in self.optimizer.param_groups]

    def _set(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group[LR] = rate
        self._last_lr = self.current()

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes, and the settings: plain data, which ``weft.save`` keeps to the bit."""
        return {key: value for key, value in vars(self).items() if key not in self.LEFT_OUT}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was called. The optimiser's own state has the learning rates.

        Raises CheckpointError for the state of another kind of schedule.
        """
        check_keys(self.state_dict(), state_dict, type(self).__name__)
        vars(self).update(state_dict)


def checked_optimizer(optimizer: Any, kind: str) -> Optimizer:
    """``optimizer``. Raises FrameworkError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise OptionError(f"{user_line()}: {kind} takes an optimizer, not a {type(optimizer).__name__}")
    return optimizer


def check_keys(own: Mapping[str, Any], given: Any, kind: str) -> None:
    """Raise CheckpointError unless ``given`` has the names of ``own``."""
    if not isinstance(given, Mapping) or given.keys() != own.keys():
        there = ", ".join(map(str, given)) if isinstance(given, Mapping) else f"a {type(given).__name__}"
        raise CheckpointError(f"{user_line()}: the state of a {kind} is {', '.join(own)}, not {there}")


def refuse_traced(kind: str) -> None:
    """Raise TraceError if a trace is in progress: what is set would be set once and not at every call."""
    trace = current_trace()
    if trace is not None:
        raise TraceError(
            f"{user_line()}: {kind}.step() belongs outside {trace.function}, after the jitted call: inside it would "
            "run once, at the trace, and not at every call; the learning rate is state, and compiles nothing anew"
        )


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting for each group, given as one for all or as a list. Raises FrameworkError for another number of them."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise OptionError(f"{user_line()}: {name} has {len(value)} values for {count} parameter groups")
    return list(value)


def within(what: str, value: Any, least: float, most: float, excluded: bool = False) -> float:
    """``value`` as a float. Raises FrameworkError if it is not in [least, most], or in (least, most]."""
    found = number(what, value)
    if not (least < found if excluded else least <= found) or not found <= most:
        raise OptionError(
            f"{user_line()}: {what} lies {'above' if excluded else 'from'} {least} to {most}; it is {found}"
        )
    return found


def positive(what: str, value: Any) -> int:
    """``value``. Raises FrameworkError if it is no positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise OptionError(f"{user_line()}: {what} is a positive integer, not {value!r:.60}")
    return value
