"""Data sets and those made of others: as torch's, sample by sample, and many at once."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import data
from weft.framework.errors import FrameworkError
from weft.framework.random import Generator
from weft.framework.tensor import tensor

UNCHECKED: Any = data


class Squares(data.Dataset[int]):
    """i² for i below ``n``."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        if not -self.n <= index < self.n:
            raise IndexError(index)
        return (index % self.n) ** 2


class Count(data.IterableDataset[int]):
    """The numbers from ``low`` up to ``high``."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.low, self.high))

    def __len__(self) -> int:
        return self.high - self.low


@pytest.mark.parametrize(
    "index", [0, 2, -1, np.int64(1), slice(1, 3), [2, 0], np.array([1, 1]), [], np.array([True] * 3)]
)
def test_rows_of_tensors_as_in_torch(index: Any) -> None:
    torch = pytest.importorskip("torch")
    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3, dtype=np.int32)
    ours, theirs = data.TensorDataset(x, y), torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    for mine, other in zip(ours[index], theirs[index], strict=True):
        assert mine.dtype.name == str(other.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


@pytest.mark.parametrize("index", [3, -4, "x", None, [3], 1.5, [[1, 2], [3]]])
def test_rows_that_are_not_there(index: Any) -> None:
    with pytest.raises(FrameworkError, match=r"test_datasets.py:\d+: a dataset of 3 rows is indexed by their numbers"):
        data.TensorDataset(np.zeros(3))[index]


def test_element_types_stay() -> None:
    rows = data.TensorDataset(tensor([1.0, 2.0], dtype="bfloat16"), tensor([1, 2], dtype="int64"), np.zeros((2, 3)))
    assert [field.dtype.name for field in rows[0]] == ["bfloat16", "int64", "float32"]
    assert [field.dtype.name for field in next(iter(data.DataLoader(rows, 2)))] == ["bfloat16", "int64", "float32"]


def test_random_combinations_are_as_torchs() -> None:
    """Nests of subsets and concatenations, drawn at random."""
    torch = pytest.importorskip("torch")
    theirs, chance = torch.utils.data, random.Random(4)

    def nest(depth: int) -> tuple[Any, Any]:
        kind = chance.choice(["subset", "concat", "stack", "leaf"] if depth else ["leaf"])
        if kind == "leaf":
            squares = Squares(chance.randint(1, 5))
            return squares, squares
        mine, other = nest(depth - 1)
        if kind == "subset":
            indices = [chance.randrange(-len(mine), len(mine)) for _ in range(chance.randint(1, 4))]
            return data.Subset(mine, indices), theirs.Subset(other, [i % len(other) for i in indices])
        if kind == "stack":
            return data.StackDataset(a=mine, b=mine), theirs.StackDataset(a=other, b=other)
        more = [nest(depth - 1) for _ in range(chance.randint(0, 2))]
        pairs = [(mine, other), *more]
        return data.ConcatDataset(m for m, _ in pairs), theirs.ConcatDataset(o for _, o in pairs)

    for _ in range(150):
        mine, other = nest(3)
        assert len(mine) == len(other)
        for index in range(len(mine)):
            assert mine[index] == other[index]


def test_sums_of_data_sets() -> None:
    both = Squares(3) + Squares(2)
    assert isinstance(both, data.ConcatDataset)
    assert [both[i] for i in range(-5, 5)] == [0, 1, 4, 0, 1] * 2
    streams = Count(0, 3) + Count(7, 9)
    assert isinstance(streams, data.ChainDataset)
    assert (list(streams), len(streams)) == ([0, 1, 2, 7, 8], 5)


def test_a_subset_of_rows_is_taken_at_once() -> None:
    """No sample is made by itself, and a class that changes samples is asked for each."""

    class Rows(data.TensorDataset):
        def take(self, indices: Any) -> Any:
            asked.append(len(indices))
            return super().take(indices)

    class Doubled(data.TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return (super().__getitem__(index)[0] * 2,)

    asked: list[int] = []
    subset = data.Subset(data.Subset(Rows(np.arange(10)), [9, 8, 7, 6, 5]), [0, 2, 4, 1])
    batches = [batch[0].tolist() for batch in data.DataLoader(subset, 3)]
    assert (batches, asked) == ([[9, 7, 5], [8]], [3, 1])
    assert [b[0].tolist() for b in data.DataLoader(Doubled(np.arange(4)), 4)] == [[0, 2, 4, 6]]


def test_take_of_another_meaning_is_left_alone() -> None:
    class Table:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> int:
            return index

        def take(self, n: int) -> list[int]:
            raise AssertionError("the first n rows")

    class Old:
        """Many at once, and no other way."""

        def __len__(self) -> int:
            return 4

        def take(self, indices: Any) -> tuple[Any, ...]:
            return (np.asarray(indices) * 2,)

    assert next(iter(data.DataLoader(Table(), 4))).tolist() == [0, 1, 2, 3]
    assert next(iter(data.DataLoader(Old(), 4)))[0].tolist() == [0, 2, 4, 6]


def test_many_at_once_as_a_list() -> None:
    class Many(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            asked.append(indices)
            return [self[index] for index in indices]

    asked: list[list[int]] = []
    subset = data.Subset(Many(9), [8, 7, 6])
    assert [b.tolist() for b in data.DataLoader(subset, 2)] == [[64, 49], [36]]
    assert asked == [[8, 7], [6]]


@pytest.mark.parametrize("examples", [0, 1, 7, 10, 99])
def test_splits_are_as_long_as_torchs(examples: int) -> None:
    torch = pytest.importorskip("torch")
    chance = np.random.default_rng(examples)
    fractions = [(0.5, 0.5), (0.8, 0.1, 0.1), (1.0,), (0.3, 0.3, 0.3, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.1,) * 10]
    for lengths in [*fractions, (examples,), (0, examples)]:
        if sum(lengths) > 1 and 1 in lengths and examples == 1 and len(lengths) == 1:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            mine = data.random_split(Squares(examples), lengths, Generator(int(chance.integers(9))))
            other = torch.utils.data.random_split(Squares(examples), lengths)
        assert [len(part) for part in mine] == [len(part) for part in other], lengths
        assert sorted(itertools.chain(*(part.indices for part in mine))) == list(range(examples))


def test_a_split_is_the_generators() -> None:
    one, two, other = (data.random_split(Squares(20), [0.5, 0.5], Generator(s)) for s in (1, 1, 2))
    assert one[0].indices == two[0].indices != other[0].indices
    with pytest.warns(UserWarning, match=r"test_datasets.py:\d+: part 1 of the split is empty"):
        data.random_split(Squares(1), [0.5, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: data.random_split(Squares(5), [2, 2]),
            r"the lengths \[2, 2\] of a split add up to 4; they are counts that",
        ),
        (lambda: data.random_split(Squares(5), [0.5, 0.2]), r"add up to 0.7; they are counts"),
        (lambda: data.random_split(Squares(5), [-1, 6]), "they are counts"),
        (lambda: data.random_split(Squares(5), [2.5, 2.5]), "they are counts"),
        (
            lambda: data.random_split(Squares(5), [1.5, -0.5]),
            r"fractions of a data set are from 0 to 1, not \[1.5, -0.5\]",
        ),
        (lambda: UNCHECKED.random_split(Squares(5), 3), "lengths are a list of counts or fractions, not a int"),
        (lambda: UNCHECKED.random_split(Count(0, 2), [2], 3), "generator is a weft.Generator or None, not a int"),
        (lambda: data.Subset(Squares(5), [1])[1], "a data set of 1 examples is indexed by numbers from -1 to 0"),
        (lambda: data.Subset(Squares(5), [])[0], "is indexed by nothing, for it is empty"),
        (lambda: UNCHECKED.Subset(Squares(5), "ab"), "indices are a list of integers, not a str"),
        (lambda: data.ConcatDataset([]), "ConcatDataset needs at least one data set"),
        (lambda: UNCHECKED.ConcatDataset(5), "ConcatDataset takes a list of data sets, not a int"),
        (lambda: data.ConcatDataset([Count(0, 1)]), "an IterableDataset has no numbers to go on from; ChainDataset"),
        (lambda: data.ConcatDataset([Squares(2)])[2], "a data set of 2 examples is indexed by numbers from -2 to 1"),
        (lambda: list(data.ChainDataset([Squares(1)])), "a ChainDataset takes IterableDatasets, not a Squares"),
        (lambda: data.StackDataset(), "a StackDataset takes data sets, either by place or by name"),
        (lambda: data.StackDataset(Squares(1), Squares(2)), r"side by side have \[1, 2\] examples; give equally many"),
        (lambda: UNCHECKED.Dataset()[0], r"Dataset has no __getitem__\(\); define what an example is"),
        (
            lambda: iter(UNCHECKED.IterableDataset()),
            r"IterableDataset has no __iter__\(\); define what the examples are",
        ),
    ],
)
def test_what_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_datasets.py:\d+: .*{message}"):
        call()
