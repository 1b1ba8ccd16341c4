"""A kernel's arithmetic: micro-operations of the vector unit, and how they are packed into passes.

A pass computes ``reduce(f(x pre y) then z)``, so that up to four micro-operations become one instruction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from weft.isa.elements import ELEMENT

FULL, ROW, COL, ONE = "full", "row", "col", "one"
"""Roles of values in a kernel's space [rows, cols]: the whole space; one value for each column, the same in every row;
one value for each row, the same in every column; one value. ROW and COL values lie packed, one after the other."""

BEGIN, STRIP_BEGIN, TILE, STRIP_END, END = range(5)
"""When a pass of a kernel runs: once at first, once for each strip of columns, for each tile, when a strip's rows are
all done (sums over rows are then complete), when everything is done."""

_ELEMENT = {"float32": "word", "int32": "word", "bfloat16": "bf16", "int8": "int8", "bool": "int8"}
STORAGE = {dtype: (ELEMENT[name].memory, name, ELEMENT[name].bytes) for dtype, name in _ELEMENT.items()}
"""Where values of a dtype lie on chip, how, and in how many bytes. A bool is all ones (-1) or 0."""

SWAPPED = {
    "fadd": "fadd", "fmul": "fmul", "fmin": "fmin", "fmax": "fmax", "feq": "feq", "fne": "fne", "fsub": "frsub",
    "frsub": "fsub", "iadd": "iadd", "imul": "imul", "imin": "imin", "imax": "imax", "ieq": "ieq", "ine": "ine",
    "and": "and", "or": "or", "xor": "xor", "first": "second", "second": "first",
}  # fmt: skip
"""``op(a, b)`` is ``SWAPPED[op](b, a)``."""


@dataclass(frozen=True)
class MicroOp:
    """One micro-operation, or a value that is there already.

    kind: ``leaf`` (graph value ``value``), ``product`` (the kernel's matrix product), ``imm`` (the bits ``imm``),
    ``iota`` (the index along the axis that the role leaves), ``bin``, ``un``, ``reduce`` (operand's role to its own).
    op: the vector unit's name for it. args: earlier micro-operations. label: the graph node it comes from.
    """

    kind: str
    op: str
    args: tuple[int, ...]
    role: str
    dtype: str
    label: str = ""
    value: int = -1
    imm: int = 0


@dataclass(frozen=True)
class VectorPass:
    """One pass over the rows of role ``over``: operands are micro-operations or None (not used)."""

    out: int
    over: str
    pre: str = "first"
    f: str = "identity"
    then: str = "first"
    reduce: str = "none"
    x: int | None = None
    y: int | None = None
    z: int | None = None

    @property
    def operands(self) -> tuple[int, ...]:
        """The micro-operations it reads."""
        return tuple(o for o in (self.x, self.y, self.z) if o is not None)


def foldable(micros: Sequence[MicroOp], outputs: Collection[int]) -> list[bool]:
    """Which micro-operations may live inside a pass: used once, and stored as they are computed."""
    uses = [0] * len(micros)
    for micro in micros:
        for arg in micro.args:
            uses[arg] += 1
    return [
        m.kind in ("bin", "un") and uses[i] == 1 and i not in outputs
        and (STORAGE[m.dtype][1] == "word" or m.dtype == "bool")
        for i, m in enumerate(micros)
    ]  # fmt: skip


class _Packer:
    def __init__(self, micros: Sequence[MicroOp], outputs: Collection[int]) -> None:
        self.micros = micros
        self.folds = foldable(micros, outputs)

    def _inner(self, index: int, role: str, kind: str) -> bool:
        micro = self.micros[index]
        return self.folds[index] and micro.role == role and micro.kind == kind

    def _one_immediate(self, made: VectorPass) -> bool:
        immediates = {self.micros[o].imm for o in made.operands if self.micros[o].kind == "imm"}
        return len(immediates) <= 1

    def _front(self, index: int, made: VectorPass) -> list[VectorPass]:
        """Ways to compute ``index`` by the places in front of ``then``, the most folded first."""
        micro = self.micros[index]
        result = []
        if micro.kind == "un":
            (arg,) = micro.args
            if self._inner(arg, micro.role, "bin"):
                a, b = self.micros[arg].args
                result.append(replace(made, pre=self.micros[arg].op, f=micro.op, x=a, y=b))
            result.append(replace(made, f=micro.op, x=arg))
        elif micro.kind == "bin":
            a, b = micro.args
            result.append(replace(made, pre=micro.op, x=a, y=b))
        return result

    def _ways(self, index: int, made: VectorPass) -> list[VectorPass]:
        micro = self.micros[index]
        result: list[VectorPass] = []
        if micro.kind == "bin":
            a, b = micro.args
            for chain, other, op in ((a, b, micro.op), (b, a, SWAPPED.get(micro.op))):
                if op is not None and chain != other and self.folds[chain] and self.micros[chain].role == micro.role:
                    result += self._front(chain, replace(made, then=op, z=other))
            result.sort(key=lambda p: -((p.f != "identity") + (p.pre != "first")))
        return [*result, *self._front(index, made)]

    def pack(self, index: int) -> VectorPass:
        """The pass that computes a micro-operation, as much folded into it as fits."""
        micro = self.micros[index]
        if micro.kind == "reduce":
            (arg,) = micro.args
            made = VectorPass(index, self.micros[arg].role, reduce=micro.op)
            ways = self._ways(arg, made) if self.folds[arg] else []
            ways.append(replace(made, x=arg))
        else:
            made = VectorPass(index, micro.role)
            ways = self._ways(index, made)
            if micro.kind == "un" and micro.op == "identity" and self.folds[micro.args[0]]:
                (arg,) = micro.args  # a conversion happens as the result is written
                if self.micros[arg].role == micro.role:
                    ways = [*self._ways(arg, made), *ways]
        return next(p for p in ways if self._one_immediate(p))


def passes(micros: Sequence[MicroOp], outputs: Collection[int]) -> list[VectorPass]:
    """Passes that compute every output, in an order in which they can run."""
    packer = _Packer(micros, outputs)
    needed = set(outputs)
    result: list[VectorPass] = []
    for index in range(len(micros) - 1, -1, -1):
        if index in needed and micros[index].kind in ("bin", "un", "reduce"):
            made = packer.pack(index)
            needed.update(made.operands)
            result.append(made)
    result.reverse()
    return result
