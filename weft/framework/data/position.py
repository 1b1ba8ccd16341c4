"""Where something stands that goes through the data again and again, and how it goes on from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.framework.errors import CheckpointError, FrameworkError
from weft.framework.origin import user_line
from weft.framework.random import Generator

State = dict[str, Any]


@dataclass
class Epoch:
    """One pass over the data: its number, the generator's state when it began, and how much of it has been given."""

    number: int
    begun: npt.NDArray[np.int64]
    given: int = 0


class Position:
    """The epoch that runs, if one does, and the number of the next one. Of several, the one begun last counts."""

    def __init__(self) -> None:
        self._epoch: Epoch | None = None
        self._next = 0
        self._resumed = False

    def begin(self, source: Generator) -> tuple[Epoch, Generator]:
        """The epoch to go through now, and the generator to draw its order from: ``source``, or for an epoch that is
        gone on with another one, which stands as ``source`` did when it began."""
        epoch, resumed = self._epoch, self._resumed
        self._resumed = False
        if resumed and epoch is not None:
            return epoch, Generator().set_state(epoch.begun)
        self._epoch = Epoch(self._next, source.get_state())
        self._next += 1
        return self._epoch, source

    def end(self, epoch: Epoch) -> None:
        """``epoch`` is through."""
        if self._epoch is epoch:
            self._epoch = None

    def state(self, source: Generator) -> State:
        """The position as int64 arrays: ``given``, ``epoch``, and the ``generator`` now and when the ``order`` of the
        epoch was drawn."""
        epoch = self._epoch or Epoch(self._next, source.get_state())
        numbers = {"given": epoch.given, "epoch": epoch.number}
        state: State = {name: np.array(number, np.int64) for name, number in numbers.items()}
        return state | {"order": epoch.begun, "generator": source.get_state()}

    def load(self, state: Mapping[str, Any], source: Generator, most: int | None, what: str, unit: str) -> None:
        """Stand where ``state`` was taken, and ``source`` too. ``most``: how many of its ``unit`` a pass gives, if
        that is known; ``what``: whose state it is. Raises CheckpointError and changes nothing."""
        given, number = (whole(state[name], f"{what}'s {name}") for name in ("given", "epoch"))
        if min(given, number) < 0 or (most is not None and given > most):
            told = f"; a pass has {most}" if most is not None else ""
            raise CheckpointError(f"{what}'s state is behind {unit} {given}{told}")
        with _as_checkpoint(what):
            order, now = (Generator().set_state(state[name]).get_state() for name in ("order", "generator"))
        source.set_state(now)
        self._resumed = given > 0
        self._epoch = Epoch(number, order, given) if self._resumed else None
        self._next = number + self._resumed


def checked(state: Any, expected: set[str], what: str) -> Mapping[str, Any]:
    """``state`` if it is a mapping with the ``expected`` names. Raises CheckpointError."""
    if not isinstance(state, Mapping):
        kind = type(state).__name__
        raise CheckpointError(f"{user_line()}: load_state_dict takes what state_dict() gave, not {kind}")
    if state.keys() != expected:
        raise CheckpointError(
            f"{what}'s state is {', '.join(sorted(expected))}, not {', '.join(sorted(map(str, state)))}"
        )
    return state


def whole(value: Any, what: str) -> int:
    """An integer of a state. Raises CheckpointError."""
    try:
        array = np.asarray(value)
        if array.shape == () and array.dtype.kind in "iu":
            return int(array)
    except ValueError:  # a ragged list
        pass
    raise CheckpointError(f"{what} is an integer, not {type(value).__name__}")


@contextmanager
def _as_checkpoint(what: str) -> Iterator[None]:
    try:
        yield
    except FrameworkError as problem:
        raise CheckpointError(f"{what}'s state: {problem}") from None
