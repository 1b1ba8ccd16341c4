"""Batches of examples, in order or shuffled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weft.framework.axes import count
from weft.framework.dtypes import as_dtype
from weft.framework.errors import AxisError, CheckpointError, ShapeError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.random import Generator, default_generator
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor, stored

__all__ = ["DataLoader", "Dataset", "TensorDataset"]


class Dataset(Protocol):
    """Examples that can be taken many at once."""

    def __len__(self) -> int: ...

    def take(self, indices: Array) -> tuple[Array | Tensor, ...]:
        """The examples with these indices, stacked: one array or tensor for each field."""
        ...


class TensorDataset:
    """Arrays or tensors with equally many rows; example i is row i of each. Raises ShapeError."""

    def __init__(self, *fields: Any) -> None:
        self.fields = tuple(f.numpy() if isinstance(f, Tensor) else stored(f, None) for f in fields)
        shapes = [f.shape for f in self.fields]
        if not shapes or any(not s or s[0] != shapes[0][0] for s in shapes):
            raise ShapeError(f"{user_line()}: the fields need equally many rows, not {list(map(list, shapes))}")

    def __len__(self) -> int:
        return len(self.fields[0])

    def __repr__(self) -> str:
        fields = ", ".join(f"{f.dtype.name}{list(f.shape[1:])}" for f in self.fields)
        return f"TensorDataset({len(self):,} examples of {fields})"

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        try:
            return tuple(field[0] for field in self.take(np.array([index])))
        except (IndexError, ValueError):
            rows = len(self)
            raise AxisError(f"{user_line()}: a dataset of {rows} rows is indexed by their numbers") from None

    def take(self, indices: Array) -> tuple[Tensor, ...]:
        """The rows with these indices of each field, of its element type."""
        return tuple(Tensor(f[indices], dtype=as_dtype(f.dtype)) for f in self.fields)


class DataLoader:
    """Iterates over a dataset in batches: tuples of tensors, one for each field.

    shuffle: a new order at each pass, drawn from ``generator``, or from one of its own seeded with ``seed``, or from
    the default one. drop_last: leave out a last batch that is smaller; else it is given as it is, as torch does.
    ``state_dict`` in the middle of a pass and ``load_state_dict`` make the next pass go on behind the last batch that
    was given. Of passes at once, the one that was begun last counts.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: Generator | None = None,
        seed: int | None = None,
    ) -> None:
        batch_size = count(batch_size, "batch_size", least=1)
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.generator = generator if seed is None else Generator(seed)
        self._pass = _Epoch(None, 0)
        self._resumed = False

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        examples = len(self.dataset)
        if not self._resumed:
            self._pass = _Epoch(self._source().get_state() if self.shuffle else None, 0)
        this, fresh, self._resumed = self._pass, not self._resumed, False
        order = np.arange(examples)
        if self.shuffle:
            order = (self._source() if fresh else Generator().set_state(this.order)).permutation(examples)
        while this.given < len(self):
            chosen = order[this.given * self.batch_size : (this.given + 1) * self.batch_size]
            this.given += 1
            yield tuple(Tensor(f) for f in self.dataset.take(chosen))
        if self._pass is this:
            self._pass = _Epoch(None, 0)

    def __repr__(self) -> str:
        given = f"batch_size={self.batch_size}, shuffle={self.shuffle}, drop_last={self.drop_last}"
        return f"DataLoader({self.dataset!r}, {given})"

    def _source(self) -> Generator:
        return self.generator or default_generator()

    def state_dict(self) -> dict[str, Array]:
        """Where the loader stands, as int64 arrays by name: what is given again after ``load_state_dict`` is what
        would have been given next."""
        begun = self._pass.order if self._pass.order is not None else self._source().get_state()
        numbers = {"given": self._pass.given, **self._settings()}
        state = {name: np.array(number, np.int64) for name, number in numbers.items()}
        return state | {"order": begun, "generator": self._source().get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was called, the generator too. Raises CheckpointError for the state of a loader of
        other data or with other settings, saying what differs; nothing is changed then."""
        expected = {"given", *self._settings(), "order", "generator"}
        if not isinstance(state, Mapping):
            kind = type(state).__name__
            raise CheckpointError(f"{user_line()}: load_state_dict takes what state_dict() gave, not {kind}")
        if state.keys() != expected:
            raise CheckpointError(f"a loader's state is {', '.join(sorted(expected))}, not {', '.join(sorted(state))}")
        for name, own in self._settings().items():
            if int(state[name]) != own:
                raise CheckpointError(f"the loader's {name} is {own}, but {int(state[name])} in the state")
        given = int(state["given"])
        if not 0 <= given <= len(self):
            raise CheckpointError(f"the loader's state is behind batch {given}; a pass has {len(self)}")
        order = Generator().set_state(state["order"]).get_state()
        self._source().set_state(state["generator"])
        self._resumed = given > 0
        self._pass = _Epoch(order if self._resumed and self.shuffle else None, given)

    def _settings(self) -> dict[str, int]:
        """What must be the same for a state to mean the same."""
        return {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": int(self.shuffle),
            "drop_last": int(self.drop_last),
        }


@dataclass
class _Epoch:
    """A pass over the data: the generator's state when its order was drawn, and how many batches have been given."""

    order: Any
    given: int


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("data", globals())
