"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from weft.framework.errors import OptionError
from weft.framework.optim.groups import LR
from weft.framework.optim.lr_scheduler.base import INITIAL, LRScheduler, check_keys, refuse_traced
from weft.framework.optim.lr_scheduler.plateau import ReduceLROnPlateau
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import user_line


class _Combined(LRScheduler):
    """A schedule that lets others set the learning rate."""

    LEFT_OUT = frozenset({"optimizer", "_schedulers"})
    _schedulers: list[LRScheduler]

    def take(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        """Keep the schedules. Raises FrameworkError unless they are of one optimiser and need nothing measured."""
        kind = type(self).__name__
        if not schedulers:
            raise OptionError(f"{user_line()}: {kind} takes at least one scheduler")
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise OptionError(f"{user_line()}: {kind}: scheduler {i} is a {type(scheduler).__name__}")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise OptionError(
                    f"{user_line()}: {kind}: scheduler {i} is a ReduceLROnPlateau, whose step() needs what is measured"
                )
            if scheduler.optimizer is not (optimizer or schedulers[0].optimizer):
                raise OptionError(f"{user_line()}: {kind}: scheduler {i} is one of another optimizer")
        self._schedulers, self.optimizer = list(schedulers), schedulers[0].optimizer

    def state_dict(self) -> dict[str, Any]:
        """As of any schedule, with the states of those within."""
        return {**super().state_dict(), "_schedulers": [one.state_dict() for one in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of any schedule, with the states of those within."""
        check_keys(self.state_dict(), state_dict, type(self).__name__)
        for one, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            one.load_state_dict(state)
        vars(self).update({key: value for key, value in state_dict.items() if key != "_schedulers"})


class SequentialLR(_Combined):
    """The first schedule up to the first of the ``milestones``, then the second, and so on; each begins at its epoch 0.

    Raises FrameworkError.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self.take(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise OptionError(
                f"{user_line()}: SequentialLR takes one milestone fewer than schedulers: {len(schedulers) - 1} between "
                f"{len(schedulers)}, not {len(milestones)}"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # each of the schedules has taken its first step already
            group[LR] = group[INITIAL]
        _undo(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first.begin()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]  # as torch's
        """Go to the next epoch, of whichever schedule is on."""
        refuse_traced("SequentialLR")
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler.go_to(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: LRScheduler) -> None:
    """Take back the first step of all schedules within."""
    for one in getattr(scheduler, "_schedulers", ()):
        if isinstance(one, _Combined):
            _undo(one)
        else:
            one.last_epoch -= 1


class ChainedScheduler(_Combined):
    """All schedules at once: each multiplies, or sets, what those before it have left. Raises FrameworkError."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.take(schedulers, optimizer)
        self._last_lr = self.current()

    def step(self) -> None:  # type: ignore[override]  # as torch's
        """A step of each."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.current()
