"""Data sets made of others: parts, one after the other, side by side, and random splits."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from weft.framework.data.datasets import Dataset, IterableDataset, Take, is_stream, listed, taker
from weft.framework.data.errors import DataError
from weft.framework.data.samplers import drawing, index_array, sized
from weft.framework.errors import AxisError
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator

T_co = TypeVar("T_co", covariant=True)


class Subset(Dataset[T_co]):
    """The examples of a data set with the given indices, in that order. Raises DataError."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int] | npt.NDArray[Any]) -> None:
        self.dataset, self.indices, self._chosen = dataset, indices, index_array(indices)

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[int(self._chosen[place(one, len(self))]) for one in index]]
        return self.dataset[int(self._chosen[place(index, len(self))])]

    @property
    def __getitems__(self) -> Callable[[list[int]], list[T_co]] | None:
        """A list of examples, if the data set gives them so."""
        inner = getattr(self.dataset, "__getitems__", None)
        return None if inner is None else lambda indices: inner(self._chosen[indices].tolist())

    @property
    def take(self) -> Take | None:
        """Many examples at once, stacked, if the data set gives them so."""
        inner = taker(self.dataset)
        return None if inner is None else lambda indices: inner(self._chosen[indices])


class ConcatDataset(Dataset[T_co]):
    """The examples of several data sets, one set after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = listed(datasets, "ConcatDataset")
        if any(is_stream(dataset) for dataset in self.datasets):
            raise DataError(f"{user_line()}: an IterableDataset has no numbers to go on from; ChainDataset takes it")
        self.cumulative_sizes = list(itertools.accumulate(len(sized(dataset)) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> T_co:
        at = place(index, len(self))
        which = bisect.bisect_right(self.cumulative_sizes, at)
        found: T_co = self.datasets[which][at - (self.cumulative_sizes[which - 1] if which else 0)]
        return found


class ChainDataset(IterableDataset[T_co]):
    """The examples of several streams, one stream after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        for dataset in listed(self.datasets, "ChainDataset"):
            _check_stream(dataset)
            yield from dataset

    def __len__(self) -> int:
        return sum(len(sized(dataset)) for dataset in listed(self.datasets, "ChainDataset"))


class StackDataset(Dataset[Any]):
    """Data sets of equal length side by side: an example is a tuple, or with names a dictionary, of one of each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise DataError(f"{user_line()}: a StackDataset takes data sets, either by place or by name")
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = [len(sized(dataset)) for dataset in args or kwargs.values()]
        if len(set(lengths)) > 1:
            raise DataError(f"{user_line()}: the data sets side by side have {lengths} examples; give equally many")
        self._length = lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Disjoint parts of a data set, drawn at random.

    lengths: how many examples each part has, adding up to all; or fractions that add up to 1, of which each is rounded
    down and what is left over is given out one by one from the first part on. generator: else the default one.
    Raises DataError.
    """
    examples, generator = len(sized(dataset)), drawing(generator) or default_generator()
    counts = _counts(lengths, examples)
    order = generator.permutation(examples).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)]


def _counts(lengths: Any, examples: int) -> list[int]:
    try:
        given = [float(length) for length in lengths]
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            f"{user_line()}: lengths are a list of counts or fractions, not a {type(lengths).__name__}"
        ) from None
    total = sum(given)
    if math.isclose(total, 1) and total <= 1:
        if not all(0 <= fraction <= 1 for fraction in given):
            raise DataError(f"{user_line()}: fractions of a data set are from 0 to 1, not {given}")
        counts = [math.floor(examples * fraction) for fraction in given]
        for i in range(examples - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if count == 0:
                warnings.warn(f"{user_line()}: part {i} of the split is empty", stacklevel=3)
        return counts
    if total != examples or not all(length >= 0 and length.is_integer() for length in given):
        raise DataError(
            f"{user_line()}: the lengths {list(lengths)} of a split add up to {total:g}; they are counts that add up "
            f"to the {examples} examples, or fractions that add up to 1"
        )
    return [int(length) for length in given]


def place(index: Any, length: int) -> int:
    """An index from ``-length`` on as one from 0 on. Raises AxisError."""
    try:
        number = operator.index(index.item() if isinstance(index, np.ndarray) and index.shape == () else index)
    except TypeError:
        number = length
    if not -length <= number < length:
        told = f"by numbers from {-length} to {length - 1}" if length else "by nothing, for it is empty"
        raise AxisError(f"{user_line()}: a data set of {length} examples is indexed {told}")
    return number % length


def _check_stream(dataset: Any) -> None:
    if not is_stream(dataset):
        raise DataError(f"{user_line()}: a ChainDataset takes IterableDatasets, not a {type(dataset).__name__}")
