"""Workers: the same bits in the same order, and one clear error for whatever becomes of one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.framework import data
from weft.framework.device import use_device
from weft.framework.random import Generator, manual_seed, rand
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


# Faults


class Own(Exception):
    """What a script raises: not made of one text."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(code, words)


def broken(index: int, fault: Callable[[], Any]) -> Numbers:
    """Ten samples, of which one does something else."""
    return Numbers(10, lambda i: fault() if i == index else i)


def raising(error: BaseException) -> Callable[[], Any]:
    def fault() -> None:
        raise error

    return fault


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("bad image"), ValueError, "ValueError: bad image"),
        (KeyError("label"), KeyError, "KeyError: 'label'"),
        (FileNotFoundError(2, "gone", "a.png"), FileNotFoundError, r"FileNotFoundError: \[Errno 2\] gone: 'a.png'"),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
            data.WorkerError,
            "UnicodeDecodeError: 'utf-8' codec can't",
        ),
        (Own(3, "x"), data.WorkerError, r"Own: \(3, 'x'\)"),
        (type("Local", (RuntimeError,), {})("here"), RuntimeError, "Local: here"),
    ],
)
def test_what_a_sample_raises_is_raised_with_its_number(error: Exception, kind: type[Exception], text: str) -> None:
    loader = data.DataLoader(broken(6, raising(error)), 4, num_workers=2)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1, 2, 3]
    with pytest.raises(
        data.WorkerError, match=rf"test_workers.py:\d+: sample 6 of Numbers: {text}.* \(in worker 1\)"
    ) as got:
        next(batches)
    assert isinstance(got.value, kind)
    assert "in fault" in str(got.value), "the worker's traceback is told"
    assert "weft/framework/data" not in str(got.value)
    with pytest.raises(type(error)) as here:
        list(data.DataLoader(broken(6, raising(error)), 4))
    assert here.value.__notes__[0] == "sample 6 of Numbers"


def test_errors_of_batches_name_what_was_collated() -> None:
    ragged = Numbers(6, lambda i: {"x": np.zeros(1 if i < 4 else i)})
    told = (
        r"collating samples \[4, 5\] of Subset of Numbers: CollateError: .*field 'x' differs: it is of shape \[4\] in"
    )
    with pytest.raises(data.CollateError, match=told):
        list(data.DataLoader(data.Subset(ragged, range(6)), 2, num_workers=1))
    with pytest.raises(data.CollateError, match="field 'x' differs") as here:
        list(data.DataLoader(ragged, 2))
    assert here.value.__notes__ == ["collating samples [4, 5] of Numbers"]
    rows = data.TensorDataset(np.arange(4))
    with pytest.raises(IndexError) as found:
        list(data.DataLoader(rows, 12, sampler=[1] * 9 + [7]))
    assert found.value.__notes__ == ["samples [1, 1, 1, 1, 1, 1, 1, 1, … 10 in all] of TensorDataset"]


def test_what_cannot_be_sent_is_told() -> None:
    class Batch:
        def __init__(self, parts: Any) -> None:
            self.parts = parts

    with pytest.raises(data.WorkerError, match="sending the batch of a worker; a collate_fn can make tensors, arrays"):
        list(data.DataLoader(Numbers(2, int), 2, num_workers=1, collate_fn=Batch))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda: os._exit(3), "ended with exit code 3"),
        (raising(SystemExit(4)), "ended with exit code 4"),
        (
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            "was killed by SIGKILL .the system does that to whoever takes too",
        ),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "was killed by SIGTERM"),
        (lambda: os.abort(), "was killed by SIGABRT"),
    ],
)
def test_a_worker_that_dies_is_told(fault: Callable[[], Any], told: str) -> None:
    loader = data.DataLoader(broken(5, fault), 2, num_workers=3)
    began = time.monotonic()
    expected = rf"test_workers.py:\d+: worker 2 \(process \d+\) {told}.* while it was at samples \[4, 5\] of Numbers"
    with pytest.raises(data.WorkerError, match=expected):
        list(loader)
    assert time.monotonic() - began < 60
    assert not children()


def test_a_worker_that_hangs_is_told_after_the_timeout() -> None:
    loader = data.DataLoader(broken(2, lambda: time.sleep(1000)), 1, num_workers=2, timeout=0.5)
    told = r"no batch from worker 0 \(process \d+\) within 0\.5 s; it is at samples \[2\] of Numbers"
    with pytest.raises(data.WorkerError, match=told):
        list(loader)
    assert not children()


@pytest.mark.parametrize("persistent", [False, True])
def test_after_a_fault_the_next_pass_has_new_workers(persistent: bool, tmp_path: Path) -> None:
    mark = tmp_path / "failed"

    def once() -> int:
        if not mark.exists():
            mark.touch()
            os._exit(1)
        return 5

    loader = data.DataLoader(broken(5, once), 2, num_workers=2, persistent_workers=persistent)
    with pytest.raises(data.WorkerError, match="ended with exit code 1"):
        list(loader)
    assert len(list(loader)) == 5
    del loader
    assert not children()


