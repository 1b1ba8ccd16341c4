"""The result: one JSON object that every view of a report derives from, built from a run, written, read and checked."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.base.distribution import VERSION
from weft.base.errors import WeftError
from weft.base.reading import check_characters, read_text, reading, shown
from weft.isa.disassembler import instruction_text
from weft.isa.events import EVENTS
from weft.isa.program import Program
from weft.reports import bandwidth, occupancy
from weft.reports.changes import Source
from weft.reports.facts import Facts
from weft.reports.findings import findings
from weft.reports.metrics import METRICS
from weft.reports.profile import Profile, profile
from weft.reports.schema import KIND, SCHEMA, endless, problems
from weft.reports.trials import try_changes
from weft.sim.operators import useful_macs
from weft.sim.run import Run

Result = Mapping[str, Any]


class ResultError(WeftError):
    """A file that is no report's result, or one that this version cannot read."""


@dataclass(frozen=True)
class Workload:
    """What was run. ``step``: "training step", "inference" or "program". ``batch``: None if not known. ``graph``: the
    hash of the canonical graph; of a program without one, of its code and data."""

    model: str
    step: str
    batch: int | None
    useful_macs: int
    graph: str


def workload_of(program: Program, model: str = "", step: str = "program", batch: int | None = None) -> Workload:
    """The workload that a program is. Raises ProgramError if its description is not valid."""
    name, graph = program.meta.get("name"), program.meta.get("graph")
    return Workload(
        model or (name if isinstance(name, str) else "program"),
        step,
        batch,
        useful_macs(program),
        graph if isinstance(graph, str) else program.digest,
    )


@dataclass(frozen=True)
class Training:
    """A training: for each device its label, the loss of every step, and the test accuracy (None: not tested)."""

    epochs: int
    steps_per_epoch: int
    labels: Mapping[str, str]
    losses: Mapping[str, Sequence[float]]
    test_accuracy: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; a loss that is no number (a diverged training) is None."""
        devices = {}
        for device, losses in self.losses.items():
            last = losses[-self.steps_per_epoch :]
            devices[device] = {
                "label": self.labels[device],
                "losses": [_finite(loss) for loss in losses],
                "test_accuracy": self.test_accuracy[device],
                "final_loss": _finite(sum(last) / len(last)),
            }
        return {"epochs": self.epochs, "steps_per_epoch": self.steps_per_epoch, "devices": devices}


@dataclass(frozen=True)
class HostTime:
    """The same step on this machine's processor or GPU: seconds are the median of ``repeats`` runs."""

    device: str
    threads: int
    seconds_per_step: float
    repeats: int

    def to_dict(self, cycles: int | None) -> dict[str, Any]:
        """Plain data, with the clock at which ``cycles`` take as long."""
        return {
            "device": self.device,
            "threads": self.threads,
            "seconds_per_step": self.seconds_per_step,
            "repeats": self.repeats,
            "break_even_hz": cycles / self.seconds_per_step if cycles else None,
        }


@dataclass(frozen=True)
class ResultParts:
    """What a result is built from; ``program`` and ``run`` are None without the accelerator. ``made``: see
    ``reports.made``; None where that is not to be told. ``source``: what the program was compiled from, None if only
    the program is known. ``tries``: see ``reports.trials.try_changes``. ``progress``: called with a line when these
    begin; gives a context with ``step(done, total)``."""

    workload: Workload
    seed: int = 0
    program: Program | None = None
    run: Run | None = None
    training: Training | None = None
    hosts: Mapping[str, HostTime] = field(default_factory=dict)
    made: Mapping[str, str] | None = None
    source: Source | None = None
    tries: int | None = None
    progress: Callable[[str], Any] | None = None


