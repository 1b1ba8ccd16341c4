"""Which bytes an instruction touches: every operand as a strided set of byte runs, derived from its fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.isa.encoding import Instruction
from weft.isa.fields import LOOP_LEVELS
from weft.isa.instructions import ACCUMULATOR_BIT, MATMUL_TYPES
from weft.isa.machine import Machine
from weft.isa.vector_ops import BINARY, ELEMENT_BYTES, ELEMENTS, REDUCTIONS, SOURCES

SCRATCHPAD, ACCUMULATOR, DRAM = "scratchpad", "accumulator", "dram"
MEMORIES = (SCRATCHPAD, ACCUMULATOR, DRAM)
MATMUL_BYTES = {"bf16": 2, "int8": 1}
_MOST_RUNS = 1 << 22


@dataclass(frozen=True)
class Access:
    """One operand: runs of ``size`` bytes at ``base`` + Σ index·stride over ``levels`` (count, stride).

    ``field`` names the address field. ``align`` is what address, strides and increments must be multiples of.
    ``increments`` are added per iteration of the loop at each depth. Addresses count from the memory's start.
    """

    field: str
    memory: str
    read: bool
    write: bool
    base: int
    levels: tuple[tuple[int, int], ...]
    size: int
    align: int
    increments: tuple[int, ...]

    @cached_property
    def low(self) -> int:
        """First byte touched (loop indices 0)."""
        return self.base + sum(min(0, (count - 1) * stride) for count, stride in self.levels)

    @cached_property
    def high(self) -> int:
        """One past the last byte touched (loop indices 0)."""
        return self.base + sum(max(0, (count - 1) * stride) for count, stride in self.levels) + self.size

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where the runs start, sorted, each once. (Of absurdly many runs: starts that cover all bytes between.)"""
        if self.distinct_runs > _MOST_RUNS:
            last = self.high - self.size
            return np.append(np.arange(self.low, last, self.size, dtype=np.int64), last)
        starts = np.array([self.base], np.int64)
        for count, stride in self.levels:
            if stride:
                starts = np.unique(starts[:, None] + np.arange(count, dtype=np.int64) * stride)
        return starts

    @property
    def distinct_runs(self) -> int:
        """Number of runs, without those that a stride of 0 repeats."""
        return math.prod(count for count, stride in self.levels if stride)

    @property
    def runs(self) -> int:
        """Number of runs, repeated ones included."""
        return math.prod(count for count, _ in self.levels)

    def distinct(self) -> bool:
        """Whether no byte is in two runs."""
        if self.runs * self.size > self.high - self.low:
            return False
        reach = self.size  # of the levels so far, shortest stride first
        for count, stride in sorted(((c, abs(s)) for c, s in self.levels if c > 1), key=lambda level: level[1]):
            if stride < reach:
                break
            reach += (count - 1) * stride
        else:
            return True
        starts = self.starts
        return len(starts) == self.runs and bool((np.diff(starts) >= self.size).all())


def overlap(a: Access, b: Access, shift: int = 0) -> int | None:
    """A byte that both touch, the second moved by ``shift``; None if there is none (or in different memories)."""
    if a.memory != b.memory or a.low >= b.high + shift or b.low + shift >= a.high:
        return None
    starts, others = a.starts, b.starts + shift
    # Runs of one size, so sorted by start and by end alike: the first of a's runs that ends after a run of b starts.
    first = np.searchsorted(starts + a.size, others, side="right")
    reachable = first < len(starts)
    hit = np.flatnonzero(reachable & (starts[np.minimum(first, len(starts) - 1)] < others + b.size))
    return int(max(others[hit[0]], starts[first[hit[0]]])) if len(hit) else None


def local_memory(address: int) -> tuple[str, int]:
    """The memory and the byte address in it of a local address."""
    if address & ACCUMULATOR_BIT:
        return ACCUMULATOR, address & ~ACCUMULATOR_BIT
    return SCRATCHPAD, address


