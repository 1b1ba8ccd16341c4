"""Reports: a model, a step or a program run and measured, as one result that page, figures and JSON derive from."""

from __future__ import annotations

import dataclasses
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from weft.base.errors import WeftError
from weft.devices import device_of
from weft.framework.device import Device, compiled, get_device, known_devices
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.isa.program import Program
from weft.isa.text import suggestion
from weft.models import Recipe, recipe
from weft.programs import BoundStep
from weft.quantised import Calibration, quantised
from weft.reports.advice import advice_lines
from weft.reports.changes import Source
from weft.reports.made import made
from weft.reports.result import HostTime, ResultParts, Training, Workload, build, dumps, workload_of
from weft.sim.engines import get_engine
from weft.sim.run import Run
from weft.training import Session, TrainingOutcome

EPOCHS = 3
"""Passes over the data for the loss curves of a report, where nothing else is asked for."""
DEVICES = ("accel", "cpu")
_TAKEN = "a step (a function of tensors) and its arguments, a Program, a program's file, or a model's name"
_REPEATS, _LONGEST = 50, 0.25
"""A step on the host is timed so often, or for so many seconds."""

__framework__ = True
"""A user's line is never in here (``framework.origin``)."""
Settings = tuple[tuple[str, int], ...]
Progress = Callable[[str], Any]
"""Called with a line when a part of the work begins; what it gives is a context with ``step(done, total, loss)``."""


class Report:
    """What ``weft.report`` gives: ``result`` is the plain data (reports/schema.py); a notebook shows the rest."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.result = result

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data of its own: what is changed in it changes no report."""
        plain: dict[str, Any] = json.loads(self.json)
        return plain

    @cached_property
    def html(self) -> str:
        """The page: one offline HTML file."""
        from weft.reports.page import render

        return render(self.result)

    @property
    def json(self) -> str:
        """The result as text, as in ``result.json``."""
        return dumps(self.result)

    def save(self, directory: str | Path) -> None:
        """Write index.html, result.json and figures/ into ``directory``; other files there stay. Raises OSError."""
        from weft.files import filling
        from weft.reports.page import write_all

        with filling(Path(directory)) as folder:
            write_all(folder, self.result)

    def _repr_html_(self) -> str:
        from weft.reports.page import fragment

        return fragment(self.result)

    def __repr__(self) -> str:
        return "\n".join(summary(self.result))


def report(
    subject: str | Path | Program | Callable[..., Any],
    *arguments: Any,
    machine: Any = None,
    engine: str | None = None,
    run: Run | None = None,
    tries: int | None = None,
) -> Report:
    """A report on one run of ``subject``: a step called with ``arguments``, a program, a program's file, or a model
    that the command line knows by name (trained for a few epochs beside the CPU). Tensors stay as they are.

    machine, engine, run: as for ``weft.profile``. tries: how many changes of machine and program are tried for advice;
    None is as many as take about as long as the rest. Raises WeftError for an unknown machine, engine or file, and
    FrameworkError for a step that cannot be traced or compiled.
    """
    from weft.inspection import execute, taken
    from weft.models import RECIPES

    if isinstance(subject, str | Path) and str(subject) in RECIPES:
        if arguments or run is not None:
            raise WeftError(f"'{subject}' is a model with data of its own; it takes no arguments and no run")
        if machine is not None and not isinstance(machine, str | Path):
            raise WeftError("a named model takes a machine's name or file; compile a step for a Machine object")
        return Report(model_result(str(subject), machine=str(machine or "edu"), engine=engine or "fast", tries=tries))
    if isinstance(subject, str | Path):
        from weft.isa.container import load

        if not Path(subject).exists():
            near = suggestion(str(subject), RECIPES)
            raise WeftError(f"'{subject}' is neither a model ({', '.join(RECIPES)}) nor a program file{near}")
        file, subject = str(subject), load(subject)
        name = name_of(subject, file)
    elif isinstance(subject, Program):
        name = ""
    else:
        subject = taken(subject, f"weft.report takes {_TAKEN} ({', '.join(RECIPES)})")
        name = subject.__name__
    program, done, source = execute(subject, *arguments, machine=machine, engine=engine, run=run)
    kind = "program" if isinstance(subject, Program) else "step"
    return Report(program_result(program, done, name, kind, source=source, tries=tries))


def name_of(program: Program, file: str) -> str:
    """What to call the program of a file: as it calls itself, else as the file is called."""
    name = program.meta.get("name")
    return name if isinstance(name, str) and name else Path(file).name


