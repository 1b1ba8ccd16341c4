"""The shape of a report's JSON, as a table, and the check of a value against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from weft.isa.events import EVENTS
from weft.reports.occupancy import MEMORIES

KIND, SCHEMA = "weft.report", 2

Spec: TypeAlias = "type | NumberField | dict[str, Any] | list[Any] | Optional | Table"
"""A type; a dict: an object with these keys (more are fine); a list of one: an array of such."""


@dataclass(frozen=True)
class NumberField:
    """A number from ``least`` to ``most``, neither of them infinite; ``whole``: without a fraction."""

    least: float = -1e300
    most: float = 1e300
    whole: bool = False

    def __str__(self) -> str:
        what = "a whole number" if self.whole else "a number"
        if self.least < 0:
            return what
        return f"{what} from {self.least:g} to {self.most:g}" if self.most == 1 else f"{what}, {self.least:g} or more"

    def admits(self, value: Any) -> bool:
        """Whether ``value`` is one."""
        kinds = int if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.least <= value <= self.most


@dataclass(frozen=True)
class Optional:
    """``spec``, or null."""

    spec: Any


@dataclass(frozen=True)
class Later(Optional):
    """The same of a key that earlier versions did not write."""


@dataclass(frozen=True)
class Table:
    """An object of any keys whose values are all ``spec``."""

    spec: Any


NUMBER, WHOLE = NumberField(), NumberField(-(2**63), 2**63, whole=True)
AMOUNT, SHARE = NumberField(0), NumberField(0, 1)
COUNT, SOME = NumberField(0, 2**63, whole=True), NumberField(1, 2**63, whole=True)
BUFFER = {"name": str, "address": COUNT, "bytes": COUNT, "from": COUNT, "to": COUNT}
MEMORY = {
    "capacity": COUNT,
    "points": [[COUNT]],
    "peak": {"cycle": COUNT, "bytes": COUNT, "buffers": [BUFFER]},
    "buffers": [BUFFER],
}
OPERATOR = {
    "name": str,
    "origin": Later(str),
    "nodes": [COUNT],
    "macs": COUNT,
    "instructions": COUNT,
    "active": COUNT,
    "utilisation": SHARE,
    "dram_bytes": COUNT,
    "intensity": AMOUNT,
    "wasted": AMOUNT,
    "floor": COUNT,
    "bound": str,
}
TRIED = {"title": str, "evidence": str, "cycles": COUNT, "work": SOME, "saving": WHOLE, "share": NUMBER}
TRAINED = {
    "label": str,
    "losses": [Optional(NUMBER)],
    "test_accuracy": Optional(SHARE),
    "final_loss": Optional(NUMBER),
}
EVENT_CYCLES = {
    unit: {event.cause: COUNT for event in EVENTS if event.unit == unit}
    for unit in dict.fromkeys(event.unit for event in EVENTS)
}
ACCELERATOR = {
    "machine": {"name": str, "dim": SOME},
    "engine": str,
    "design": Later(str),
    "cycles": SOME,
    "utilisation": SHARE,
    "events": EVENT_CYCLES,
    "event_docs": Table(Table(str)),
    "operators": [OPERATOR],
    "intervals": Table([[WHOLE]]),
    "instructions": [str],
    "memories": dict.fromkeys(MEMORIES, MEMORY),
    "dram": {"window": SOME, "capacity": AMOUNT, "read": [COUNT], "write": [COUNT], "fetch": [COUNT]},
    "roofline": {
        "peak": AMOUNT,
        "bandwidth": AMOUNT,
        "points": [{"name": str, "intensity": AMOUNT, "rate": AMOUNT, "active": COUNT}],
    },
    "advice": [TRIED],
    "trials": {"how": str, "no_gain": [TRIED], "impossible": [{"title": str, "why": str}], "not_tried": [str]},
    "findings": [{"title": str, "evidence": str, "concerned": COUNT, "share": AMOUNT}],
}
HOST = {
    "device": str,
    "threads": SOME,
    "seconds_per_step": AMOUNT,
    "repeats": SOME,
    "break_even_hz": Optional(AMOUNT),
}
RESULT = {
    "weft": str,
    "made": Later({"at": str, "command": str}),
    "workload": {"model": str, "step": str, "batch": Optional(SOME), "useful_macs": COUNT, "graph": str},
    "seed": int,
    "metrics": Table({"name": str, "unit": str, "formula": str, "denominator": str}),
    "training": Optional({"epochs": SOME, "steps_per_epoch": SOME, "devices": Table(TRAINED)}),
    "accelerator": Optional(ACCELERATOR),
    "cpu": Optional(HOST),
    "gpu": Optional(HOST),
}
"""What a result holds beside ``schema`` and ``kind``."""

_NAMES = {int: "a whole number", str: "text"}


def problems(value: Any, spec: Any = RESULT, place: str = "") -> Iterator[str]:
    """What is wrong with ``value``, each with its place (``accelerator.operators[3].name``)."""
    if isinstance(spec, Optional):
        if value is not None:
            yield from problems(value, spec.spec, place)
    elif isinstance(spec, dict | Table):
        if not isinstance(value, Mapping):
            yield f"{place or 'the file'} must be an object, not {_shown(value)}"
            return
        prefix = f"{place}." if place else ""
        for key in value if isinstance(spec, Table) else spec:
            if key not in value:
                if not isinstance(spec, Table) and not isinstance(spec[key], Later):
                    yield f"{prefix}{key} is missing"
            else:
                yield from problems(value[key], spec.spec if isinstance(spec, Table) else spec[key], f"{prefix}{key}")
    elif isinstance(spec, list):
        if not isinstance(value, list):
            yield f"{place} must be an array, not {_shown(value)}"
            return
        for index, element in enumerate(value):
            yield from problems(element, spec[0], f"{place}[{index}]")
    elif isinstance(spec, NumberField):
        if not spec.admits(value):
            yield f"{place} must be {spec}, not {_shown(value)}"
    elif not isinstance(value, spec) or isinstance(value, bool):
        yield f"{place} must be {_NAMES[spec]}, not {_shown(value)}"


def endless(value: Any, place: str = "") -> Iterator[str]:
    """The places of NaN and infinities anywhere in ``value``, in keys that no table knows too."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from endless(one, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from endless(one, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place} must be a number with an end, not {_shown(value)}"


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
