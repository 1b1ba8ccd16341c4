"""Threads that share kernels: every part is done once, results are the same to the bit, and nothing is left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from weft.compiler.targets.cpu import threads
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.driver import native_driver
from weft.compiler.targets.cpu.team import ThreadTeam, thread_team
from weft.framework.builder import GraphBuilder
from weft.framework.device import use_device
from weft.framework.graph import Graph
from weft.reports.frameworks import with_weft

Kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
Share = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


def shared(team: ThreadTeam, parts: int, kernel: Callable[[int, int], None]) -> None:
    native = Kernel(lambda arguments, part, parts: kernel(part, parts))
    address = ctypes.cast(native, ctypes.c_void_p).value
    Share(native_driver().address("share"))(team.address, address, None, parts)


def parts_done(team: ThreadTeam, parts: int) -> list[tuple[int, int]]:
    """The parts of a kernel, and of how many they were."""
    seen: list[tuple[int, int]] = []
    shared(team, parts, lambda *part: seen.append(part))
    return seen


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_every_part_is_done_once(workers: int) -> None:
    team = ThreadTeam(workers + 1)
    if workers:
        team.start()
    for parts in (2, 3, 8, 50, 2, 9):
        for _ in range(20):
            seen = parts_done(team, parts)
            assert sorted(seen) == [(part, parts) for part in range(parts)]
    team.stop()


def test_a_worker_takes_parts_even_if_it_was_asleep() -> None:
    """The first part that anybody takes waits until another thread has one."""
    team = thread_team(2)
    team.start()
    for pause in (0, 0.05, 0.2):
        threading.Event().wait(pause)
        both = threading.Barrier(2, timeout=30)
        names = set[str]()

        def meet(part: int, parts: int, both: threading.Barrier = both, names: set[str] = names) -> None:
            names.add(threading.current_thread().name)
            both.wait()

        shared(team, 2, meet)
        assert len(names) == 2
        assert threading.current_thread().name in names


def test_who_comes_while_others_share_works_alone() -> None:
    """Of two kernels inside one another the second is not divided; nor is one after the end."""
    before = threading.active_count()
    team = ThreadTeam(2)
    team.start()
    assert threading.active_count() == before + 1
    seen: list[tuple[int, int]] = []
    shared(team, 4, lambda *_: shared(team, 3, lambda *inner: seen.append(inner)))
    assert Counter(seen) == {(0, 1): 4}
    team.stop()
    assert sorted(parts_done(team, 3)) == [(0, 3), (1, 3), (2, 3)], "whoever calls does all the parts"
    team.start()
    assert threading.active_count() == before, "it has ended for good"


def test_parts_of_many_callers_do_not_mix() -> None:
    team = ThreadTeam(3)
    team.start()
    counts = [Counter[int]() for _ in range(6)]

    def call(own: Counter[int]) -> None:
        for _ in range(100):
            own[sum(5 // parts for _, parts in parts_done(team, 5))] += 1

    callers = [threading.Thread(target=call, args=(own,)) for own in counts]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert counts == [Counter({5: 100})] * 6
    team.stop()


def _graph(*shapes: tuple[int, ...], make: Callable[..., int], dtype: str = "float32") -> Graph:
    b = GraphBuilder()
    return b.build({"y": make(b, *(b.input(f"x{n}", shape, dtype) for n, shape in enumerate(shapes)))})


def _matmul(b: GraphBuilder, x: int, y: int) -> int:
    return b.apply("matmul", x, y, transpose_a=False, transpose_b=False, accumulate="float32")


def _less_transposed(b: GraphBuilder, x: int, y: int) -> int:
    return b.apply("sub", x, b.apply("permute", y, order=(1, 0)))


def _sum(*axes: int) -> Callable[[GraphBuilder, int], int]:
    return lambda b, x: b.apply("sum", b.apply("exp", x), axes=axes, keepdims=False)


def _max(*axes: int) -> Callable[[GraphBuilder, int], int]:
    return lambda b, x: b.apply("max", b.apply("neg", x), axes=axes, keepdims=True)


GRAPHS = {
    "elements of one axis": _graph((100_003,), make=lambda b, x: b.apply("tanh", x)),
    "elements of two": _graph((317, 1009), (1009, 317), make=_less_transposed),
    "integers": _graph((70_001,), (70_001,), make=lambda b, x, y: b.apply("mul", x, y), dtype="int32"),
    "sums of rows": _graph((300, 501), make=_sum(1)),
    "sums of columns": _graph((501, 1003), make=_sum(0)),
    "sums of a few columns": _graph((2001, 130), make=_sum(0)),
    "sums over both ends": _graph((40, 33, 100), make=_sum(0, 2)),
    "sums in the middle": _graph((40, 101, 50), make=_sum(1)),
    "maxima of columns": _graph((501, 1003), make=_max(0)),
    "maxima of rows": _graph((1003, 501), make=_max(1)),
    "a product": _graph((130, 300), (300, 517), make=_matmul),
    "a tall product": _graph((1001, 300), (300, 17), make=_matmul),
    "many products": _graph((12, 64, 32), (12, 32, 64), make=_matmul),
}  # fmt: skip


@pytest.fixture
def five_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads for which there need be no core."""
    monkeypatch.setattr(threads, "available_cores", lambda: 5)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_bits_are_the_same_for_any_number_of_threads(name: str, five_cores: None) -> None:
    graph = GRAPHS[name]
    numbers = np.random.default_rng(0)
    inputs = {}
    for node in (graph.nodes[i] for i in graph.inputs):
        inputs[node.attr("name")] = (4 * numbers.standard_normal(node.shape)).astype(node.dtype.numpy)
    alone = CpuDevice(threads=1).compile(graph)
    assert alone.divided == 0
    wanted = alone(inputs).outputs["y"]
    for number in (2, 3, 5):
        executable = CpuDevice(threads=number).compile(graph)
        assert executable.divided == 1
        for _ in range(5):
            assert executable(inputs).outputs["y"].tobytes() == wanted.tobytes()


