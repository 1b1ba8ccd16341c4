"""What a step becomes on a device, and what it does on the accelerator: its program, where the cycles of a run go."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weft.base.errors import WeftError
from weft.base.files import replacing
from weft.compiler.listing import FORMS, Lowered, drawing, listing
from weft.compiler.passes.pipeline import run
from weft.compiler.targets.accel.compile import compile as compile_for
from weft.compiler.targets.accel.device import AccelDevice, AccelExecutable
from weft.compiler.targets.cpu.listing import planned
from weft.framework.device import Device, compiled, get_device
from weft.framework.graph import Graph
from weft.framework.jit import JitFunction, jit
from weft.isa.container import check_machine
from weft.isa.machine import Machine
from weft.isa.machine import load as load_machine
from weft.isa.program import Program
from weft.isa.text import unknown
from weft.reports import profile as profiles
from weft.reports.changes import Source
from weft.sim.engines import get_engine
from weft.sim.run import Run

Step = Callable[..., Any]
_A_STEP = "a step (a function of tensors) and its arguments"
__framework__ = True
"""A user's line is never in here (``framework.origin``)."""


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
        if arguments:
            raise WeftError("weft.compile: a graph has its inputs in it; leave out the arguments after it")
        return _accelerator(get_device("numpy"), machine).compile(step).program
    jitted = taken(step, f"weft.compile takes {_A_STEP}, or a graph")
    recording = jitted.trace(*arguments)
    program = _accelerator(recording.device, machine).compile(recording.graph).program
    return dataclasses.replace(program, meta={**program.meta, "name": jitted.__name__})


def show(
    step: Step | Graph,
    *arguments: Any,
    machine: str | Path | Machine | None = None,
    device: str = "accel",
    forms: str | Sequence[str] | None = None,
    layer: str | None = None,
    before: str | None = None,
    after: str | None = None,
    svg: str | Path | None = None,
) -> None:
    """Print what the compiler makes of ``step(*arguments)``, or of a graph, for a device ("accel" or "cpu").

    Nothing runs. forms: of "graph", "summary" (what each pass did), "passes" (the graph after each) and "asm" (the
    instructions), or for the CPU "kernels" (its steps, with what they move and compute), also as ``"graph,asm"``; None:
    all. layer: a layer ("layer 0", or "0"), another part of the step ("cross-entropy loss"), or an operator by its
    name; None: all. before, after: a pass by its name (its first run) or number; "graph" is then the graph at that
    place. svg: a file to draw that graph to. machine: as for ``compile``, of the accelerator alone.
    Raises WeftError for unknown words, CompileError for what has no instructions, and OSError naming the file.
    """
    if device not in FORMS:
        raise WeftError(f"weft.show: {unknown('device', device, FORMS)}")
    if machine is not None and device != "accel":
        raise WeftError(f"weft.show: machine= is of the accelerator; leave it out with device={device!r}")
    chosen = [form.strip() for form in forms.split(",")] if isinstance(forms, str) else forms or FORMS[device]
    graph, place = step, get_device("numpy")
    if not isinstance(graph, Graph):
        recording = taken(step, f"weft.show takes {_A_STEP}, or a graph").trace(*arguments)
        graph, place = recording.graph, recording.device
    elif arguments:
        raise WeftError("weft.show: a graph has its inputs in it; leave out the arguments after it")
    lowered: dict[str, Lowered] = {
        "accel": lambda: _accelerator(place, machine).compile(graph).program,
        "cpu": lambda: planned(run(graph, "cpu")),
    }
    text = listing(graph, lowered[device], chosen, layer, before, after, device)
    if svg is not None:
        picture = drawing(graph, layer, before, after, device)
        with replacing(Path(svg)) as whole:
            whole.write_text(picture, encoding="utf-8")
    print(text, end="")


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
    program, done, _ = execute(step, *arguments, machine=machine, engine=engine, run=run)
    return profiles.profile(program, done)


def execute(
    step: Step | Program,
    *arguments: Any,
    machine: str | Path | Machine | None = None,
    engine: str | None = None,
    run: Run | None = None,
) -> tuple[Program, Run, Source | None]:
    """The program of a step, one run of it that changes no tensor (see ``profile``), and what it was compiled from if
    that is known. Raises WeftError for what does not belong together."""
    if isinstance(step, Program):
        return step, _run_of(step, arguments, machine, engine, run), None
    jitted = taken(step, f"weft.profile takes {_A_STEP}, or a Program")
    if run is not None:
        raise WeftError("run= is a run of a program; give that Program in place of the step, or leave run out")
    recording = jitted.trace(*arguments)
    accelerator = _accelerator(recording.device, machine)
    executable: Any = compiled(accelerator, recording.graph)
    runner = accelerator.engine if engine is None else get_engine(engine)
    program: Program = executable.program
    return program, runner.run(program, executable.image(jitted.bind(*arguments))), source_of(executable)


def source_of(executable: AccelExecutable, doubled: Callable[[], Graph] | None = None) -> Source:
    """What its program was compiled from. ``doubled``: see ``reports.changes.Source``."""
    tune = executable.device.tune
    return Source(executable.graph, lambda graph, machine: compile_for(graph, machine, tune=tune), doubled)


def _run_of(
    program: Program,
    arguments: tuple[Any, ...],
    machine: str | Path | Machine | None,
    engine: str | None,
    run: Run | None,
) -> Run:
    """``run`` if it is one of ``program``, or a new one. Raises WeftError for what does not belong to it."""
    if arguments:
        raise WeftError("a Program has its data in it; leave out the arguments after it, or give the step they are for")
    if machine is not None:
        check_machine(program, machine if isinstance(machine, Machine) else load_machine(machine), "the program")
    if run is None:
        return get_engine(engine or "fast").run(program)
    if not isinstance(run, Run):
        raise WeftError(f"run={run!r}: must be what an engine's run(program) gave")
    if engine is not None:
        raise WeftError(f"run= is a run that has been, on engine '{run.engine}'; leave engine out")
    code = np.frombuffer(program.code, np.uint8)
    if not np.array_equal(run.dram[program.entry : program.entry + len(code)], code):
        raise WeftError("run= is a run of another program (its memory holds other code); give one of this program")
    return run


def taken(step: object, takes: str) -> JitFunction[..., Any]:
    """``step``, jitted. Raises WeftError with ``takes`` if it cannot be called."""
    if isinstance(step, JitFunction):
        return step
    if not callable(step) or isinstance(step, type):
        shown = repr(step)
        raise WeftError(f"{takes}, not {shown if len(shown) <= 60 else f'a {type(step).__name__}'}")
    return jit(step)
