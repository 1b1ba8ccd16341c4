"""The interfaces between the parts of the core: instruction records, units, ports, on-chip memories.

Every member is given as the *unit* sees it (``Out``: driven by the unit). Cycle semantics are those of
``docs/timing.md``; everything that crosses a unit is registered on the side named here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amaranth import Cat, Const, Mux, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Member, Out

from weft.isa.fields import INSTRUCTION_BITS, SEMAPHORES, Field, FieldKind, Spec
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine

STREAMS: Mapping[str, tuple[str, ...]] = {
    "matrix": ("weights", "rows", "destination"),
    "vector": ("operands",),
    "load": ("load",),
    "store": ("store",),
}
"""The streams of every unit: who holds memory ports. A unit's ``claims`` and ``release`` are indexed in this order."""

PRIORITY = ("matrix", "vector", "store", "load")
"""Who wins when several heads claim a port in one cycle."""

_MEMORY_PORTS: Mapping[str, Mapping[str, str]] = {
    "matrix": {
        "sp_read_weights": "sp_read",
        "sp_read_rows": "sp_read",
        "acc_read": "acc_read",
        "acc_write": "acc_write",
    },
    "vector": {
        "sp_read_x": "sp_read",
        "sp_read_y": "sp_read",
        "sp_read_z": "sp_read",
        "acc_read_x": "acc_read",
        "acc_read_y": "acc_read",
        "acc_read_z": "acc_read",
        "sp_write": "sp_write",
        "acc_write": "acc_write",
    },
    "load": {"sp_write": "sp_write_beat", "acc_write": "acc_write"},
    "store": {"sp_read": "sp_read_beat", "acc_read": "acc_read"},
}
"""The memory ports of every unit and their kind."""


def log2(power: int) -> int:
    """The exponent of a power of two."""
    return power.bit_length() - 1


def _shape(field: Field) -> Any:
    return signed(field.width) if field.signed else unsigned(field.width)


def instruction_layout(spec: Spec) -> data.Layout:
    """The 512-bit record of an instruction: every field at its place, signed where it is signed.

    A member holds the *encoded* value; :func:`field_value` gives the meant one.
    """
    return data.FlexibleLayout(
        INSTRUCTION_BITS,
        {name: data.Field(_shape(placed.field), placed.offset) for name, placed in spec.layout.items()},
    )


def field_value(view: data.View, spec: Spec, name: str) -> Value:
    """The value of a field: what is encoded plus the field's bias (a count of 1..2**n needs n + 1 bits)."""
    field = spec.layout[name].field
    value = Value.cast(view[name])
    return value + field.bias if field.bias else value


def address_fields(spec: Spec) -> tuple[str, ...]:
    """Names of the address operands of an instruction, to which dispatch adds loop increments."""
    return tuple(n for n, placed in spec.layout.items() if placed.field.kind in (FieldKind.LOCAL, FieldKind.DRAM))


def scratchpad_bits(machine: Machine) -> int:
    """Bits of a byte address in the scratchpad."""
    return log2(machine.scratchpad.bytes)


