"""The table of ``weft bench framework``: a process for each framework, in turns, and medians of what each one tells.

The processes of a row live together and take turns, so that whatever else the machine does meets all of them; one
alone computes at a time. Each has the same number of cores and of threads, and no variable that chooses a BLAS kernel
(``blas_kernel.OVERRULING``).
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from weft.base.children import Children, end_group
from weft.base.errors import WeftError
from weft.compiler.targets.cpu.blas_kernel import OVERRULING
from weft.reports.frameworks.rows import ROWS

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CACHES = ("WEFT_CACHE", "TORCHINDUCTOR_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR")
"""Variables that say where frameworks keep what they compiled."""
ENDED = "its process ended without an answer"
TOO_LATE = "no answer within the time that there was"

LIMIT = 300.0
"""Seconds within which a process must have answered: making a step may compile for minutes, and may hang."""

STEP_BY_STEP = ("torch", "weft")
"""What keeps nothing from step to step when it is not jitted: whose memory is looked at."""
TRAINING_RESNET = ("weft", "torch", "torch.compile")
"""What has a training step of a residual network."""


def environment(threads: int, caches: str | None = None) -> dict[str, str]:
    """What a measured process inherits. ``caches``: a folder for what is compiled, in place of the user's."""
    kept = {name: value for name, value in os.environ.items() if name not in OVERRULING}
    kept |= dict.fromkeys(_THREADS, str(threads))
    return kept if caches is None else kept | dict.fromkeys(_CACHES, caches)


