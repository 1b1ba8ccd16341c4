"""The process of one framework and one row: it makes the step, then runs so many as each line on stdin asks for.

``python -m weft.reports.frameworks.child FRAMEWORK ROW THREADS`` prints a JSON object a line: first what it is and how
long its first step took, from nothing made yet to its result, or the reason why there is nothing to run; then, for a
line ``steps N``, the seconds of each step; for ``memory N`` and ``kept N``, how many bytes the process grew by in so
many steps, without and with all their results kept; for ``peak N``, how many it held at most while it made them.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from weft.base.distribution import NAME, VERSION
from weft.compiler.targets.cpu.blas_kernel import blas_kernel
from weft.reports.frameworks.contenders import CONTENDERS, Contender

SETTLING = 300
"""Steps after which memory is looked at first."""


def main(name: str, row: str, threads: int) -> None:
    """Answer the parent until it says no more."""
    if hasattr(os, "sched_setaffinity"):  # what counts cores by itself then finds `threads`
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    contender = CONTENDERS[name]
    try:
        module = importlib.import_module(contender.module)
    except ImportError as error:
        print(json.dumps({"reason": f"{error}; {contender.remedy}"}, allow_nan=False), flush=True)
        return
    steps = getattr(module, contender.table)
    if row not in steps:
        print(json.dumps({"reason": "no such row"}, allow_nan=False), flush=True)
        return
    module.prepare(threads)
    resident = _resident()
    began = time.perf_counter()
    try:
        step = steps[row]()
        made, used = time.perf_counter(), time.process_time()
        value = module.finish(step())
    except Exception as error:  # of whatever kind the framework has: the other frameworks are measured all the same
        print(json.dumps({"reason": f"{type(error).__name__}: {error}"}, allow_nan=False), flush=True)
        return
    first, processor = time.perf_counter() - made, time.process_time() - used
    blas = blas_kernel()
    told = {
        "reason": None, "version": _version(contender), "made": made - began, "first": first,
        "first_processor": processor, "value": value, "resident": resident, "blas": blas and dataclasses.asdict(blas),
    }  # fmt: skip
    print(json.dumps(told, allow_nan=False), flush=True)
    for line in sys.stdin:
        what, number = line.split()
        print(json.dumps(ANSWERS[what](module, step, int(number)), allow_nan=False), flush=True)


def _version(contender: Contender) -> str:
    return VERSION if contender.package == NAME else metadata.version(contender.package)


def _timed(module: ModuleType, step: Any, number: int) -> dict[str, Any]:
    """Seconds of each step by the clock and of the processor; the first, which finds cold caches, is left out."""
    wall, processor = [], []
    value = module.finish(step())
    for _ in range(number):
        began, used = time.perf_counter(), time.process_time()
        value = module.finish(step())
        processor.append(time.process_time() - used)
        wall.append(time.perf_counter() - began)
    return {"wall": wall, "processor": processor, "value": value}


def _growth(module: ModuleType, step: Any, number: int, keep: bool = False) -> dict[str, Any]:
    """Bytes of memory that the process holds more after so many steps, where the system tells them."""
    kept = [step() for _ in range(SETTLING)]
    module.finish(kept[-1])
    kept = kept if keep else []
    gc.collect()
    before = _resident()
    for _ in range(number):
        value = step()
        if keep:
            kept.append(value)
    module.finish(value)
    gc.collect()
    after = _resident()
    return {"bytes": None if before is None or after is None else after - before}


def _peak(module: ModuleType, step: Any, number: int) -> dict[str, Any]:
    """The most bytes of memory that the process holds at a time during so many steps, where the system tells them."""
    module.finish(step())
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the largest so far
    except OSError:  # not Linux, or not allowed
        return {"bytes": None}
    for _ in range(number):
        module.finish(step())
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {"bytes": next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))}


def _resident() -> int | None:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except FileNotFoundError:  # not Linux
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


ANSWERS: Mapping[str, Callable[[ModuleType, Any, int], dict[str, Any]]] = {
    "steps": _timed,
    "memory": _growth,
    "kept": functools.partial(_growth, keep=True),
    "peak": _peak,
}
"""What a line asks for → what answers."""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
