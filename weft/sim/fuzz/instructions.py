"""Random instructions that obey the static rules where they stand."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from weft.isa.access import accesses
from weft.isa.elements import ELEMENT, SCRATCHPAD
from weft.isa.encoding import Instruction, make
from weft.isa.fields import LOOP_LEVELS
from weft.isa.instructions import ACCUMULATOR_BIT
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.rules import RULES, PlacedInstruction
from weft.isa.vector_ops import BINARY, IN_MEMORY, REDUCTIONS, UNARY, VectorOp
from weft.sim.fuzz.data import SPECIAL_WORDS

Values = dict[str, int | str]
_STRIDE_LIMIT = 1 << 19  # what every stride field holds
_FILLED_ROWS = 10
PAGE = 4096
"""No burst reaches over a multiple of so many bytes, so transfers that do are split."""


class Misfit(Exception):
    """An operand that does not fit anywhere; try another shape."""


@dataclass(frozen=True)
class AddressWindow:
    """A memory as random operands see it: equal banks, of each of which the first ``usable`` bytes may be used.

    The first ``filled`` bytes hold numbers from the start on; most operands lie there. What is left after the usable
    bytes belongs to guards and tails (see ``plain``), so that these conflict with nothing.
    """

    base: int
    banks: int
    pitch: int
    usable: int
    filled: int


@dataclass(frozen=True)
class FuzzLayout:
    """Where a random program keeps what. ``kinds``: the kind of numbers in each block of the input region."""

    machine: Machine
    source: AddressWindow
    target: AddressWindow
    kinds: tuple[str, ...]

    @property
    def scratchpad(self) -> AddressWindow:
        memory, row = self.machine.scratchpad, self.machine.word_bytes
        usable = memory.bank_bytes - max(row, self.machine.bus.bytes)
        return AddressWindow(0, memory.banks, memory.bank_bytes, usable, min(_FILLED_ROWS * row, usable))

    @property
    def accumulator(self) -> AddressWindow:
        memory, row = self.machine.accumulator, self.machine.row_bytes
        usable = memory.bank_bytes - row
        return AddressWindow(0, memory.banks, memory.bank_bytes, usable, min(_FILLED_ROWS * row, usable))

    def spare(self, memory: str, bank: int) -> int:
        """The local address of what a bank keeps back."""
        window = self.scratchpad if memory == "sp" else self.accumulator
        return bank * window.pitch + window.usable | (ACCUMULATOR_BIT if memory == "acc" else 0)


def _work(instruction: Instruction, machine: Machine) -> int:
    """About how many cycles an instruction keeps its unit or the bus busy."""
    rows = math.prod(value for name, value in instruction.fields.items() if name.startswith("count"))
    beats = -(-instruction["bytes"] // machine.bus.bytes) if "bytes" in instruction.fields else 1
    return rows * beats + {"matmul": 3 * machine.dim, "vector": 10}.get(instruction.name, machine.dram.latency)


def _up(value: int, align: int) -> int:
    return -(-value // align) * align


@dataclass
class Author:
    """Writes random instructions; ``stub`` is a program of the right DRAM size to check them against."""

    layout: FuzzLayout
    rng: random.Random
    stub: Program
    kinds: dict[str, list[str]] = field(default_factory=dict)
    last_tile: Values | None = None

    def __post_init__(self) -> None:
        machine = self.layout.machine
        floats = "bf16" if "bf16" in machine.types else "int8"
        small = ["int8" if "int8" in machine.types else "bf16", floats]
        # Numbers of one kind tend to live in one bank, or everything would soon be NaN.
        self.kinds["sp"] = [small[i % 2] for i in range(machine.scratchpad.banks)]
        wide = ["i32" if kind == "int8" else "f32" for kind in small]
        self.kinds["acc"] = [wide[i % 2] for i in range(machine.accumulator.banks)]

    @property
    def most_work(self) -> int:
        """Most cycles that one instruction may take in all of its iterations: small machines have small programs."""
        machine = self.layout.machine
        return 90 + 2 * machine.dram.latency + 8 * machine.dim

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def bank(self, memory: str, kind: str) -> int:
        """A bank of a memory, mostly one that holds ``kind``."""
        banks = range(len(self.kinds[memory]))
        fitting = [b for b in banks if self.kinds[memory][b] == kind]
        return self.rng.choice(fitting if fitting and self.chance(0.9) else list(banks))

    def _strides(self, counts: list[int], size: int, align: int, distinct: bool) -> list[int]:
        step = _up(size, align)
        if not distinct and self.chance(0.3):
            return [align * self.rng.randint(-2 * step // align, 2 * step // align) for _ in counts]
        strides = [0] * len(counts)
        reach = step
        for level in self.rng.sample(range(len(counts)), len(counts)) if self.chance(0.3) else range(len(counts)):
            reach = _up(reach, align) * self.rng.choice([1, 1, 1, 1, 2]) + align * self.rng.choice([0, 0, 0, 1])
            strides[level] = reach * self.rng.choice([1, 1, 1, -1])
            reach *= counts[level]
        return strides

    def place(
        self, window: AddressWindow, bank: int, counts: list[int], size: int, align: int, trips: tuple[int, ...],
        distinct: bool = False, border: int = 0,
    ) -> tuple[int, list[int], list[int]]:  # fmt: skip
        """An address, a stride per count and an increment per loop that stay in the window; sometimes one from which
        the first ``size`` bytes reach over a multiple of ``border``. Raises Misfit."""
        rng = self.rng
        for _ in range(20):
            strides = self._strides(counts, size, align, distinct)
            steps = [align * rng.choice([0, 1, -1, _up(size, align) // align, -3]) for _ in trips]
            hop = bool(trips) and window.pitch < 1 << 20 and self.chance(0.15)
            moves = list(zip(counts, strides, strict=True)) + ([] if hop else list(zip(trips, steps, strict=True)))
            low = sum(min(0, (count - 1) * step) for count, step in moves)
            high = sum(max(0, (count - 1) * step) for count, step in moves) + size
            if high - low > window.usable or any(abs(step) >= _STRIDE_LIMIT for step in (*strides, *steps)):
                continue
            if hop:  # from bank to bank
                steps = [0] * (len(trips) - 1) + [window.pitch]
                bank = max(0, min(bank, window.banks - trips[-1]))
                if bank + trips[-1] > window.banks:
                    continue
            slack = window.usable - (high - low)
            near = min(slack, max(window.filled - (high - low), window.filled // 4))
            offset = align * rng.randint(0, (near if self.chance(0.85) else slack) // align)
            increments = [0] * LOOP_LEVELS
            increments[: len(steps)] = steps
            begin = window.base + bank * window.pitch
            address = begin + _up(offset - low, align)
            if border and self.chance(0.2):
                over = round(address / border) * border - align * rng.randint(1, -(-size // align))
                address = over if 0 <= over + low - begin <= slack else address
            return address, strides, increments
        raise Misfit

    def _local(self, memory: str) -> AddressWindow:
        return self.layout.scratchpad if memory == "sp" else self.layout.accumulator

    def transfer(self, name: str, trips: tuple[int, ...]) -> Values:
        """A load or a store."""
        rng, bus, burst = self.rng, self.layout.machine.bus.bytes, self.layout.machine.bus.burst
        memory = rng.choice(["sp", "sp", "acc"])
        bank = rng.randrange(len(self.kinds[memory]))
        counts = [rng.choice([1, 2, 3, 5]), rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 1, 2])]
        size = rng.randint(1, 6 * bus)
        if self.chance(0.15):  # in more than one burst
            counts, size = [counts[0], 1, 1], bus * burst + rng.randint(1 - bus, bus * min(burst, 8))
        if memory == "acc":
            size = _up(size, 4)
        local, local_strides, local_steps = self.place(self._local(memory), bank, counts, size, bus, trips)
        window, part = self.layout.target, 0
        if name == "load" and self.chance(0.8):
            window = self.layout.source
            kind = self.kinds[memory][bank] if self.chance(0.8) else "special"
            part = self.layout.kinds.index(kind)
        dram, dram_strides, dram_steps = self.place(window, part, counts, size, bus, trips, border=PAGE)
        values: Values = {"dram": dram, "local": local | (ACCUMULATOR_BIT if memory == "acc" else 0), "bytes": size}
        for level in range(3):
            values |= {
                f"count{level}": counts[level],
                f"dram_stride{level}": dram_strides[level], f"local_stride{level}": local_strides[level],
                f"dram_inc{level}": dram_steps[level], f"local_inc{level}": local_steps[level],
            }  # fmt: skip
        return values

    def matmul(self, trips: tuple[int, ...]) -> Values:
        """A tile; sometimes one more into the same destination."""
        rng, machine = self.rng, self.layout.machine
        dim = machine.dim
        kind = rng.choice(machine.types)
        element = ELEMENT[kind].bytes
        k, n = (dim if self.chance(0.5) else rng.randint(1, dim) for _ in "kn")
        transpose_a, transpose_w = rng.choice(["no", "yes"]), rng.choice(["no", "yes"])
        counts = [rng.randint(1, 3 * dim), 1, 1]
        if transpose_a == "no" and self.chance(0.6):
            counts = [rng.randint(1, dim), rng.randint(1, 3), rng.randint(1, 2)]
        values: Values = {}
        again = self.last_tile
        if again and self.chance(0.4) and (transpose_a == "no" or again["count1"] == again["count2"] == 1):
            values = {key: value for key, value in again.items() if key.startswith(("d", "count", "n"))}
            counts, n = [int(values[f"count{level}"]) for level in range(3)], int(values["n"])
            values |= {f"d_inc{depth}": 0 for depth in range(LOOP_LEVELS)}
        else:
            bank = self.bank("acc", "f32" if kind == "bf16" else "i32")
            d, strides, steps = self.place(
                self.layout.accumulator, bank, counts, n * 4, machine.row_bytes, trips, distinct=True
            )
            values = {"d": d | ACCUMULATOR_BIT, "n": n}
            values |= {f"count{level}": counts[level] for level in range(3)}
            values |= {f"d_stride{level}": strides[level] for level in range(3)}
            values |= {f"d_inc{depth}": steps[depth] for depth in range(LOOP_LEVELS)}
        a_counts, a_size = ([k], counts[0] * element) if transpose_a == "yes" else (counts, k * element)
        w_count, w_size = (n, k * element) if transpose_w == "yes" else (k, n * element)
        scratchpad = self.layout.scratchpad
        a, a_strides, a_steps = self.place(scratchpad, self.bank("sp", kind), a_counts, a_size, element, trips)
        w, w_strides, w_steps = self.place(scratchpad, self.bank("sp", kind), [w_count], w_size, element, trips)
        values |= {f"a_stride{level}": stride for level, stride in enumerate(a_strides)}
        values |= {f"a_inc{depth}": a_steps[depth] for depth in range(LOOP_LEVELS)}
        values |= {f"w_inc{depth}": w_steps[depth] for depth in range(LOOP_LEVELS)}
        values |= {
            "type": kind, "accumulate": rng.choice(["no", "yes"]), "k": k, "a": a, "w": w, "w_stride": w_strides[0],
            "transpose_a": transpose_a, "transpose_w": transpose_w,
        }  # fmt: skip
        self.last_tile = values
        return values

    def _op(self, table: tuple[VectorOp, ...], kind: str, idle: float) -> str:
        if self.chance(idle):
            return table[0].name
        built = [op for op in table if op.built]
        fitting = [op for op in built if op.kind in (kind, "bits")]
        return self.rng.choice(fitting if self.chance(0.85) else built).name

    def _element(self, kind: str) -> str:
        """How an operand of a kind ("f32", "i32") lies in memory."""
        if self.chance(0.6):
            return "word"
        small = "bf16" if kind == "f32" else "int8"
        return small if self.chance(0.9) and self.layout.machine.holds(small) else "int8"

    def vector(self, trips: tuple[int, ...]) -> Values:
        """A pass."""
        rng, machine = self.rng, self.layout.machine
        kind = rng.choice(["f32", "f32", "i32"])
        lanes = machine.dim if self.chance(0.5) else rng.randint(1, machine.dim)
        reduce = self._op(REDUCTIONS, kind, 0.5)
        rows = [1, 2, 3, 4, 7, 9, 17] if reduce.startswith("row") else [1, 2, 3, 5]
        counts = [rng.choice(rows), rng.choice([1, 1, 2, 3])]
        values: Values = {
            "pre": self._op(BINARY, kind, 0.3), "f": self._op(UNARY, kind, 0.4), "then": self._op(BINARY, kind, 0.4),
            "reduce": reduce, "count0": counts[0], "count1": counts[1], "lanes": lanes,
            "imm": rng.choice([*SPECIAL_WORDS, rng.getrandbits(32), rng.getrandbits(5)]),
        }  # fmt: skip
        for operand in "xyzd":
            source = rng.choice(["row", "row", "scalar", "lane", "imm"]) if operand != "d" else "row"
            if operand == "d" and reduce.startswith("lane"):
                source = "scalar"
            element = self._element(kind)
            values[f"{operand}_type"] = element
            if operand != "d":
                values[f"{operand}_source"] = source
            if source not in IN_MEMORY:
                continue
            memory = "sp" if ELEMENT[element].memory == SCRATCHPAD else "acc"
            size = ELEMENT[element].bytes * (lanes if source == "row" else 1)
            align = machine.row_bytes if memory == "acc" and source == "row" else ELEMENT[element].bytes
            depth = rng.randrange(LOOP_LEVELS)
            moving = (trips[depth],) if depth < len(trips) else ()
            levels = counts[1:] if operand == "d" and reduce.startswith("row") else counts
            bank = self.bank(memory, {"word": kind}.get(element, element))
            base, strides, steps = self.place(self._local(memory), bank, levels, size, align, moving)
            values[operand] = base | (ACCUMULATOR_BIT if memory == "acc" else 0)
            strides = strides if levels is counts else [0, *strides]
            values |= {f"{operand}_stride0": strides[0], f"{operand}_stride1": strides[1]}
            values |= {f"{operand}_level": depth, f"{operand}_inc": steps[0]}
        if reduce == "none" and self.chance(0.25):  # in place
            for part in ("", "_stride0", "_stride1", "_level", "_inc", "_type"):
                values[f"x{part}"] = values[f"d{part}"]
            values["x_source"] = "row"
        return values

    def fills(self) -> list[Instruction]:
        """Loads that put numbers of its kind into each bank."""
        source, bus = self.layout.source, self.layout.machine.bus.bytes
        return [
            make(
                "load",
                dram=source.base + source.pitch * self.layout.kinds.index(kind) + _up(64 * bank, bus),
                local=bank * self._local(memory).pitch | (ACCUMULATOR_BIT if memory == "acc" else 0),
                bytes=self._local(memory).filled,
            )
            for memory in ("sp", "acc")
            for bank, kind in enumerate(self.kinds[memory])
        ]

    def write(self, name: str, trips: tuple[int, ...]) -> Instruction:
        """A random instruction called ``name`` that may stand in loops of ``trips`` iterations. Raises Misfit."""
        make_values: dict[str, Callable[[], Values]] = {
            "load": lambda: self.transfer("load", trips),
            "store": lambda: self.transfer("store", trips),
            "matmul": lambda: self.matmul(trips),
            "vector": lambda: self.vector(trips),
        }
        for _ in range(30):
            try:
                instruction = make(name, "", **make_values[name]())
            except Misfit:
                continue
            if _work(instruction, self.layout.machine) * math.prod(trips) > self.most_work:
                continue
            placed = PlacedInstruction(self.stub, 0, instruction, trips, accesses(self.layout.machine, instruction))
            if not any(text for rule in RULES for text in rule(placed)):
                return instruction
            self.last_tile = None
        raise Misfit

    def plain(self, unit: str) -> Instruction:
        """The instruction of a unit that only touches what nothing else touches, for guards and tails."""
        spare, machine = self.layout.spare, self.layout.machine
        bus = machine.bus.bytes
        if unit == "load":
            return make("load", dram=self.layout.source.base, local=spare("sp", 0), bytes=bus)
        if unit == "store":
            slot = self.layout.target.base + self.layout.target.pitch - bus
            return make("store", dram=slot, local=spare("acc", 2), bytes=bus)
        if unit == "matrix":
            kind = machine.types[0]
            return make("matmul", type=kind, a=spare("sp", 1), w=spare("sp", 2), d=spare("acc", 0), k=1, n=1)
        return make("vector", d=spare("acc", 1), lanes=1, imm=0x3F800000)
