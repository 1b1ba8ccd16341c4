"""The shape of a report's JSON, as a table, and the check of a value against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

KIND, SCHEMA = "weft.report", 1

Spec: TypeAlias = "type | tuple[type, ...] | dict[str, Any] | list[Any] | Optional | Table"
"""A type or several; a dict: an object with these keys (more are fine); a list of one: an array of such."""


@dataclass(frozen=True)
class Optional:
    """``spec``, or null."""

    spec: Any


@dataclass(frozen=True)
class Table:
    """An object of any keys whose values are all ``spec``."""

    spec: Any


NUMBER = (int, float)
BUFFER = {"name": str, "address": int, "bytes": int, "from": int, "to": int}
MEMORY = {
    "capacity": int,
    "points": [[int]],
    "peak": {"cycle": int, "bytes": int, "buffers": [BUFFER]},
    "buffers": [BUFFER],
}
OPERATOR = {
    "name": str,
    "nodes": [int],
    "macs": int,
    "instructions": int,
    "active": int,
    "utilisation": NUMBER,
    "dram_bytes": int,
    "intensity": NUMBER,
    "wasted": NUMBER,
    "floor": int,
    "bound": str,
}
TRAINED = {
    "label": str,
    "losses": [Optional(NUMBER)],
    "test_accuracy": Optional(NUMBER),
    "final_loss": Optional(NUMBER),
}
ACCELERATOR = {
    "machine": {"name": str, "dim": int},
    "engine": str,
    "cycles": int,
    "utilisation": NUMBER,
    "events": Table(Table(int)),
    "event_docs": Table(Table(str)),
    "operators": [OPERATOR],
    "intervals": Table([[int]]),
    "instructions": [str],
    "memories": Table(MEMORY),
    "dram": {"window": int, "capacity": NUMBER, "read": [int], "write": [int], "fetch": [int]},
    "roofline": {
        "peak": NUMBER,
        "bandwidth": NUMBER,
        "points": [{"name": str, "intensity": NUMBER, "rate": NUMBER, "active": int}],
    },
    "advice": [{"title": str, "evidence": str, "saving": int, "share": NUMBER}],
}
HOST = {"device": str, "threads": int, "seconds_per_step": NUMBER, "repeats": int, "break_even_hz": Optional(NUMBER)}
RESULT = {
    "weft": str,
    "workload": {"model": str, "step": str, "batch": Optional(int), "useful_macs": int, "graph": str},
    "seed": int,
    "metrics": Table({"name": str, "unit": str, "formula": str, "denominator": str}),
    "training": Optional({"epochs": int, "steps_per_epoch": int, "devices": Table(TRAINED)}),
    "accelerator": Optional(ACCELERATOR),
    "cpu": Optional(HOST),
    "gpu": Optional(HOST),
}
"""What a result holds beside ``schema`` and ``kind``."""

_NAMES = {int: "a whole number", float: "a number", str: "text", dict: "an object", list: "an array"}


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
                yield f"{prefix}{key} is missing"
            else:
                yield from problems(value[key], spec.spec if isinstance(spec, Table) else spec[key], f"{prefix}{key}")
    elif isinstance(spec, list):
        if not isinstance(value, list):
            yield f"{place} must be an array, not {_shown(value)}"
            return
        for index, element in enumerate(value):
            yield from problems(element, spec[0], f"{place}[{index}]")
    else:
        kinds = spec if isinstance(spec, tuple) else (spec,)
        if not isinstance(value, kinds) or isinstance(value, bool):
            yield f"{place} must be {_NAMES[kinds[-1]]}, not {_shown(value)}"


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