def program_result(
    program: Program,
    run: Run,
    model: str = "",
    step: str = "program",
    source: Source | None = None,
    tries: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The result of one run of a program. source: what it was compiled from, None if that is not known."""
    workload = workload_of(program, model, step)
    parts = ResultParts(workload, program=program, run=run, made=made(), source=source, tries=tries, progress=progress)
    return build(parts)


def model_result(
    model: str,
    devices: Sequence[str] = DEVICES,
    machine: str = "edu",
    settings: Settings = (),
    engine: str = "fast",
    seed: int = 0,
    epochs: int | None = None,
    inference: bool = False,
    progress: Progress | None = None,
    int8: Calibration | None = None,
    tries: int | None = None,
) -> dict[str, Any]:
    """The result of a named model: its training step (or inference), and a short training on each of ``devices``.

    int8: inference of the model (as it starts, untrained) quantised with that calibration. tries: see ``report``.

    Raises WeftError for an unknown model, device, machine or engine, and FrameworkError for a model that cannot be
    compiled or quantised.
    """
    check_engine(engine)
    chosen = recipe(model)
    check_devices(devices)
    sessions = {name: Session(chosen, _device(name, machine, settings, engine), seed) for name in devices}
    if int8 is not None:
        twins = {name: quantised(session, int8) for name, session in sessions.items()}
        return _measured(twins, None, "int8 inference", tries, progress)
    if inference:
        return _measured(sessions, None, "inference", tries, progress)
    return _measured(sessions, _train(sessions, epochs or EPOCHS, progress), tries=tries, progress=progress)


def step_result(
    step: BoundStep,
    devices: Sequence[str] = DEVICES,
    engine: str = "fast",
    tries: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The result of one run of a step on each of ``devices``. tries: see ``report``. Raises WeftError for an unknown
    device or engine, and CompileError for a step that the accelerator cannot run."""
    check_engine(engine)
    check_devices(devices)
    program, run, source, hosts = None, None, None, {}
    if "accel" in devices:
        from weft.inspection import source_of

        program, source = step.program, source_of(step.executable)
        run = get_engine(engine).run(program, step.image)
    if "cpu" in devices:
        hosts["cpu"] = _timed(_device("cpu", "", (), engine), step.graph, step.values)
    workload = Workload(step.name, "step", None, _useful_macs(step.graph), step.graph.digest())
    return build(ResultParts(workload, 0, program, run, None, hosts, made(), source, tries, progress))


def check_devices(devices: Sequence[str]) -> None:
    """Raise WeftError for a device that a report cannot be of."""
    there = [name for name in (*DEVICES, "gpu") if name in known_devices()]
    for device in devices:
        if device not in there:
            why = "not built yet" if device == "gpu" else "no device of a report"
            raise WeftError(f"device '{device}': {why}; there are: {', '.join(there)}{suggestion(device, there)}")


def check_engine(engine: str) -> None:
    """Raise WeftError for an engine whose runs cannot be reported."""
    if engine == "interp":
        raise WeftError("engine 'interp' has no time, so there is nothing to report; use fast, rtl or pysim")


def trained_result(sessions: Mapping[str, Session], outcomes: Mapping[str, TrainingOutcome]) -> dict[str, Any]:
    """The result of trainings that have been done, one a device."""
    first = next(iter(outcomes.values()))
    training = Training(
        first.epochs,
        len(first.losses) // first.epochs,
        {name: label_of(session.device) for name, session in sessions.items()},
        {name: outcome.losses for name, outcome in outcomes.items()},
        {name: outcome.accuracy for name, outcome in outcomes.items()},
    )
    return _measured(sessions, training)


def _measured(
    sessions: Mapping[str, Session],
    training: Training | None,
    step: str = "training step",
    tries: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The result with one more step on each device."""
    program: Program | None = None
    run: Run | None = None
    source: Source | None = None
    hosts = {}
    workload: Workload | None = None
    for name, session in sessions.items():
        function, arguments = session.call(step != "training step")
        graph, values = function.lower(*arguments), function.bind(*arguments)
        if name == "accel":
            from weft.inspection import source_of

            executable: Any = compiled(session.device, graph)
            program = executable.program
            run = executable.device.engine.run(program, executable.image(values))
            source = source_of(executable, _doubled(session, step))
        else:
            hosts[name] = _timed(session.device, graph, values)
        workload = workload or _workload(session.recipe, graph, step)
    assert workload is not None
    seed = next(iter(sessions.values())).seed
    return build(ResultParts(workload, seed, program, run, training, hosts, made(), source, tries, progress))


def _device(name: str, machine: str, settings: Settings, engine: str) -> Device:
    """As for the command line, but one thread of the CPU: a figure that other work on this machine disturbs little."""
    if name == "cpu":
        return get_device("cpu", precision="bf16", threads=1)
    return device_of(name, machine, settings, engine)


def _doubled(session: Session, step: str) -> Callable[[], Graph] | None:
    """What traces the same step with twice the batch, if there is data for it and nothing was calibrated."""
    chosen, device, seed = session.recipe, session.device, session.seed
    if step == "int8 inference" or 2 * chosen.batch > len(chosen.data().train_images):
        return None

    def trace() -> Graph:
        twice = Session(dataclasses.replace(chosen, batch=2 * chosen.batch), device, seed)
        function, arguments = twice.call(step != "training step")
        return function.lower(*arguments)

    return trace


def _workload(chosen: Recipe, graph: Graph, step: str) -> Workload:
    return Workload(chosen.name, step, chosen.batch, _useful_macs(graph), graph.digest())


def _useful_macs(graph: Graph) -> int:
    """Multiply-accumulates of the products that the targets run."""
    from weft.compiler.passes import pipeline

    graph = pipeline.run(graph, "accel")
    total = 0
    for index in graph.live:
        node = graph.nodes[index]
        if node.op == "matmul":
            rows, columns = graph.nodes[node.inputs[0]].shape
            total += node.size * (rows if node.attr("transpose_a") else columns)
    return total


def _train(sessions: Mapping[str, Session], epochs: int, progress: Progress | None) -> Training:
    losses, accuracy, labels = {}, {}, {}
    for name, session in sessions.items():
        labels[name] = label_of(session.device)
        if progress is None:
            losses[name] = session.train(epochs)
        else:
            with progress(f"training on {session.device}") as bar:
                losses[name] = session.train(epochs, bar.step)
        accuracy[name] = session.accuracy()
    steps = len(next(iter(losses.values()))) // epochs
    return Training(epochs, steps, labels, losses, accuracy)


def label_of(device: Device) -> str:
    """How curves and tables name a device."""
    machine = getattr(device, "machine", None)
    return f"{device.name} ({machine.name})" if machine is not None else device.name


def _timed(device: Device, graph: Graph, values: Mapping[str, Array]) -> HostTime:
    """How long the compiled graph takes on this machine."""
    executable = compiled(device, graph)
    executable(values)  # finds cold caches
    seconds: list[float] = []
    began = time.perf_counter()
    while len(seconds) < _REPEATS and time.perf_counter() - began < _LONGEST:
        start = time.perf_counter()
        executable(values)
        seconds.append(time.perf_counter() - start)
    threads = int(getattr(device, "threads", 1))
    return HostTime(_processor(), threads, statistics.median(seconds), len(seconds))


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def summary(result: Mapping[str, Any]) -> list[str]:
    """The result in lines for people."""
    workload, accelerator = result["workload"], result["accelerator"]
    batch = f", batch {workload['batch']}" if workload["batch"] else ""
    lines = [f"{workload['model']}, {workload['step']}{batch}"]
    if accelerator:
        machine = accelerator["machine"]["name"]
        lines.append(f"cycles             {accelerator['cycles']:,} on {machine}, engine {accelerator['engine']}")
        if workload["useful_macs"]:
            lines.append(f"utilisation        {accelerator['utilisation']:.1%} useful multiply-accumulates")
    for name, one in (result["training"] or {"devices": {}})["devices"].items():
        final = "no number" if one["final_loss"] is None else f"{one['final_loss']:.4f}"
        tested = "" if one["test_accuracy"] is None else f", test accuracy {one['test_accuracy']:.2%}"
        epochs = result["training"]["epochs"]
        passes = f"{epochs} epoch{'s' * (epochs > 1)}"
        lines.append(f"{f'training on {name}':18} final loss {final}{tested} ({passes})")
    for key in ("cpu", "gpu"):
        if result[key]:
            lines.append(f"{f'time on {key}':18} {result[key]['seconds_per_step'] * 1e6:,.0f} µs a step")
    return lines + (advice_lines(accelerator) if accelerator else [])
