"""The meaning of every elementwise primitive in micro-operations of the vector unit, as tables."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weft.compiler.targets.accel.micro import ONE, MicroOp

KINDS = {"float32": "f", "bfloat16": "f", "int32": "i", "int8": "i", "bool": "b"}


def float_bits(value: float) -> int:
    """The word of an fp32 value."""
    return int.from_bytes(struct.pack("<f", value), "little")


@dataclass
class MicroOpBuilder:
    """Appends micro-operations. ``role`` and ``dtype`` are those of the node being expanded; ``label`` names it."""

    micros: list[MicroOp] = field(default_factory=list)
    role: str = ""
    label: str = ""

    def add(self, micro: MicroOp) -> int:
        """Append one; its index."""
        self.micros.append(micro)
        return len(self.micros) - 1

    def imm(self, bits: int) -> int:
        """An immediate word."""
        return self.add(MicroOp("imm", "", (), ONE, "int32", imm=bits & 0xFFFFFFFF))

    def f(self, value: float) -> int:
        """An fp32 immediate."""
        return self.imm(float_bits(value))

    def bin(self, op: str, a: int, b: int, dtype: str = "float32") -> int:
        """A two-operand operation."""
        if self.micros[a].kind == self.micros[b].kind == "imm":
            a = self.un("identity", a)  # an instruction has one immediate
        return self.add(MicroOp("bin", op, (a, b), self.role, dtype, self.label))

    def un(self, op: str, a: int, dtype: str = "float32") -> int:
        """A one-operand operation."""
        return self.add(MicroOp("un", op, (a,), self.role, dtype, self.label))


Expansion = Callable[[MicroOpBuilder, tuple[int, ...], str], int]


def _plain(op: str) -> Expansion:
    return lambda w, a, d: w.bin(op, a[0], a[1], d)


def _swapped(op: str) -> Expansion:
    return lambda w, a, d: w.bin(op, a[1], a[0], d)


def _maximum(w: MicroOpBuilder, a: tuple[int, ...], d: str) -> int:
    zero = next((i for i in (0, 1) if w.micros[a[i]].kind == "imm" and w.micros[a[i]].imm == 0), None)
    return w.bin("fmax", a[0], a[1], d) if zero is None else w.un("relu", a[1 - zero], d)


ROUNDER = 1.5 * 2**23
"""Adding it to a number below 2**22 rounds to nearest even: the integer then stands in the lowest bits of the word."""


def _quantise(w: MicroOpBuilder, a: tuple[int, ...], d: str) -> int:
    """The word of ``x·m + ROUNDER`` less the word of ROUNDER is the rounded integer; writing it as int8 saturates.

    Far above the range words still ascend; far below the sum would turn negative and the difference wrap, so that
    values are raised to -128 first, unless x came out of a relu.
    """
    scaled = w.bin("fmul", a[0], a[1])
    if w.micros[a[0]].op != "relu":
        scaled = w.bin("fmax", scaled, w.f(-128.0))
    return w.bin("isub", w.bin("fadd", scaled, w.f(ROUNDER)), w.f(ROUNDER), d)


def _zero(w: MicroOpBuilder, index: int) -> bool:
    return w.micros[index].kind == "imm" and w.micros[index].imm == 0


def _select(w: MicroOpBuilder, a: tuple[int, ...], d: str) -> int:
    condition, taken, other = a
    if _zero(w, other):
        return w.bin("and", condition, taken, d)
    if _zero(w, taken):
        return w.bin("andn", condition, other, d)
    return w.bin("or", w.bin("and", condition, taken), w.bin("andn", condition, other), d)


def _sqrt(w: MicroOpBuilder, a: tuple[int, ...], d: str) -> int:
    """2^(log2(x)/2), then one step of Newton's; where that is no number, 0 and infinity are their own roots."""
    (x,) = a
    near = w.un("exp2", w.bin("fmul", w.un("log2", x), w.f(0.5)))
    root = w.bin("fmul", w.bin("fadd", w.bin("fmul", w.un("reciprocal", near), x), near), w.f(0.5))
    number = w.bin("feq", root, root)
    return w.bin("or", w.bin("and", number, root), w.bin("andn", number, w.bin("fmin", near, x)), d)


