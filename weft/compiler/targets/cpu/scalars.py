"""Scalar operations on LLVM values: one table entry for each elementwise primitive, and the forms values have.

A bfloat16 lives in a register as the float32 it stands for; each operation on it computes in float32 and rounds its
result to bfloat16 again. A bool is one bit in a register and one byte in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from weft.compiler.targets.cpu.doubles import F64, FUNCTIONS
from weft.compiler.targets.cpu.functions import F32, I32, constant, exp, intrinsic, log
from weft.compiler.targets.cpu.loops import Combine, Scalar
from weft.framework.dtypes import DTYPES

Operation = Callable[[ir.IRBuilder, Sequence[ir.Value], Scalar], ir.Value]

I1, I8, I16, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(16), ir.IntType(64)
_REGISTER = {
    "float32": F32, "float64": F64, "bfloat16": F32, "bool": I1,
    "int8": I8, "int32": I32, "int64": I64, "uint8": I8, "uint32": I32,
}  # fmt: skip
_MEMORY = {**_REGISTER, "bfloat16": I16, "bool": I8}


def register_type(dtype: str) -> ir.Type:
    """The LLVM type of a value of `dtype` being computed with."""
    return _REGISTER[dtype]


def memory_type(dtype: str) -> ir.Type:
    """The LLVM type of a value of `dtype` in memory."""
    return _MEMORY[dtype]


def from_memory(b: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """A loaded value in its register form."""
    if dtype == "bfloat16":
        return b.bitcast(b.shl(b.zext(value, I32), ir.Constant(I32, 16)), F32)
    return b.trunc(value, I1) if dtype == "bool" else value


def to_memory(b: ir.IRBuilder, value: ir.Value, dtype: str) -> ir.Value:
    """A register value in the form it is stored in; a bfloat16 must have been rounded before."""
    if dtype == "bfloat16":
        return b.trunc(b.lshr(b.bitcast(value, I32), ir.Constant(I32, 16)), I16)
    return b.zext(value, I8) if dtype == "bool" else value


def round_bfloat16(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A float32 rounded to the nearest bfloat16, ties to even; a NaN becomes the canonical one of its sign."""
    bits = b.bitcast(value, I32)
    odd = b.and_(b.lshr(bits, ir.Constant(I32, 16)), ir.Constant(I32, 1))
    rounded = b.add(b.add(bits, odd), ir.Constant(I32, 0x7FFF))
    nan = b.or_(b.and_(bits, ir.Constant(I32, 0x80000000)), ir.Constant(I32, 0x7FC00000))
    kept = b.select(b.fcmp_unordered("uno", value, value), nan, rounded)
    return b.bitcast(b.and_(kept, ir.Constant(I32, 0xFFFF0000)), F32)


def literal(dtype: str, value: Any) -> ir.Constant:
    """A constant in register form; `value` is a number that `dtype` holds exactly."""
    kind = register_type(dtype)
    return ir.Constant(kind, float(value) if kind in (F32, F64) else int(value))


def _is_float(dtype: str) -> bool:
    return DTYPES[dtype].is_float


def _limits(dtype: str) -> tuple[int, int]:
    info = np.iinfo(DTYPES[dtype].numpy)
    return int(info.min), int(info.max)


def identity(combine: Combine, dtype: str) -> ir.Constant:
    """What a reduction starts from."""
    if combine == "sum":
        return literal(dtype, 0)  # as in NumPy, a sum of negative zeros is zero
    low, high = (float("-inf"), float("inf")) if _is_float(dtype) else _limits(dtype)
    return literal(dtype, low if combine == "max" else high)


def merge(b: ir.IRBuilder, combine: Combine, left: ir.Value, right: ir.Value, dtype: str) -> ir.Value:
    """One step of a reduction. Floating-point sums may be reassociated (and thereby vectorised)."""
    if combine == "sum":
        return b.fadd(left, right, flags=("reassoc",)) if _is_float(dtype) else b.add(left, right)
    return _extremum(b, ">" if combine == "max" else "<", left, right, dtype)


def _ordered(b: ir.IRBuilder, relation: str, left: ir.Value, right: ir.Value, dtype: str) -> ir.Value:
    """How integers of `dtype` compare."""
    return (b.icmp_signed if DTYPES[dtype].signed else b.icmp_unsigned)(relation, left, right)


def _extremum(b: ir.IRBuilder, relation: str, left: ir.Value, right: ir.Value, dtype: str) -> ir.Value:
    """The one that stands in `relation` to the other, a NaN before all."""
    if isinstance(left.type, ir.IntType):
        return b.select(_ordered(b, relation, left, right, dtype), left, right)
    return intrinsic(b, "llvm.maximum" if relation == ">" else "llvm.minimum", left, right)


