"""Functions of float32 that are computed in float64 and rounded once: within 0.51 units in the last place everywhere.

As in `functions.py`: straight-line code without branch, call or table, so that LLVM's loop vectoriser widens it.
Subnormals, zeros of either sign, infinities and NaNs need no code of their own but where one stands below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from weft.compiler.polynomials import ATANH, ERF, ERFC, EXPM1
from weft.compiler.targets.cpu.functions import F32, intrinsic

F64, I64 = ir.DoubleType(), ir.IntType(64)

MAX_ULP = 0.51
"""The largest error of a function of this file in units in the last place of the result, subnormal ones included."""

_LN2_HI, _LN2_LO = 0.6931471805598903, 5.497923018708371e-14  # the first has trailing zeros: n times it is exact
_LOG2E = 1.4426950408889634
_MAGIC, _MAGIC_BITS = 6755399441055744.0, 0x4338000000000000  # 1.5 * 2^52: adding it rounds to an integer
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD

Function = Callable[[ir.IRBuilder, ir.Value], ir.Value]


def _c(value: float) -> ir.Constant:
    return ir.Constant(F64, value)


def _fma(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    return intrinsic(b, "llvm.fma", x, y, z)


def _abs(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    return intrinsic(b, "llvm.fabs", x)


def _sign_of(b: ir.IRBuilder, size: ir.Value, x: ir.Value) -> ir.Value:
    return intrinsic(b, "llvm.copysign", size, x)


def _polynomial(b: ir.IRBuilder, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    result: ir.Value = _c(coefficients[0])
    for coefficient in coefficients[1:]:
        result = _fma(b, result, x, _c(coefficient))
    return result


def _clamp(b: ir.IRBuilder, x: ir.Value, low: float, high: float) -> ir.Value:
    """x limited to [low, high]; a NaN stays a NaN."""
    x = b.select(b.fcmp_ordered("<", x, _c(low)), _c(low), x)
    return b.select(b.fcmp_ordered(">", x, _c(high)), _c(high), x)


def _reduced(b: ir.IRBuilder, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """2^n and e^r - 1, where x = n ln 2 + r; x between -110 and 100, or at these."""
    x = _clamp(b, x, -110.0, 100.0)
    shifted = b.fadd(b.fmul(x, _c(_LOG2E)), _c(_MAGIC))
    n = b.fsub(shifted, _c(_MAGIC))
    whole = b.sub(b.bitcast(shifted, I64), ir.Constant(I64, _MAGIC_BITS))
    power = b.bitcast(b.shl(b.add(whole, ir.Constant(I64, 1023)), ir.Constant(I64, 52)), F64)
    r = _fma(b, n, _c(-_LN2_LO), _fma(b, n, _c(-_LN2_HI), x))
    return power, _fma(b, _polynomial(b, r, EXPM1), b.fmul(r, r), r)


def _exp(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    power, part = _reduced(b, x)
    return _fma(b, power, part, power)


def _expm1(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    power, part = _reduced(b, x)
    return _sign_of(b, _fma(b, power, part, b.fsub(power, _c(1.0))), x)


def _log1p(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """With 1 + x = 2^k (1 + f): k ln 2 + 2 atanh(f / (2 + f)), and f = x itself where k is 0."""
    sum_ = b.fadd(x, _c(1.0))
    bits = b.sub(b.bitcast(sum_, I64), ir.Constant(I64, _SQRT_HALF_BITS))
    k = b.ashr(bits, ir.Constant(I64, 52))
    mantissa = b.add(b.and_(bits, ir.Constant(I64, (1 << 52) - 1)), ir.Constant(I64, _SQRT_HALF_BITS))
    rest = b.fsub(b.bitcast(mantissa, F64), _c(1.0))
    f = b.select(b.icmp_signed("==", k, ir.Constant(I64, 0)), x, rest)
    s = b.fdiv(f, b.fadd(f, _c(2.0)))
    square = b.fmul(s, s)
    tail = _fma(b, b.fmul(_polynomial(b, square, ATANH), square), s, s)
    shifted = b.bitcast(b.add(k, ir.Constant(I64, _MAGIC_BITS)), F64)
    result = _fma(b, b.fsub(shifted, _c(_MAGIC)), _c(_LN2_HI + _LN2_LO), b.fadd(tail, tail))
    result = b.select(b.fcmp_ordered("==", x, _c(float("inf"))), x, result)
    result = b.select(b.fcmp_ordered("==", x, _c(-1.0)), _c(float("-inf")), result)
    result = b.select(b.fcmp_unordered("<", x, _c(-1.0)), _c(float("nan")), result)
    return _sign_of(b, result, x)


def _sigmoid(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    z = _exp(b, b.fneg(_abs(b, x)))
    right = b.fdiv(_c(1.0), b.fadd(z, _c(1.0)))
    return b.select(b.fcmp_ordered("<", x, _c(0.0)), b.fmul(z, right), right)


def _tanh(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    size = _abs(b, x)
    m = _expm1(b, b.fneg(b.fadd(size, size)))
    return _sign_of(b, b.fdiv(m, b.fadd(m, _c(2.0))), x)


def _softplus(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    positive = b.select(b.fcmp_ordered("<", x, _c(0.0)), _c(0.0), x)
    return b.fadd(positive, _log1p(b, _exp(b, b.fneg(_abs(b, x)))))


def _erf(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    size = _clamp(b, _abs(b, x), 0.0, 4.0)
    square = b.fmul(size, size)
    near = b.fmul(size, _polynomial(b, square, ERF))
    t = b.fdiv(_c(1.0), _fma(b, size, _c(0.5), _c(1.0)))
    tail = b.fmul(b.fmul(_exp(b, b.fneg(square)), t), _polynomial(b, t, ERFC))
    far = b.fsub(_c(1.0), tail)
    return _sign_of(b, b.select(b.fcmp_ordered("<", size, _c(1.0)), near, far), x)


def _on_float32(function: Function) -> Function:
    return lambda b, x: b.fptrunc(function(b, b.fpext(x, F64)), F32)


FUNCTIONS: dict[str, Function] = {
    name: _on_float32(function)
    for name, function in {
        "expm1": _expm1, "log1p": _log1p, "sigmoid": _sigmoid, "tanh": _tanh, "softplus": _softplus, "erf": _erf,
    }.items()
}  # fmt: skip
"""Primitive → its code on a float32 register."""