def _increments(i: Instruction, operand: str) -> tuple[int, ...]:
    return tuple(i[f"{operand}_inc{depth}"] for depth in range(LOOP_LEVELS))


def _transfer(machine: Machine, i: Instruction) -> tuple[Access, ...]:
    counts = [i[f"count{level}"] for level in range(3)]
    memory, local = local_memory(i["local"])
    load = i.name == "load"
    dram = tuple((count, i[f"dram_stride{level}"]) for level, count in enumerate(counts))
    chip = tuple((count, i[f"local_stride{level}"]) for level, count in enumerate(counts))
    bus = machine.bus.bytes
    return (
        Access("dram", DRAM, load, not load, i["dram"], dram, i["bytes"], bus, _increments(i, "dram")),
        Access("local", memory, not load, load, local, chip, i["bytes"], bus, _increments(i, "local")),
    )


def _matmul(machine: Machine, i: Instruction) -> tuple[Access, ...]:
    element = MATMUL_BYTES[MATMUL_TYPES[i["type"]]]
    counts = [i[f"count{level}"] for level in range(3)]
    rows = tuple((count, i[f"a_stride{level}"]) for level, count in enumerate(counts))
    size = i["k"] * element
    if i["transpose_a"]:
        rows, size = ((i["k"], i["a_stride0"]),), counts[0] * counts[1] * counts[2] * element
    stored, width = (i["n"], i["k"]) if i["transpose_w"] else (i["k"], i["n"])
    target = tuple((count, i[f"d_stride{level}"]) for level, count in enumerate(counts))
    a, w, d = (local_memory(i[operand]) for operand in "awd")
    accumulate = bool(i["accumulate"])
    return (
        Access("a", a[0], True, False, a[1], rows, size, element, _increments(i, "a")),
        Access("w", w[0], True, False, w[1], ((stored, i["w_stride"]),), width * element, element, _increments(i, "w")),
        Access("d", d[0], accumulate, True, d[1], target, i["n"] * 4, machine.row_bytes, _increments(i, "d")),
    )


def vector_operands(i: Instruction) -> tuple[str, ...]:
    """The operands among x, y, z that a pass reads from memory."""
    pre, then = BINARY[i["pre"]].name, BINARY[i["then"]].name
    used = {"x": pre != "second", "y": pre != "first", "z": then != "first"}
    return tuple(o for o in "xyz" if used[o] and SOURCES[i[f"{o}_source"]] in ("row", "scalar"))


def _vector(machine: Machine, i: Instruction) -> tuple[Access, ...]:
    reduction = REDUCTIONS[i["reduce"]].name

    def operand(name: str, scalar: bool, write: bool, levels: tuple[int, ...]) -> Access:
        element = ELEMENT_BYTES[ELEMENTS[i[f"{name}_type"]]]
        memory, base = local_memory(i[name])
        align = machine.row_bytes if memory == ACCUMULATOR and not scalar else element
        increments = [0] * LOOP_LEVELS
        increments[i[f"{name}_level"]] = i[f"{name}_inc"]
        steps = tuple((i[f"count{level}"], i[f"{name}_stride{level}"]) for level in levels)
        size = element * (1 if scalar else i["lanes"])
        return Access(name, memory, not write, write, base, steps, size, align, tuple(increments))

    reads = [operand(o, SOURCES[i[f"{o}_source"]] == "scalar", False, (0, 1)) for o in vector_operands(i)]
    levels = (1,) if reduction.startswith("row_") else (0, 1)
    return (*reads, operand("d", reduction.startswith("lane_"), True, levels))


_ACCESSES: dict[str, Callable[[Machine, Instruction], tuple[Access, ...]]] = {
    "load": _transfer,
    "store": _transfer,
    "matmul": _matmul,
    "vector": _vector,
}


def accesses(machine: Machine, instruction: Instruction) -> tuple[Access, ...]:
    """Every memory operand of an instruction; none for control instructions."""
    derive = _ACCESSES.get(instruction.name)
    return derive(machine, instruction) if derive else ()
