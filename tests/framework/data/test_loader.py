"""Loaders: what they give is what torch's give, and arguments that exclude each other are refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import data
from weft.framework.errors import FrameworkError
from weft.framework.random import Generator
from weft.framework.tensor import Tensor

UNCHECKED: Any = data


class Numbers(data.Dataset[int]):
    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> int:
        return index


class Stream(data.IterableDataset[int]):
    def __iter__(self) -> Any:
        return iter(range(7))


class Known(Stream):
    def __len__(self) -> int:
        return 7


def plain(batch: Any) -> Any:
    """Tensors of either as lists, nests as they are."""
    if isinstance(batch, list | tuple):
        return type(batch)(plain(part) for part in batch)
    return batch.tolist() if hasattr(batch, "tolist") else batch


FORMS: dict[str, dict[str, Any]] = {
    "one by one": {},
    "batches": {"batch_size": 3},
    "whole batches": {"batch_size": 3, "drop_last": True},
    "a sampler": {"batch_size": 2, "sampler": [5, 5, 1]},
    "no sampler's sample": {"batch_size": 2, "sampler": []},
    "batches of somebody": {"batch_sampler": [[0, 1], [6]]},
    "not batched": {"batch_size": None},
    "not batched, a sampler": {"batch_size": None, "sampler": [2, 1]},
    "collated": {"batch_size": 3, "collate_fn": tuple},
    "converted": {"batch_size": None, "collate_fn": str},
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kind", ["rows", "numbers", "stream", "known"])
def test_batches_are_torchs(name: str, kind: str) -> None:
    torch = pytest.importorskip("torch")
    how, theirs = FORMS[name], torch.utils.data

    base: Any = theirs.IterableDataset

    class TheirStream(base):
        def __iter__(self) -> Any:
            return iter(range(7))

    class TheirKnown(TheirStream):
        def __len__(self) -> int:
            return 7

    if kind in ("stream", "known") and ("sampler" in how or "batch_sampler" in how):
        pytest.skip("a stream has no indices")
    if kind == "rows" and "collate_fn" in how:
        pytest.skip("samples are told apart by their own tensors")
    x = np.arange(14, dtype=np.float32).reshape(7, 2)
    mine, other = {
        "rows": (data.TensorDataset(x, x[:, 0]), theirs.TensorDataset(torch.tensor(x), torch.tensor(x[:, 0]))),
        "numbers": (Numbers(), Numbers()),
        "stream": (Stream(), TheirStream()),
        "known": (Known(), TheirKnown()),
    }[kind]
    ours, expected = data.DataLoader(mine, **how), theirs.DataLoader(other, **how)
    for _ in range(2):
        assert [plain(batch) for batch in ours] == [plain(batch) for batch in expected]
    if kind != "stream":
        assert len(ours) == len(expected)


def test_a_batch_of_rows_is_a_list_of_tensors() -> None:
    batch = next(iter(data.DataLoader(data.TensorDataset(np.zeros((4, 2)), np.arange(4)), 3)))
    assert type(batch) is list
    assert [type(field) for field in batch] == [Tensor, Tensor]


def test_with_samplers_by_name() -> None:
    loader = data.DataLoader(Numbers(), 2, shuffle=True, seed=1)
    assert isinstance(loader.sampler, data.RandomSampler)
    assert isinstance(loader.batch_sampler, data.BatchSampler)
    assert loader.batch_sampler.sampler is loader.sampler
    given = data.DataLoader(Numbers(), 2, sampler=data.RandomSampler(Numbers(), generator=Generator(1)))
    assert [plain(batch) for batch in loader] == [plain(batch) for batch in given]


def test_rows_are_sliced_without_a_call_for_each() -> None:
    class Rows(data.TensorDataset):
        def take(self, indices: Any) -> Any:
            calls.append(np.asarray(indices).tolist())
            return super().take(indices)

    calls: list[Any] = []
    for _ in data.DataLoader(Rows(np.zeros(10_000)), 5000):
        pass
    assert list(map(len, calls)) == [5000, 5000]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"batch_size": 0}, "batch_size is at least 1"),
        ({"num_workers": -1}, "num_workers is at least 0"),
        ({"num_workers": 1, "timeout": -1}, "timeout is not negative; it is -1"),
        ({"timeout": 1}, "timeout is about workers; give num_workers"),
        ({"timeout": "x"}, "timeout is a number, not 'x'"),
        ({"prefetch_factor": 2}, "prefetch_factor is about workers; give num_workers"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor is at least 1"),
        ({"persistent_workers": True}, "persistent_workers are workers; give num_workers"),
        ({"sampler": [1], "shuffle": True}, "a sampler says the order itself; leave shuffle out"),
        ({"sampler": 3}, "sampler gives indices, so it is iterated over"),
        (
            {"batch_sampler": [[1]], "batch_size": 2},
            "a batch_sampler says itself what batch_size, shuffle, sampler and",
        ),
        ({"batch_sampler": [[1]], "drop_last": True}, "a batch_sampler says itself"),
        ({"batch_sampler": 3}, "batch_sampler gives lists of indices, so it is iterated over"),
        ({"batch_size": None, "drop_last": True}, "without a batch_size none is smaller; leave drop_last out"),
        ({"shuffle": "x"}, "shuffle is True or False, not a str"),
        ({"collate_fn": 3}, "collate_fn is a function or None, not a int"),
        ({"generator": 3}, "generator is a weft.Generator or None, not a int"),
        ({"num_workers": 1, "multiprocessing_context": "thread"}, "multiprocessing_context is one of .* not 'thread'"),
    ],
)
def test_arguments_that_do_not_fit(how: dict[str, Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_loader.py:\d+: {message}"):
        data.DataLoader(Numbers(), **how)
    torch = pytest.importorskip("torch")
    if (
        how.get("prefetch_factor") != 0
        and how.keys() & {"shuffle", "collate_fn", "generator"} <= {"shuffle"}
        and how.get("shuffle") != "x"
    ):
        with pytest.raises((ValueError, TypeError, AssertionError)):  # what torch refuses as well, at the first batch
            next(iter(torch.utils.data.DataLoader(Numbers(), **how)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.DataLoader(5), "a loader takes a data set, with __getitem__ and __len__, not a int"),
        (lambda: data.DataLoader(Stream(), shuffle=True), "a stream .IterableDataset. comes in its own order; leave"),
        (
            lambda: data.DataLoader(Stream(), sampler=[1]),
            "a stream .IterableDataset. has no indices; leave sampler and",
        ),
        (lambda: len(data.DataLoader(Stream())), "a Stream has no length, which is needed here"),
    ],
)
def test_data_sets_that_do_not_fit(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_loader.py:\d+: {message}"):
        call()