class MeasuredProcess:
    """The process of one framework and one row."""

    def __init__(self, children: Children, name: str, row: str, threads: int, caches: str | None = None) -> None:
        command = [sys.executable, "-m", "weft.reports.frameworks.child", name, row, str(threads)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = children.begin(command, env=environment(threads, caches), text=True, **pipes)
        self.told = self._answer()

    def ask(self, what: str, number: int) -> dict[str, Any]:
        """Its answer to a line such as ``steps 20``."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{what} {number}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"reason": ENDED}
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        late = threading.Timer(LIMIT, end_group, (self.process.pid,))
        late.start()
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    answer: dict[str, Any] = json.loads(line)
                    return answer
        finally:
            late.cancel()
            late.join()
        return {"reason": TOO_LATE if late.finished.is_set() and self.process.wait() == -signal.SIGKILL else ENDED}

    def end(self) -> None:
        """Let it go."""
        self.process.communicate()


@contextmanager
def _measured(
    names: Sequence[str], row: str, threads: int, caches: str | None = None
) -> Iterator[dict[str, MeasuredProcess]]:
    children = Children()
    with ExitStack() as stack:
        stack.callback(children.end)
        processes = {name: MeasuredProcess(children, name, row, threads, caches) for name in names}
        for process in processes.values():
            stack.callback(process.end)
        yield processes


def step_times(row: str, names: Sequence[str], threads: int, rounds: int) -> dict[str, dict[str, Any]]:
    """By framework, what its steps of ``row`` take.

    ``wall_ms`` and ``processor_ms`` are medians over all steps, ``best_ms`` the fastest step by the clock; ``value`` is
    the last loss, ``reason`` why there is no figure, ``blas`` the kernel that its process would use through NumPy.
    ``wall_ratio`` and ``processor_ratio`` are what weft took of it: the median over the turns, each beside the other.
    """
    with _measured(names, row, threads) as processes:
        results = {name: dict(process.told) for name, process in processes.items()}
        turns: dict[str, dict[str, list[list[float]]]] = {name: {"wall": [], "processor": []} for name in names}
        for _ in range(rounds):
            for name, process in processes.items():
                if results[name]["reason"] is None:
                    answer = process.ask("steps", ROWS[row].steps)
                    results[name] |= {"value": answer.get("value"), "reason": answer.get("reason")}
                    for kind, turn in turns[name].items():
                        turn.append(answer.get(kind, []))
    for name, result in results.items():
        for kind, turn in turns[name].items():
            values = [seconds for taken in turn for seconds in taken]
            result[f"{kind}_ms"] = 1e3 * statistics.median(values) if values else None
            result[f"{kind}_ratio"] = _ratio(turns.get("weft", {}).get(kind, []), turn)
            if kind == "wall":
                result["best_ms"] = 1e3 * min(values) if values else None
    return results


def _ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> float | None:
    """The median over turns of one's median divided by the other's."""
    both = [(a, b) for a, b in zip(ours, theirs, strict=False) if a and b]
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in both) if both else None


def first_steps(names: Sequence[str], threads: int) -> dict[str, dict[str, Any]]:
    """By framework, the seconds of the perceptron's first step: with empty caches (``cold``) and again (``warm``), by
    the clock and of the processor."""
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
            told = []
            for _ in range(2):
                with _measured([name], "mlp", threads, folder) as processes:
                    told.append(processes[name].told)
        cold, warm = told
        results[name] = {"reason": cold["reason"] or warm["reason"]}
        for state, answer in (("cold", cold), ("warm", warm)):
            results[name] |= {state: answer.get("first"), f"{state}_processor": answer.get("first_processor")}
    return results


def memory(names: Sequence[str], steps: int = 10_000, kept: int = 1_000) -> dict[str, dict[str, Any]]:
    """By framework, the bytes that a process grows by over un-jitted toy steps; ``kept``: while all losses are kept."""
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        with _measured([name], "toy", 1) as processes:
            result = {"reason": processes[name].told["reason"], "steps": None, "kept": None}
            if result["reason"] is None:
                result["steps"] = processes[name].ask("memory", steps).get("bytes")
                result["kept"] = processes[name].ask("kept", kept).get("bytes")
            results[name] = result
    return results


def peaks(names: Sequence[str], steps: int = 5) -> dict[str, dict[str, Any]]:
    """By framework, the bytes that a process which trains ResNet-20 holds at most, over those from before it made the
    model."""
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        with _measured([name], "resnet20", 1) as processes:
            told = processes[name].told
            most = processes[name].ask("peak", steps).get("bytes") if told["reason"] is None else None
            before = told.get("resident")
            found = None if most is None or before is None else most - before
            results[name] = {"reason": told["reason"], "bytes": found}
    return results


def start_times(rounds: int) -> dict[str, float]:
    """Seconds of a whole process: the least of so many. What is not installed is left out."""
    commands: Mapping[str, list[str]] = {
        "import weft": ["-c", "import weft"],
        "weft --help": ["-m", "weft", "--help"],
        "import torch": ["-c", "import torch"],
        "import jax": ["-c", "import jax"],
    }
    found: dict[str, float] = {}
    for _ in range(rounds):
        for name, words in commands.items():
            began = time.perf_counter()
            done = subprocess.run([sys.executable, *words], env=environment(1), capture_output=True)
            if done.returncode == 0:
                found[name] = min(found.get(name, float("inf")), time.perf_counter() - began)
    return found


def chosen(words: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """The ``known`` names among ``words``, in their own order; all where none is named."""
    return [name for name in known if not words or name in words]


def table(rows: Sequence[str], names: Sequence[str], threads: int, rounds: int) -> dict[str, Any]:
    """All that ``rows`` ask for, of the frameworks ``names``. Raises WeftError for a number of threads that the machine
    has not."""
    from weft.compiler.targets.cpu.threads import available_cores

    if threads > available_cores():
        raise WeftError(f"--threads {threads}: this process may use {available_cores()} cores")
    result: dict[str, Any] = {"threads": threads, "rounds": rounds, "steps": {}}
    for row in rows:
        if row in ROWS:
            result["steps"][row] = step_times(row, names, threads, rounds)
        elif row == "first":
            result["first"] = first_steps([name for name in names if name not in ("torch", "onnxruntime")], threads)
        elif row == "peak":
            result["peak"] = peaks([name for name in names if name in TRAINING_RESNET])
        elif row == "start":
            result["start"] = start_times(rounds)
        else:
            result["memory"] = memory([name for name in names if name in STEP_BY_STEP])
    return result
