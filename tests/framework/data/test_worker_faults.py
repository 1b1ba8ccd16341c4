"""Workers that fail: whatever becomes of one is told in one clear error, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.framework.data.test_workers import SAMPLES, Numbers
from weft.framework import data
from weft.framework.random import manual_seed

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")



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
        data.WorkerError, match=rf"test_worker_faults.py:\d+: sample 6 of Numbers: {text}.* \(in worker 1\)"
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
    place = r"test_worker_faults.py:\d+: worker 2 \(process \d+\)"
    expected = rf"{place} {told}.* while it was at samples \[4, 5\] of Numbers"
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

    batches: Any = iter(data.DataLoader(Numbers(9, lambda i: start()), 1, num_workers=1))
    pid = int(next(batches))
    os.kill(pid, 0)
    batches.close()
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