def test_what_a_worker_has_started_ends_with_it() -> None:
    def start() -> int:
        return subprocess.Popen(["sleep", "1000"]).pid

    batches = iter(data.DataLoader(Numbers(9, lambda i: start()), 1, num_workers=1))
    pid = int(next(batches))
    os.kill(pid, 0)
    batches.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 30
    while time.monotonic() < until and Path(f"/proc/{pid}/stat").exists() and ") Z" not in _stat(pid):
        time.sleep(0.01)
    assert time.monotonic() < until


def _stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ") Z"


def children(of: int | None = None) -> list[str]:
    """The running children of a process, as Linux lists them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        told = _stat(int(stat.parent.name)).rpartition(")")[2].split()
        if len(told) > 1 and told[0] != "Z" and int(told[1]) == (of or os.getpid()):
            found.append(stat.parent.name)
    return found


SCRIPT = """
import os, signal, sys, time
from weft.framework import data

class Slow(data.Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        if i > 3:
            time.sleep({sleep})
        return os.getpid()

seen = set()
for batch in data.DataLoader(Slow(), 1, num_workers=2, persistent_workers={persistent}):
    if int(batch) not in seen:
        seen.add(int(batch))
        print(int(batch), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    ("number", "everyone", "ignored"),
    [
        (signal.SIGINT, True, False),
        (signal.SIGINT, False, False),
        (signal.SIGTERM, False, False),
        (signal.SIGTERM, True, True),
        (signal.SIGKILL, False, True),
    ],
)
def test_no_worker_outlives_the_main_process(number: int, everyone: bool, ignored: bool, persistent: bool) -> None:
    """Ctrl-C goes to all of a terminal's processes, a kill to one; the shell may have ignored SIGINT for all."""
    code = SCRIPT.format(sleep=1000, persistent=persistent)
    words = ["sh", "-c", ("trap '' INT; " if ignored else "") + 'exec "$0" -c "$1"', sys.executable, code]
    main = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert main.stdout is not None
    workers = [int(main.stdout.readline()) for _ in range(2)]
    if everyone:
        os.killpg(main.pid, number)
    else:
        main.send_signal(number)
    _, errors = main.communicate(timeout=60)
    assert main.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    assert errors.count("Traceback") <= 1, "workers say nothing of a Ctrl-C"
    until = time.monotonic() + 30
    while time.monotonic() < until and any(") Z" not in _stat(pid) for pid in workers):
        time.sleep(0.01)
    assert time.monotonic() < until, "a worker is left"


def test_a_loader_in_a_worker_has_no_workers() -> None:
    inner = data.DataLoader(Numbers(2, int), num_workers=1)
    with pytest.raises(
        data.DataError, match="a loader inside a worker cannot have workers of its own; give num_workers=0"
    ):
        list(data.DataLoader(Numbers(2, lambda i: len(list(inner))), num_workers=1))
    plain = data.DataLoader(Numbers(2, int), num_workers=0)
    assert [b.item() for b in data.DataLoader(Numbers(2, lambda i: len(list(plain))), num_workers=1)] == [2, 2]


def test_workers_that_are_not_forked() -> None:
    rows = data.TensorDataset(np.arange(6))
    loader = data.DataLoader(rows, 4, num_workers=1, multiprocessing_context="spawn", timeout=120)
    assert [batch[0].tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5]]
    with pytest.raises(data.DataError, match="workers that are not forked take only what can be pickled"):
        list(data.DataLoader(Numbers(2, lambda i: i), num_workers=1, multiprocessing_context="spawn"))


def test_no_file_descriptor_is_left() -> None:
    def open_ones() -> int:
        return len(os.listdir("/proc/self/fd"))

    samples = Numbers(8, SAMPLES["large arrays"])
    list(data.DataLoader(samples, 4, num_workers=2))
    before = open_ones()
    for _ in range(3):
        kept = list(data.DataLoader(samples, 4, num_workers=2))
        next(iter(data.DataLoader(samples, 4, num_workers=2)))
    del kept
    assert open_ones() == before


def test_the_default_generator_is_not_touched_by_a_data_set() -> None:
    generator = manual_seed(5)
    first, *_ = data.DataLoader(Numbers(3, SAMPLES["random"]))
    assert generator.draws == 0
    again, *_ = data.DataLoader(Numbers(3, SAMPLES["random"]))
    assert first.tolist() == again.tolist()
    manual_seed(6)
    other, *_ = data.DataLoader(Numbers(3, SAMPLES["random"]))
    assert first.tolist() != other.tolist()
