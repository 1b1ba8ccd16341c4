"""What a step is and does on the accelerator: its program, and where the cycles of one run go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from compiler.targets.accel.device import AccelDevice
from framework.device import Device, compiled, get_device
from framework.graph import Graph
from framework.jit import JitFunction, jit
from isa.machine import Machine
from isa.machine import load as load_machine
from isa.program import Program
from reports import profile as profiles
from sim.engines import get_engine
from sim.run import Run

Step = Callable[..., Any]


def _accelerator(device: Device, machine: str | Path | Machine | None) -> AccelDevice:
    """The accelerator to look at: ``machine`` if given, else that of the step's tensors, else the default one."""
    if machine is None and isinstance(device, AccelDevice):
        return device
    chosen = machine if isinstance(machine, Machine) else load_machine(machine or "edu")
    accelerator = get_device("accel", machine=chosen)
    assert isinstance(accelerator, AccelDevice)
    return accelerator


def compile(step: Step | Graph, *arguments: Any, machine: str | Path | Machine | None = None) -> Program:
    """The accelerator's program of ``step(*arguments)``, jitted or not, or of a graph; nothing runs.

    machine: a preset, a TOML file or a Machine; None is that of the step's tensors, "edu" if they are elsewhere.
    Raises CompileError naming the node, the reason and the nearest form that can run.
    """
    if isinstance(step, Graph):
        return _accelerator(get_device("numpy"), machine).compile(step).program
    recording = _jitted(step).trace(*arguments)
    return _accelerator(recording.device, machine).compile(recording.graph).program


def profile(
    step: Step | Program,
    *arguments: Any,
    machine: str | Path | Machine | None = None,
    engine: str | None = None,
    run: Run | None = None,
) -> profiles.Profile:
    """Run ``step(*arguments)`` once on the accelerator, leave every tensor as it was, and say where the cycles went.

    A program is run from its own data; with ``run``, that run of it is taken. machine: as for ``compile``. engine: one
    with time ("fast", "rtl", "pysim"); None is the device's, or "fast".
    """
    return profiles.profile(*execute(step, *arguments, machine=machine, engine=engine, run=run))


def execute(
    step: Step | Program,
    *arguments: Any,
    machine: str | Path | Machine | None = None,
    engine: str | None = None,
    run: Run | None = None,
) -> tuple[Program, Run]:
    """The program of a step, and one run of it that changes no tensor (see ``profile``)."""
    if isinstance(step, Program):
        return step, run or get_engine(engine or "fast").run(step)
    jitted = _jitted(step)
    recording = jitted.trace(*arguments)
    accelerator = _accelerator(recording.device, machine)
    executable: Any = compiled(accelerator, recording.graph)
    runner = accelerator.engine if engine is None else get_engine(engine)
    program: Program = executable.program
    return program, runner.run(program, executable.image(jitted.bind(*arguments)))


def _jitted(step: Step) -> JitFunction:
    return step if isinstance(step, JitFunction) else jit(step)
