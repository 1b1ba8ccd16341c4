"""A machine, described by one TOML file: the only thing RTL, simulators, compiler and reports take."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.base.reading import name as printing
from weft.base.reading import read_text, reading, shown
from weft.isa.elements import ACCUMULATOR, ELEMENT
from weft.isa.errors import MachineError
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.text import suggestion

_AXI_BYTES = 128  # of the widest data bus that AXI4 has
PRESETS = Path(__file__).parent / "machines"


def _key(
    doc: str, low: int, high: int, default: int | None = None, power: bool = False, limit: str | None = None
) -> Any:
    """``limit`` says why no value over ``high`` can be built, where that is not plain."""
    meta = {"doc": doc, "low": low, "high": high, "power": power, "limit": limit}
    return field(metadata=meta) if default is None else field(default=default, metadata=meta)


@dataclass(frozen=True)
class Memory:
    """An on-chip memory: ``bytes`` in ``banks`` equal banks, chosen by the high address bits."""

    bytes: int = _key("size in bytes", 256, 1 << 24, power=True)
    banks: int = _key("banks, each with one read and one write port", 4, 16, 4, power=True)

    @property
    def bank_bytes(self) -> int:
        """Bytes of one bank."""
        return self.bytes // self.banks


@dataclass(frozen=True)
class Bus:
    """The AXI4 data bus. Width over ``dram.beat_cycles`` is the bandwidth, which docs/timing.md says how to choose."""

    bytes: int = _key("bytes per beat", 4, _AXI_BYTES, power=True, limit="AXI4 has no wider data bus")
    burst: int = _key("most beats in a burst", 1, 256, 64, power=True)


@dataclass(frozen=True)
class Dram:
    """The DRAM model: see docs/timing.md."""

    latency: int = _key("cycles from accepting an address to the first beat", 1, 10_000)
    beat_cycles: int = _key("cycles of the shared data channel per beat", 1, 64, 1)
    bytes: int = _key("size in bytes", 1 << 16, 1 << 32, 1 << 26, power=True)


@dataclass(frozen=True)
class Queues:
    """Depths of the instruction queues, in instructions."""

    fetch: int = _key("prefetched instructions", 2, 64, 8, power=True)
    load: int = _key("load queue", 1, 64, 4)
    matrix: int = _key("matrix queue", 1, 64, 4)
    vector: int = _key("vector queue", 1, 64, 4)
    store: int = _key("store queue", 1, 64, 4)
    outstanding: int = _key("loads in flight", 1, 16, 4)
    loop: int = _key("instructions in the loop buffer", 4, 256, 32, power=True)


@dataclass(frozen=True)
class Pipeline:
    """Pipeline depths, in cycles."""

    mac: int = _key("one processing element", 1, 16, 1)
    accumulate: int = _key("the adder in front of the accumulator", 1, 16, 1)
    vector: int = _key("a vector pass, operand to result", 1, 32, 4)
    reduce: int = _key("what a reduction adds to that", 1, 16, 3)


@dataclass(frozen=True)
class Machine:
    """A complete machine. ``types`` are the element types the array multiplies: "bf16", "int8" or both.

    Local addresses, strides and sizes are bytes; latencies and depths are cycles. Raises MachineError
    (file, key, value, what would be right) for anything that cannot be built.
    """

    name: str
    dim: int
    types: tuple[str, ...]
    scratchpad: Memory
    accumulator: Memory
    bus: Bus
    dram: Dram
    queues: Queues = Queues()
    pipeline: Pipeline = Pipeline()

    @property
    def element_bytes(self) -> int:
        """Bytes of the largest array element type."""
        return max(ELEMENT[kind].bytes for kind in self.types)

    def holds(self, element: str) -> bool:
        """Whether a row of DIM of these elements fits the memory that is theirs."""
        return ELEMENT[element].memory == ACCUMULATOR or ELEMENT[element].bytes <= self.element_bytes

    @property
    def word_bytes(self) -> int:
        """Bytes of a scratchpad word: DIM elements of the largest type."""
        return self.dim * self.element_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of an accumulator row: DIM 32-bit elements."""
        return self.dim * ELEMENT["word"].bytes

    @property
    def widest_bus(self) -> int:
        """The largest ``bus.bytes`` for this array and its types: AXI4 has no wider data bus, and a beat is at most a
        pair of scratchpad words, which is what a bank takes in a cycle."""
        return min(_AXI_BYTES, 2 * self.word_bytes)

    @property
    def bandwidth(self) -> float:
        """Bytes a cycle that the DRAM channel carries at most, reads and writes together."""
        return self.bus.bytes / self.dram.beat_cycles

    @property
    def line_bytes(self) -> int:
        """Bytes of one instruction fetch: an instruction, or a beat if that is longer."""
        return max(INSTRUCTION_BYTES, self.bus.bytes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the TOML file."""
        data: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))
        return data

    def digest(self) -> str:
        """A stable hash of everything but the name."""
        data = self.to_dict()
        del data["name"]
        return hashlib.sha256(json.dumps(data, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]

    def check(self, where: str = "machine") -> None:
        """Raise MachineError if parts do not fit together."""
        if self.dim not in (2, 4, 8, 16, 32, 64, 128):
            raise MachineError(f"{where}: dim = {self.dim}: must be a power of two from 2 to 128")
        if not self.types or set(self.types) - {"bf16", "int8"} or len(set(self.types)) < len(self.types):
            raise MachineError(f'{where}: types = {list(self.types)}: one or both of "bf16", "int8"')
        if self.bus.bytes > self.widest_bus:
            raise MachineError(
                f"{where}: bus.bytes = {self.bus.bytes}: at most {self.widest_bus} for dim = {self.dim} and types = "
                f"{list(self.types)}: a bank takes no more than a pair of {self.word_bytes}-byte words in a cycle"
            )
        if self.bus.bytes * self.bus.burst > 4096:
            raise MachineError(
                f"{where}: bus.burst = {self.bus.burst}: a burst of {self.bus.bytes * self.bus.burst} bytes is over "
                f"the 4096 that AXI allows; at most {4096 // self.bus.bytes} with bus.bytes = {self.bus.bytes}"
            )
        for key, memory, row in (
            ("scratchpad", self.scratchpad, 2 * self.word_bytes),  # a bank is built of word pairs
            ("accumulator", self.accumulator, 2 * self.row_bytes),
        ):
            if memory.bank_bytes < 2 * row:
                raise MachineError(
                    f"{where}: {key}.bytes = {memory.bytes}: at least {2 * row * memory.banks} for dim = {self.dim} "
                    f"and {memory.banks} banks"
                )
        if self.queues.fetch * INSTRUCTION_BYTES < 2 * self.line_bytes:
            raise MachineError(
                f"{where}: queues.fetch = {self.queues.fetch}: at least {2 * self.line_bytes // INSTRUCTION_BYTES} "
                f"for bus.bytes = {self.bus.bytes}"
            )


_SECTIONS = {
    "scratchpad": Memory, "accumulator": Memory, "bus": Bus, "dram": Dram, "queues": Queues, "pipeline": Pipeline,
}  # fmt: skip
_TOP = ("name", "dim", "types")


def _integer(where: str, key: str, value: object, meta: Mapping[str, Any]) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MachineError(f"{where}: {key} = {shown(repr(value), 40)}: must be an integer")
    if value.bit_length() > 64:
        raise MachineError(f"{where}: {key}: must be from {meta['low']} to {meta['high']}; it is over 64 bits long")
    if not meta["low"] <= value <= meta["high"]:
        why = f"; {meta['limit']}" if value > meta["high"] and meta.get("limit") else ""
        raise MachineError(f"{where}: {key} = {value}: must be from {meta['low']} to {meta['high']}{why}")
    if meta["power"] and value & (value - 1):
        below = 1 << value.bit_length() - 1
        nearest = " or ".join(str(near) for near in (below, 2 * below) if meta["low"] <= near <= meta["high"])
        raise MachineError(f"{where}: {key} = {value}: must be a power of two, such as {nearest}")
    return value


def from_dict(data: Mapping[str, Any], where: str = "machine") -> Machine:
    """Build a machine from plain data as a TOML file holds it; ``where`` names the source in errors.

    Raises MachineError.
    """
    with reading(where, MachineError):
        return _from_dict(data, where)


def _from_dict(data: Mapping[str, Any], where: str) -> Machine:
    if not isinstance(data, Mapping):
        raise MachineError(f"{where}: must be a table of keys")
    values: dict[str, Any] = {}
    for key in data:
        if key not in _TOP and key not in _SECTIONS:
            known = (*_TOP, *_SECTIONS)
            raise MachineError(
                f"{where}: unknown key '{shown(key)}'; known keys: {', '.join(known)}{suggestion(key, known)}"
            )
    for key in _TOP:
        if key not in data:
            raise MachineError(f"{where}: missing key '{key}'")
    if not isinstance(data["name"], str):
        raise MachineError(f"{where}: name = {shown(repr(data['name']))}: must be a string")
    printing(data["name"], "name")
    if not isinstance(data["types"], list | tuple) or not all(isinstance(t, str) for t in data["types"]):
        raise MachineError(f'{where}: types = {shown(repr(data["types"]))}: must be a list like ["bf16", "int8"]')
    values["name"] = data["name"]
    values["dim"] = _integer(where, "dim", data["dim"], {"low": 2, "high": 128, "power": True})
    values["types"] = tuple(data["types"])
    for section, cls in _SECTIONS.items():
        given = data.get(section, {})
        if not isinstance(given, Mapping):
            raise MachineError(f"{where}: {section} = {shown(repr(given))}: must be a table of keys")
        metas = {f.name: f for f in dataclasses.fields(cls)}
        for key in given:
            if key not in metas:
                raise MachineError(
                    f"{where}: unknown key '{section}.{shown(key)}'; known keys: {', '.join(metas)}"
                    f"{suggestion(key, metas)}"
                )
        for name, f in metas.items():
            if name not in given and f.default is dataclasses.MISSING:
                raise MachineError(f"{where}: missing key '{section}.{name}' ({f.metadata['doc']})")
        values[section] = cls(
            **{k: _integer(where, f"{section}.{k}", v, metas[k].metadata) for k, v in given.items()}
        )
    machine = Machine(**values)
    machine.check(where)
    return machine


def presets() -> tuple[str, ...]:
    """Names of the machines that come with weft."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def load(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Machine:
    """The machine called ``source`` (a preset, or the path of a TOML file), with ``overrides`` such as
    ``{"dram.latency": 37}`` applied. Raises MachineError."""
    name = str(source)
    path = PRESETS / f"{name}.toml" if name in presets() else Path(name)
    with reading(f"no machine '{shown(name)}'", MachineError):
        there = path.is_file()
    if not there:
        raise MachineError(
            f"no machine '{shown(name)}': not a file, and the presets are {', '.join(presets())}"
            f"{suggestion(name, presets())}"
        )
    text = read_text(path, MachineError)
    with reading(f"{path}: not valid TOML", MachineError):
        data = tomllib.loads(text)
    where = name if path.parent == PRESETS else str(path)
    for key, value in (overrides or {}).items():
        section, _, leaf = key.rpartition(".")
        target = data.setdefault(section, {}) if section else data
        if not isinstance(target, dict):
            raise MachineError(f"{where}: unknown key '{key}'")
        target[leaf] = value
    return from_dict(data, where)