def build(parts: ResultParts) -> dict[str, Any]:
    """The result (see reports/schema.py). Raises ProgramError for a run without times or a program ill described."""
    accelerator = None
    if parts.program is not None and parts.run is not None:
        accelerator = _accelerator(parts.program, parts.run, parts)
    cycles = accelerator["cycles"] if accelerator else None
    hosts = {key: host.to_dict(cycles) for key, host in parts.hosts.items()}
    workload = parts.workload
    result: dict[str, Any] = _printable({
        "schema": SCHEMA,
        "kind": KIND,
        "weft": VERSION,
        "made": dict(parts.made) if parts.made else None,
        "workload": {
            "model": workload.model,
            "step": workload.step,
            "batch": workload.batch,
            "useful_macs": workload.useful_macs,
            "graph": workload.graph,
        },
        "seed": parts.seed,
        "metrics": {key: metric.to_dict() for key, metric in METRICS.items()},
        "training": parts.training.to_dict() if parts.training else None,
        "accelerator": accelerator,
        "cpu": hosts.get("cpu"),
        "gpu": hosts.get("gpu"),
    })  # fmt: skip
    return result


def _accelerator(program: Program, run: Run, parts: ResultParts) -> dict[str, Any]:
    machine, found = program.machine, profile(program, run)
    facts = Facts(program, run, found)
    with parts.progress("trying changes for advice") if parts.progress is not None else nullcontext() as bar:
        trials = try_changes(facts, parts.source, parts.tries, bar.step if bar is not None else None)
    docs: dict[str, dict[str, str]] = {}
    for event in EVENTS:
        docs.setdefault(event.unit, {})[event.cause] = event.doc
    return {
        "machine": machine.to_dict(),
        "engine": run.engine,
        "design": run.design,
        "cycles": run.cycles,
        "utilisation": found.utilisation,
        "events": found.events,
        "event_docs": docs,
        "operators": [operator.to_dict() for operator in found.operators],
        "intervals": {unit: rows.tolist() for unit, rows in found.intervals.items()},
        "instructions": [instruction_text(instruction) for instruction in program.instructions],
        "memories": occupancy.over_time(occupancy.live(program, run), machine),
        "dram": bandwidth.over_time(found.bursts, machine, run.cycles),
        "roofline": _roofline(program, found),
        "advice": trials.advice(),
        "trials": trials.to_dict(),
        "findings": [one.to_dict(run.cycles) for one in findings(facts, parts.source is not None)],
    }  # fmt: skip


def _roofline(program: Program, found: Profile) -> dict[str, Any]:
    machine = program.machine
    points = [
        {"name": op.name, "intensity": op.intensity, "rate": op.macs / op.active if op.active else 0.0,
         "active": op.active}
        for op in found.operators
    ]  # fmt: skip
    return {"peak": machine.dim**2, "bandwidth": machine.bandwidth, "points": points}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def dumps(result: Result) -> str:
    """The result as the text of its file."""
    return json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: Path | str) -> dict[str, Any]:
    """Read a result's file; control characters in its texts become escapes, as ``\\x1b``.

    Raises ResultError naming the file, the place in it and what would be right.
    """
    text = read_text(path, ResultError)
    where = shown(str(path), 4096)
    with reading(f"{where}: not JSON", ResultError, "`weft report -o DIR` writes DIR/result.json"):
        value = _printable(json.loads(text))  # a NaN in it has a place, which is found below
        check_characters(text, value)
        infinite = list(itertools.islice(endless(value), 3))
    with reading(f"{where}: not a valid report", ResultError, "make it again with `weft report`"):
        return _checked(where, value, infinite)


def _checked(path: str, value: Any, infinite: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise ResultError(f"{path}: not a weft report; `weft report -o DIR` writes DIR/result.json")
    schema = value.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        given = shown(repr(schema), 40)
        raise ResultError(f"{path}: a report of schema {given}; this weft reads schema {SCHEMA}: make it again")
    wrong = list(itertools.islice(problems(value), 3)) or infinite
    if wrong:
        raise ResultError(f"{path}: not a valid report: {'; '.join(wrong)}; make it again with `weft report`")
    return value


def _printable(value: Any) -> Any:
    """The value with every character that does not print, in keys too, as its escape."""
    if isinstance(value, str):
        return shown(value, len(value))
    if isinstance(value, dict):
        return {_printable(key): _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value
