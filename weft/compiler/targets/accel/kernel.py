"""One kernel: a space of elements, the product that may fill it, vector passes over it, and how tiles walk it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from weft.compiler.targets.accel.micro import (
    BEGIN,
    COL,
    END,
    FULL,
    ONE,
    ROW,
    STORAGE,
    STRIP_BEGIN,
    STRIP_END,
    TILE,
    MicroOp,
    VectorPass,
    passes,
)
from weft.compiler.targets.accel.product import Product


@dataclass(frozen=True)
class TileKernel:
    """``micros`` over the space [rows, cols]; ``outputs``: micro-operation → graph value that it is.

    ``product`` fills the micro-operation of kind ``product``. ``nodes``: the graph nodes behind it, and ``dominant``,
    the one that names it: its product, else the last of those that go through most elements (None: it merely copies).
    """

    label: str
    rows: int
    cols: int
    micros: tuple[MicroOp, ...]
    outputs: Mapping[int, int]
    product: Product | None = None
    nodes: tuple[int, ...] = ()
    dominant: int | None = None

    @cached_property
    def passes(self) -> tuple[VectorPass, ...]:
        """The vector passes, in an order in which they can run."""
        return tuple(passes(self.micros, self.outputs))

    @cached_property
    def ready(self) -> tuple[int, ...]:
        """For each micro-operation the phase in which its value is there."""
        result: list[int] = []
        for micro in self.micros:
            phase = max((result[arg] for arg in micro.args), default=TILE)
            if micro.kind == "reduce":
                phase = max(phase, {ROW: STRIP_END, ONE: END, COL: TILE}[micro.role])
            result.append(phase)
        return tuple(result)

    def phase(self, made: VectorPass) -> int:
        """When a pass runs."""
        phase = max((self.ready[o] for o in made.operands), default=TILE)
        if phase == TILE and made.reduce == "none":
            return {ONE: BEGIN, ROW: STRIP_BEGIN}.get(self.micros[made.out].role, TILE)
        return STRIP_END if phase == TILE and made.over == ROW else phase

    @cached_property
    def product_micro(self) -> int | None:
        """The micro-operation that is the product."""
        return next((i for i, m in enumerate(self.micros) if m.kind == "product"), None)

    @cached_property
    def by_phase(self) -> tuple[tuple[VectorPass, ...], ...]:
        """The passes of each phase."""
        return tuple(tuple(p for p in self.passes if self.phase(p) == phase) for phase in range(5))

    @cached_property
    def last_use(self) -> Mapping[int, int]:
        """For values of a tile: index of the last tile pass that reads it (-1: none does)."""
        result: dict[int, int] = {}
        for index, made in enumerate(self.by_phase[TILE]):
            result.setdefault(made.out, index)
            for operand in made.operands:
                result[operand] = index
        return result

    @cached_property
    def whole_rows(self) -> bool:
        """Whether a tile must hold whole rows: something in it is one value for each row, made or kept here."""
        made = any(m.kind == "reduce" and COL in (m.role, self.micros[m.args[0]].role) for m in self.micros)
        return made or any(self.micros[i].role == COL for i in self.outputs)

    @cached_property
    def values(self) -> frozenset[int]:
        """Graph values that it reads."""
        read = {m.value for m in self.micros if m.kind == "leaf"}
        if self.product:
            read |= {self.product.a, self.product.b}
        return frozenset(read)

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates."""
        return self.rows * self.cols * self.product.k if self.product else 0

    def peak(self) -> tuple[int, int]:
        """Most FULL tiles alive at once: how many in the accumulator, and bytes for each element in the scratchpad."""
        alive: set[int] = {self.product_micro} if self.product_micro is not None else set()
        most, most_pad = len(alive), 0
        for index, made in enumerate(self.by_phase[TILE]):
            alive |= {
                o for o in (*made.operands, made.out)
                if self.micros[o].role == FULL and self.micros[o].kind not in ("imm", "iota")
            }  # fmt: skip
            sizes = [STORAGE[self.micros[o].dtype] for o in alive]
            most = max(most, sum(1 for s in sizes if s[0] == "accumulator"))
            most_pad = max(most_pad, sum(s[2] for s in sizes if s[0] == "scratchpad"))
            alive -= {o for o in alive if self.last_use.get(o, -1) <= index}
        return most, most_pad