def accumulator_row_bits(machine: Machine) -> int:
    """Bits of a row index in the accumulator."""
    return log2(machine.accumulator.bytes // machine.row_bytes)


def in_accumulator(local: Value) -> Value:
    """Whether a local address points into the accumulator."""
    return Value.cast(local)[log2(ACCUMULATOR_BIT)]


def scratchpad_address(machine: Machine, local: Value) -> Value:
    """Byte address in the scratchpad of a local address."""
    return Value.cast(local)[: scratchpad_bits(machine)]


def accumulator_row(machine: Machine, local: Value) -> Value:
    """Row index in the accumulator of a local address."""
    low = log2(machine.row_bytes)
    return Value.cast(local)[low : low + accumulator_row_bits(machine)]


def ports_layout(machine: Machine) -> data.StructLayout:
    """A set of memory ports: one bit per bank, for each memory and direction."""
    return data.StructLayout(
        {
            "sp_read": machine.scratchpad.banks,
            "sp_write": machine.scratchpad.banks,
            "acc_read": machine.accumulator.banks,
            "acc_write": machine.accumulator.banks,
        }
    )


def bank_ports(machine: Machine, local: Value, direction: str) -> Mapping[str, Value]:
    """The port that an operand at ``local`` needs: members ``sp_<direction>`` and ``acc_<direction>`` of a port set.

    ``direction`` is "read" or "write". An operand lies in one bank, so its first address says which.
    """
    local = Value.cast(local)
    result = {}
    for prefix, memory, wanted in (
        ("sp", machine.scratchpad, ~in_accumulator(local)),
        ("acc", machine.accumulator, in_accumulator(local)),
    ):
        low, high = log2(memory.bank_bytes), log2(memory.bytes)
        one_hot = Value.cast(1) << local[low:high]
        result[f"{prefix}_{direction}"] = Mux(wanted, one_hot[: memory.banks], 0)
    return result


def port_set(machine: Machine, local: Value, direction: str) -> Value:
    """:func:`bank_ports` as a whole set, in the bits of :func:`ports_layout`."""
    ports = bank_ports(machine, local, direction)
    return Cat(ports.get(kind, Const(0, field.width)) for kind, field in ports_layout(machine))


def transfer_bytes(machine: Machine) -> int:
    """Bytes of a transfer's scratchpad port: a word, or a beat where that is longer. Such a beat is an aligned pair of
    words, which the halves of a bank hold at one address."""
    return max(machine.word_bytes, machine.bus.bytes)


def scratchpad_read(machine: Machine, size: int | None = None) -> wiring.Signature:
    """A read of ``size`` bytes: a word, which is the default, from any byte address on, or an aligned pair of words.
    ``data`` (first byte lowest) is there one cycle later, and in that cycle only."""
    size = size or machine.word_bytes
    return wiring.Signature({"enable": Out(1), "address": Out(scratchpad_bits(machine)), "data": In(8 * size)})


def scratchpad_write(machine: Machine, size: int | None = None) -> wiring.Signature:
    """A write of the bytes chosen by ``mask``, in this cycle; ``size`` and place as for a read."""
    size = size or machine.word_bytes
    return wiring.Signature(
        {"enable": Out(1), "address": Out(scratchpad_bits(machine)), "data": Out(8 * size), "mask": Out(size)}
    )


def accumulator_read(machine: Machine) -> wiring.Signature:
    """A read of one row of DIM 32-bit elements; ``data`` is there one cycle later, and only then."""
    return wiring.Signature({"enable": Out(1), "row": Out(accumulator_row_bits(machine)), "data": In(32 * machine.dim)})


def accumulator_write(machine: Machine) -> wiring.Signature:
    """A write of the elements of one row chosen by ``mask``, in this cycle."""
    return wiring.Signature(
        {
            "enable": Out(1),
            "row": Out(accumulator_row_bits(machine)),
            "data": Out(32 * machine.dim),
            "mask": Out(machine.dim),
        }
    )


_PORT_SIGNATURES: Mapping[str, Callable[[Machine], wiring.Signature]] = {
    "sp_read": scratchpad_read,
    "sp_write": scratchpad_write,
    "sp_read_beat": lambda machine: scratchpad_read(machine, transfer_bytes(machine)),
    "sp_write_beat": lambda machine: scratchpad_write(machine, transfer_bytes(machine)),
    "acc_read": accumulator_read,
    "acc_write": accumulator_write,
}


def memory_members(machine: Machine, unit: str) -> dict[str, Member]:
    """The memory ports of a unit: name → ``Out(signature)``."""
    return {name: Out(_PORT_SIGNATURES[kind](machine)) for name, kind in _MEMORY_PORTS[unit].items()}


def issue_members(machine: Machine, unit: str) -> dict[str, Member]:
    """What every unit shares with issue.

    - ``instr``, ``head_valid``: the head of the unit's queue, as a 512-bit record with final addresses.
    - ``start``: 1 in the start cycle of the head (issue decides, combinationally).
    - ``ready``: the structural condition, from registered state and the head's fields (matrix: without the hazard).
    - ``hazard``: the head must wait for accumulator rows still being written (matrix only, others 0).
    - ``occupied``: the unit is in its *busy* event by its own state, a start in this cycle not counted.
    - ``in_flight``: a started instruction has not passed its retire cycle (1 from s+1 to the retire cycle).
    - ``retire``, ``post``: the retire cycle, with the post mask of what retires.
    - ``claims``: per stream, the ports the head needs (combinational from its fields).
    - ``release``: per stream, ports whose claim has its last access in this cycle.
    """
    ports = data.ArrayLayout(ports_layout(machine), len(STREAMS[unit]))
    return {
        "instr": In(INSTRUCTION_BITS),
        "head_valid": In(1),
        "start": In(1),
        "ready": Out(1),
        "hazard": Out(1),
        "occupied": Out(1),
        "in_flight": Out(1),
        "retire": Out(1),
        "post": Out(SEMAPHORES),
        "claims": Out(ports),
        "release": Out(ports),
    }


def unit_members(machine: Machine, unit: str) -> dict[str, Member]:
    """All members of ``MatrixUnit`` or ``VectorUnit``: issue and memories (``unit``: "matrix", "vector", ...)."""
    return {**issue_members(machine, unit), **memory_members(machine, unit)}
