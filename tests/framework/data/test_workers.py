"""Workers: the same bits in the same order, and one clear error for whatever becomes of one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import data
from weft.framework.device import use_device
from weft.framework.random import Generator, rand
from weft.framework.tensor import Tensor, tensor
from weft.framework.tree import leaves

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Numbers(data.Dataset[Any]):
    """Samples that ``make`` makes of their number."""

    def __init__(self, count: int, make: Callable[[int], Any]) -> None:
        self.count, self.make = count, make

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.make(index)


class Shares(data.IterableDataset[int]):
    """The numbers below ``count``; worker i of n gives those that are i modulo n."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        info = data.get_worker_info()
        return iter(range(self.count) if info is None else range(info.id, self.count, info.num_workers))


def bits(batch: Any) -> list[tuple[str, Any]]:
    """A batch to the bit: types, shapes and bytes."""
    found = []
    for path, leaf in leaves(batch):
        array = leaf.numpy() if isinstance(leaf, Tensor) else leaf
        told = (str(array.dtype), array.shape, array.tobytes()) if isinstance(array, np.ndarray) else array
        found.append((path, (type(leaf).__name__, told)))
    return found


SAMPLES: dict[str, Callable[[int], Any]] = {
    "numbers": lambda i: (i, i / 3, i % 2 == 0),
    "nests": lambda i: {"a": [np.full(3, i, np.int8), "text"], "b": (tensor([i], dtype="bfloat16"), b"x")},
    "large arrays": lambda i: np.full((50, 60), i, np.float32),
    "computed": lambda i: (tensor([[1.0, 2.0], [3.0, 4.0]]) @ tensor([i, 1.0])).relu(),
    "random": lambda i: rand(4) + i,
    "nothing in them": lambda i: np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_batches_are_the_same_whatever_the_number_of_workers(name: str) -> None:
    def batches(workers: int, **how: Any) -> list[Any]:
        samples = Numbers(23, SAMPLES[name])
        loader = data.DataLoader(samples, 4, shuffle=True, generator=Generator(6), num_workers=workers, **how)
        return [bits(batch) for _ in range(2) for batch in loader]

    here = batches(0)
    assert len(here) == 12
    assert name == "nothing in them" or here[:6] != here[6:]
    for how in ({}, {"prefetch_factor": 1}, {"persistent_workers": True}):
        assert batches(2, **how) == here, how
    assert batches(5) == here


def test_on_the_cpu_target_too() -> None:
    """Whose threads and locks the main process has used before it forks."""
    pytest.importorskip("llvmlite")
    with use_device("cpu"):
        a = np.ones((64, 64), np.float32)
        (tensor(a) @ tensor(a)).numpy()
        loader = data.DataLoader(Numbers(4, lambda i: tensor(a) @ (tensor(a) + i)), 2, num_workers=2, timeout=60)
        assert [batch[0, 0, 0].item() for batch in loader] == [64, 192]


def test_fields_of_arrays_go_at_once_and_equal() -> None:
    rows = data.TensorDataset(np.arange(30_000).reshape(300, 100), np.arange(300.0))
    orders = [[bits(b) for b in data.DataLoader(rows, 64, shuffle=True, seed=3, num_workers=n)] for n in (0, 2)]
    assert orders[0] == orders[1]


def test_a_custom_collate_sampler_and_no_batches() -> None:
    samples = Numbers(9, lambda i: i)

    def loaded(workers: int, **how: Any) -> list[Any]:
        return [bits(batch) for batch in data.DataLoader(samples, num_workers=workers, **how)]

    forms: tuple[dict[str, Any], ...] = (
        {"batch_size": 2, "collate_fn": lambda batch: {"sum": sum(batch), "all": np.array(batch)}},
        {"batch_size": None},
        {"batch_size": 4, "sampler": [8, 1, 1, 0, 5], "drop_last": True},
        {"batch_sampler": [[1, 2], [], [0, 0, 0]], "collate_fn": list},
        {"batch_size": None, "sampler": [3, 4], "collate_fn": lambda sample: sample * 2},
    )
    for how in forms:
        assert loaded(0, **how) == loaded(2, **how), how


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("count", [1, 17])
def test_streams_are_as_torchs(workers: int, count: int) -> None:
    torch = pytest.importorskip("torch")

    base: Any = torch.utils.data.IterableDataset

    class Theirs(base):
        def __iter__(self) -> Iterator[int]:
            info = torch.utils.data.get_worker_info()
            return iter(range(count) if info is None else range(info.id, count, info.num_workers))

    forms: tuple[dict[str, Any], ...] = ({"batch_size": 2}, {"batch_size": 3, "drop_last": True}, {"batch_size": None})
    for how in forms:
        mine = data.DataLoader(Shares(count), num_workers=workers, **how)
        other = torch.utils.data.DataLoader(Theirs(), num_workers=workers, **how)
        assert [np.asarray(b).tolist() for b in mine] == [np.asarray(b).tolist() for b in other]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("then", [0, 2])
@pytest.mark.parametrize("kind", ["shuffled", "weighted", "own sampler", "stream", "random"])
def test_an_interrupted_pass_goes_on_with_another_number_of_workers(kind: str, workers: int, then: int) -> None:
    def loader(seed: int, workers: int) -> data.DataLoader:
        generator = Generator(seed)
        samples = Numbers(11, SAMPLES["random"] if kind == "random" else lambda i: i)
        how: dict[str, Any] = {} if kind == "own sampler" else {"batch_size": 3}
        if kind == "stream":
            return data.DataLoader(Shares(11), 3, num_workers=workers, generator=generator)
        if kind == "weighted":
            how["sampler"] = data.WeightedRandomSampler([1.0] * 11, 11, generator=generator)
        elif kind == "own sampler":
            how["batch_sampler"] = data.BatchSampler(Reversed(generator), 3, False)
        else:
            how["shuffle"] = True
        return data.DataLoader(samples, num_workers=workers, generator=generator, **how)

    if kind == "stream" and workers != then:
        pytest.skip("workers divide a stream by their number")
    whole = [bits(batch) for one in [loader(1, 0 if kind != "stream" else workers)] for _ in range(3) for batch in one]
    first, begun = loader(1, workers), list[Any]()
    for batch in (batch for _ in range(3) for batch in first):
        begun.append(bits(batch))
        if len(begun) == 6:
            break
    state = first.state_dict()
    second = loader(9, then)
    second.load_state_dict(state)
    assert begun + [bits(batch) for _ in range(2) for batch in second] == whole


class Reversed(data.RandomSampler):
    """A user's sampler: what it inherits, with something of its own in the iteration."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(range(11), generator=generator)

    def __iter__(self) -> Iterator[int]:
        return (10 - index for index in super().__iter__())


def test_workers_are_seeded_and_know_who_they_are() -> None:
    def told(i: int) -> tuple[int, ...]:
        info = data.get_worker_info()
        assert info is not None
        return (
            info.id,
            info.num_workers,
            info.seed & 0xFFFF,
            random.randrange(1 << 20),
            np.random.randint(1 << 20),
            len(info.dataset),
        )

    def found(seed: int) -> list[list[int]]:
        loader = data.DataLoader(Numbers(4, told), 1, num_workers=2, seed=seed, collate_fn=lambda batch: list(batch[0]))
        return list(loader)

    assert data.get_worker_info() is None
    one, again, other = found(1), found(1), found(2)
    assert one == again != other
    assert [row[:2] + row[5:] for row in one] == [[0, 2, 4], [1, 2, 4]] * 2
    assert one[1][2] == (one[0][2] + 1) & 0xFFFF
    assert len({(row[3], row[4]) for row in one}) == 4


def test_worker_init_fn_is_called_in_each() -> None:
    begun = {"worker": -1}
    loader = data.DataLoader(
        Numbers(4, lambda i: begun["worker"]), 1, num_workers=2, worker_init_fn=lambda w: begun.update(worker=w * 10)
    )
    assert [batch.item() for batch in loader] == [0, 10, 0, 10]
    assert begun == {"worker": -1}

    def fails(worker: int) -> None:
        raise OSError(2, "no such device")

    loader = data.DataLoader(Numbers(4, int), 1, num_workers=2, worker_init_fn=fails)
    with pytest.raises(data.WorkerError, match=r"worker_init_fn\(0\): FileNotFoundError: \[Errno 2\] no such device"):
        next(iter(loader))


def test_workers_stay_if_they_are_to() -> None:
    pids: dict[bool, set[int]] = {}
    for stay in (False, True):
        loader = data.DataLoader(Numbers(4, lambda i: os.getpid()), 1, num_workers=2, persistent_workers=stay)
        pids[stay] = {int(batch) for _ in range(2) for batch in loader}
        at_once = [int(b) for pair in zip(loader, loader, strict=True) for b in pair]
        assert len(set(at_once)) == 4, "two passes at once have workers each"
        next(iter(loader))  # a pass that is given up
        assert len(list(loader)) == 4
        del loader
    assert (len(pids[False]), len(pids[True])) == (4, 2)
    for pid in set.union(*pids.values()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