def _arithmetic(on_float: str, on_int: str) -> Operation:
    def emit(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
        return getattr(b, on_float if _is_float(op.operand_dtype) else on_int)(*args)

    return emit


def _compare(relation: str) -> Operation:
    def emit(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
        if not _is_float(op.operand_dtype):
            return _ordered(b, relation, args[0], args[1], op.operand_dtype)
        return (b.fcmp_unordered if relation == "!=" else b.fcmp_ordered)(relation, *args)

    return emit


def _larger(relation: str) -> Operation:
    return lambda b, args, op: _extremum(b, relation, args[0], args[1], op.dtype)


def _cast(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
    """Floats round, float to int truncates and saturates, ints saturate, anything but zero is true."""
    (x,), source, target = args, op.operand_dtype, op.dtype
    kind = register_type(target)
    if source == target or {source, target} == {"float32", "bfloat16"}:
        return x
    if _is_float(source) and _is_float(target):
        return b.fpext(x, kind) if target == "float64" else b.fptrunc(x, kind)  # to bfloat16 by way of float32
    if target == "bool":
        zero = literal(source, 0)
        return b.fcmp_unordered("!=", x, zero) if _is_float(source) else b.icmp_signed("!=", x, zero)
    if _is_float(target):
        return b.sitofp(x, kind) if DTYPES[source].signed else b.uitofp(x, kind)
    if source == "bool":
        return b.zext(x, kind)
    if _is_float(source):
        to, bits = "si" if DTYPES[target].signed else "ui", 64 if source == "float64" else 32
        name = f"llvm.fpto{to}.sat.i{kind.width}.f{bits}"
        function = b.module.globals.get(name) or ir.Function(b.module, ir.FunctionType(kind, [x.type]), name)
        return b.call(function, [x])
    (low, high), (least, most) = _limits(target), _limits(source)
    inside = _extremum(b, ">", x, literal(source, low), source) if low > least else x
    inside = _extremum(b, "<", inside, literal(source, high), source) if high < most else inside
    if kind.width > x.type.width:
        return b.sext(inside, kind) if DTYPES[source].signed else b.zext(inside, kind)
    return b.trunc(inside, kind) if kind.width < x.type.width else inside


def _quantise(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
    """x · multiplier to nearest even, saturated; NaN becomes 127."""
    scaled = b.fmul(*args)
    low, high = (constant(float(limit)) for limit in _limits("int8"))
    above = b.select(b.fcmp_ordered("<", scaled, low), low, scaled)
    inside = b.select(b.fcmp_unordered(">", above, high), high, above)
    return b.fptosi(intrinsic(b, "llvm.rint", inside), I8)


def _dequantise(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
    return b.fmul(b.sitofp(args[0], F32), args[1])


def _abs(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
    (x,) = args
    if _is_float(op.dtype):
        return intrinsic(b, "llvm.fabs", x)
    return b.select(b.icmp_signed("<", x, literal(op.dtype, 0)), b.neg(x), x) if DTYPES[op.dtype].signed else x


def _shift(op: str) -> Operation:
    """By at least the width, all bits are zeros or copies of the sign; LLVM leaves that open."""

    def emit(b: ir.IRBuilder, args: Sequence[ir.Value], op_: Scalar) -> ir.Value:
        (x, by), signed = args, DTYPES[op_.dtype].signed
        width = ir.Constant(x.type, x.type.width)
        inside = b.icmp_unsigned("<", by, width)
        near = b.select(inside, by, ir.Constant(x.type, 0))
        if op == "shift_left":
            return b.select(inside, b.shl(x, near), ir.Constant(x.type, 0))
        if not signed:
            return b.select(inside, b.lshr(x, near), ir.Constant(x.type, 0))
        return b.ashr(x, b.select(inside, by, ir.Constant(x.type, x.type.width - 1)))

    return emit


def _rounded(name: str) -> Operation:
    return lambda b, args, op: intrinsic(b, name, args[0])


def _function(name: str) -> Operation:
    return lambda b, args, op: FUNCTIONS[name](b, args[0])


def _reciprocal(b: ir.IRBuilder, args: Sequence[ir.Value], op: Scalar) -> ir.Value:
    return b.fdiv(literal(op.dtype, 1), args[0])


OPERATIONS: dict[str, Operation] = {
    "constant": lambda b, args, op: literal(op.dtype, op.value),
    "add": _arithmetic("fadd", "add"),
    "sub": _arithmetic("fsub", "sub"),
    "mul": _arithmetic("fmul", "mul"),
    "div": _arithmetic("fdiv", "fdiv"),
    "neg": _arithmetic("fneg", "neg"),
    "abs": _abs,
    "maximum": _larger(">"),
    "minimum": _larger("<"),
    "exp": lambda b, args, op: exp(b, args[0]),
    "log": lambda b, args, op: log(b, args[0]),
    "sqrt": lambda b, args, op: intrinsic(b, "llvm.sqrt", args[0]),
    "reciprocal": _reciprocal,
    **{name: _function(name) for name in FUNCTIONS},
    "lt": _compare("<"),
    "le": _compare("<="),
    "gt": _compare(">"),
    "ge": _compare(">="),
    "eq": _compare("=="),
    "ne": _compare("!="),
    "and": lambda b, args, op: b.and_(*args),
    "or": lambda b, args, op: b.or_(*args),
    "not": lambda b, args, op: b.not_(args[0]),
    "xor": lambda b, args, op: b.xor(*args),
    "shift_left": _shift("shift_left"),
    "shift_right": _shift("shift_right"),
    "floor": _rounded("llvm.floor"),
    "round": _rounded("llvm.rint"),
    "select": lambda b, args, op: b.select(*args),
    "cast": _cast,
    "quantise": _quantise,
    "dequantise": _dequantise,
}
"""How each elementwise primitive, and a constant, is computed on register values."""


FLOAT32_ALONE = frozenset({"exp", "log", *FUNCTIONS})
"""Those that no loop computes in float64."""


def compute(b: ir.IRBuilder, op: Scalar, args: Sequence[ir.Value]) -> ir.Value:
    """The result of one operation, rounded to its type."""
    value = OPERATIONS[op.op](b, args, op)
    # Choosing among values and moving them cannot leave the type; everything that computes can.
    exact = op.op in ("constant", "select", "neg", "abs", "maximum", "minimum", "floor", "round")
    return round_bfloat16(b, value) if op.dtype == "bfloat16" and not exact else value
