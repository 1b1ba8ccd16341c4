"""Batches of examples, in order or shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from framework.errors import FrameworkError, ShapeError
from framework.origin import user_line
from framework.primitives.base import Array
from framework.random import Generator, default_generator
from framework.refusals import unknown_name
from framework.tensor import Tensor, stored


class Dataset(Protocol):
    """Examples that can be taken many at once."""

    def __len__(self) -> int: ...

    def take(self, indices: Array) -> tuple[Array, ...]:
        """The examples with these indices, stacked: one array for each field."""
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

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(Tensor(f[index]) for f in self.fields)

    def take(self, indices: Array) -> tuple[Array, ...]:
        """The rows with these indices of each field."""
        return tuple(f[indices] for f in self.fields)


class DataLoader:
    """Iterates over a dataset in batches: tuples of tensors, one for each field.

    shuffle: a new order at each pass, drawn from ``generator``, or from one of its own seeded with ``seed``, or from
    the default one. drop_last: leave out a last batch that is smaller.
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
        if batch_size < 1:
            raise FrameworkError(f"{user_line()}: batch_size must be at least 1; it is {batch_size}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.generator = generator if seed is None else Generator(seed)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        count = len(self.dataset)
        order = (self.generator or default_generator()).permutation(count) if self.shuffle else np.arange(count)
        for batch in range(len(self)):
            chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield tuple(Tensor(f) for f in self.dataset.take(chosen))


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("data", globals())
