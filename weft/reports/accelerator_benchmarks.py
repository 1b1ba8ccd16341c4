"""Benchmarks of the accelerator and its simulators: utilisation in simulated cycles, speed side by side in one run."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.base.errors import MissingToolError
from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.sim.engines import get_engine

FORMS = {"NN": (False, False), "NT": (False, True), "TN": (True, False)}
"""Name → which operand of the product lies transposed in DRAM."""


def gemm_utilisation(machine: Machine, size: int = 256) -> list[dict[str, Any]]:
    """Cycles and useful-MAC utilisation of square products, both types, NN, NT and TN."""
    engine = get_engine("fast")
    rows = []
    for dtype in machine.types:
        for form, transposed in FORMS.items():
            run = engine.run(gemm_program(machine, size, size, size, dtype, *transposed), trace=False)
            share = size**3 / (run.cycles * machine.dim**2)
            rows.append({"size": size, "type": dtype, "form": form, "cycles": run.cycles, "utilisation": share})
    return rows


def engine_speed(program: Program, image: npt.NDArray[np.uint8], rounds: int = 5, batch: int = 20) -> dict[str, Any]:
    """Simulated cycles per second of the fast engine and of the RTL on one program, by turns in one run.

    The fast engine's first run, which also works out the timing, is given apart: later runs reuse it.
    """
    fast, rtl = get_engine("fast"), get_engine("rtl")
    result: dict[str, Any] = {"reason": None}
    fast.run(program, image)  # compiles the kernels
    began = time.perf_counter()
    cycles = get_engine("fast").run(program, image).cycles
    result |= {"cycles": cycles, "fast_first_run": cycles / (time.perf_counter() - began)}
    try:
        rtl.run(program, image)
    except MissingToolError as error:
        return result | {"reason": str(error), "fast": None, "rtl": None, "ratio": None}
    speeds: dict[str, list[float]] = {"fast": [], "rtl": []}
    for _ in range(rounds):
        for name, engine, times in (("fast", fast, batch), ("rtl", rtl, 1)):
            began = time.perf_counter()
            for _ in range(times):
                engine.run(program, image)
            speeds[name].append(cycles * times / (time.perf_counter() - began))
    result |= {name: statistics.median(values) for name, values in speeds.items()}
    result["ratio"] = result["fast"] / result["rtl"]
    return result


def rtl_build(machine: Machine) -> dict[str, Any]:
    """Seconds to build the RTL model of ``machine`` with an empty cache, and again with a full one."""
    from weft.sim.rtl.build import build

    before = os.environ.get("WEFT_CACHE")
    result: dict[str, Any] = {"machine": machine.name, "reason": None}
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        os.environ["WEFT_CACHE"] = folder
        try:
            for name in ("cold_seconds", "cached_seconds"):
                began = time.perf_counter()
                build(machine)
                result[name] = time.perf_counter() - began
        except MissingToolError as error:
            result |= {"reason": str(error), "cold_seconds": None, "cached_seconds": None}
        finally:
            if before is None:
                del os.environ["WEFT_CACHE"]
            else:
                os.environ["WEFT_CACHE"] = before
    return result