LOG2_E, LN_2 = math.log2(math.e), math.log(2)

ELEMENTWISE: Mapping[tuple[str, str], Expansion] = {
    ("add", "f"): _plain("fadd"), ("sub", "f"): _plain("fsub"), ("mul", "f"): _plain("fmul"),
    ("add", "i"): _plain("iadd"), ("sub", "i"): _plain("isub"), ("mul", "i"): _plain("imul"),
    ("div", "f"): lambda w, a, d: w.bin("fmul", w.un("reciprocal", a[1]), a[0], d),
    ("maximum", "f"): _maximum, ("minimum", "f"): _plain("fmin"),
    ("maximum", "i"): _plain("imax"), ("minimum", "i"): _plain("imin"),
    ("neg", "f"): lambda w, a, d: w.un("fneg", a[0], d),
    ("abs", "f"): lambda w, a, d: w.un("fabs", a[0], d),
    ("abs", "i"): lambda w, a, d: w.bin("imax", a[0], w.bin("isub", w.imm(0), a[0]), d),
    ("neg", "i"): lambda w, a, d: w.bin("isub", w.imm(0), a[0], d),
    ("exp", "f"): lambda w, a, d: w.un("exp2", w.bin("fmul", a[0], w.f(LOG2_E)), d),
    ("log", "f"): lambda w, a, d: w.bin("fmul", w.un("log2", a[0]), w.f(LN_2), d),
    ("sqrt", "f"): _sqrt,
    ("reciprocal", "f"): lambda w, a, d: w.un("reciprocal", a[0], d),
    ("lt", "f"): _plain("flt"), ("le", "f"): _plain("fle"), ("gt", "f"): _swapped("flt"), ("ge", "f"): _swapped("fle"),
    ("lt", "i"): _plain("ilt"), ("le", "i"): _plain("ile"), ("gt", "i"): _swapped("ilt"), ("ge", "i"): _swapped("ile"),
    ("eq", "f"): _plain("feq"), ("ne", "f"): _plain("fne"),
    ("eq", "i"): _plain("ieq"), ("ne", "i"): _plain("ine"), ("eq", "b"): _plain("ieq"), ("ne", "b"): _plain("ine"),
    ("and", "b"): _plain("and"), ("or", "b"): _plain("or"),
    ("not", "b"): lambda w, a, d: w.bin("xor", a[0], w.imm(-1), d),
    ("select", "b"): _select,
    ("quantise", "f"): _quantise,
    ("dequantise", "i"): lambda w, a, d: w.bin("fmul", w.un("i2f", a[0]), a[1], d),
}  # fmt: skip
"""(primitive, kind of its first operand) → how to write it."""

CASTS: Mapping[tuple[str, str], Expansion] = {
    ("f", "f"): lambda w, a, d: w.un("identity", a[0], d),
    ("f", "i"): lambda w, a, d: w.un("f2i", a[0], d),
    ("i", "f"): lambda w, a, d: w.un("i2f", a[0], d),
    ("i", "i"): lambda w, a, d: w.un("identity", a[0], d),
    ("b", "f"): lambda w, a, d: w.bin("and", a[0], w.f(1.0), d),
    ("b", "i"): lambda w, a, d: w.bin("and", a[0], w.imm(1), d),
    ("b", "b"): lambda w, a, d: w.un("identity", a[0], d),
    ("f", "b"): lambda w, a, d: w.bin("fne", a[0], w.f(0.0), d),
    ("i", "b"): lambda w, a, d: w.bin("ine", a[0], w.imm(0), d),
}
"""(kind from, kind to) of a cast."""