def test_what_is_small_is_not_divided(five_cores: None) -> None:
    graph = _graph((50, 50), (50, 50), make=lambda b, x, y: b.apply("mul", _matmul(b, x, y), x))
    assert CpuDevice(threads=5).compile(graph).divided == 0


@pytest.mark.parametrize("row", ["mlp", "transformer", "lenet"])
def test_training_gives_the_same_bits_for_any_number_of_threads(row: str, five_cores: None) -> None:
    losses = set()
    for number in (1, 2, 5):
        with use_device(CpuDevice(threads=number)):
            step = with_weft.STEPS[row]()
            losses.add(tuple(with_weft.finish(step()) for _ in range(4)))
    assert len(losses) == 1
    assert len(set(losses.pop())) == 4, "it trains"


@pytest.mark.parametrize(("said", "wanted"), [
    ("1", 1), ("3", 3), ("40", 5), ("2,4", 2), ("", 5), ("0", 5), ("many", 5), ("-1", 5), (None, 5),
])  # fmt: skip
def test_the_usual_number_of_threads(
    said: str | None, wanted: int, five_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert CpuDevice().threads == wanted
    assert CpuDevice(threads=4).threads == 4


PROGRAM = """
import os, signal, sys, threading, time
import numpy as np
from weft.compiler.targets.cpu import threads
threads.available_cores = lambda: 3
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework.builder import GraphBuilder

b = GraphBuilder()
x = b.input("x", (400, 1000), "float32")
run = CpuDevice(threads=3).compile(b.build({"y": b.apply("exp", x), "s": b.apply("sum", x, axes=(0,), keepdims=False)}))
inputs = {"x": np.random.default_rng(0).standard_normal((400, 1000)).astype(np.float32)}

def text():
    outputs = run(inputs).outputs
    return outputs["y"].tobytes() + outputs["s"].tobytes()

wanted = text()
workers = [thread for thread in threading.enumerate() if thread.name.startswith("weft-cpu-")]
assert run.divided == 2 and len(workers) == 2, (run.divided, workers)
"""


def program(text: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a process that has shared a kernel, and then does what `text` says."""
    command = [sys.executable, "-c", PROGRAM + textwrap.dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("text", "code", "error"), [
    ("print('done')", 0, ""),
    ("sys.exit(3)", 3, ""),
    ("raise ValueError('planted')", 1, "ValueError: planted"),
    ("threading.Thread(target=lambda: [text() for _ in range(10**9)], daemon=True).start(); time.sleep(0.1)", 0, ""),
    ("threading.Thread(target=lambda: [text() for _ in range(50)]).start()", 0, ""),
    ("import atexit; atexit._run_exitfuncs(); assert text() == wanted; assert not workers[0].is_alive()", 0, ""),
], ids=["end", "exit", "exception", "daemon running", "thread running", "after the end"])  # fmt: skip
def test_a_process_ends_as_it_should(text: str, code: int, error: str) -> None:
    done = program(text)
    assert done.returncode == code, done.stderr
    assert done.stderr.strip().splitlines()[-1:] == ([error] if error else [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_the_child_of_a_fork_has_threads_of_its_own() -> None:
    done = program("""
        for _ in range(3):
            child = os.fork()
            if not child:
                assert text() == wanted
                assert all(text() == wanted for _ in range(20))
                alive = {thread.name for thread in threading.enumerate()}
                assert {"weft-cpu-1", "weft-cpu-2"} <= alive, alive
                sys.exit(7)
            assert text() == wanted
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print("done")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_an_interrupt_reaches_the_program_and_no_worker() -> None:
    done = program("""
        timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        try:
            while True:
                text()
        except KeyboardInterrupt:
            assert all(worker.is_alive() for worker in workers)
            assert text() == wanted
            print("done")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="no /proc")
def test_workers_take_no_signals() -> None:
    done = program("""
        masks = [open(f"/proc/self/task/{worker.native_id}/status").read() for worker in workers]
        for mask in masks:
            (line,) = [line for line in mask.splitlines() if line.startswith("SigBlk")]
            print(bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1))
    """)
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
