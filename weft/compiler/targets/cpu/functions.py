"""Transcendental functions of float32 as branch-free polynomial code that LLVM's loop vectoriser widens.

Every function here takes and gives one float32 value of straight-line IR: no branch, no call, no table. Put into a
loop, it becomes one vector instruction per scalar one. Zeros, infinities and NaNs come out as C's math.h says. The
reductions are Cody and Waite's, the polynomials Cephes' (S. Moshier, single precision).
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

F32 = ir.FloatType()
I32 = ir.IntType(32)

MAX_ULP: dict[str, float] = {"exp": 1.25, "log": 1.0}
"""The largest error of each function against the exact result, in units in the last place of a normal result."""


def constant(value: float) -> ir.Constant:
    """A float32 literal."""
    return ir.Constant(F32, value)


def intrinsic(builder: ir.IRBuilder, name: str, *args: ir.Value) -> ir.Value:
    """Call an LLVM intrinsic overloaded on its first argument's type, such as `llvm.fma.f32`."""
    kind = args[0].type
    function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [a.type for a in args]))
    return builder.call(function, args)


def _polynomial(b: ir.IRBuilder, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    """Horner's rule with fused multiply-adds; the highest power comes first."""
    result: ir.Value = ir.Constant(x.type, coefficients[0])
    for coefficient in coefficients[1:]:
        result = intrinsic(b, "llvm.fma", result, x, ir.Constant(x.type, coefficient))
    return result


def _fma(b: ir.IRBuilder, x: ir.Value, y: float, z: ir.Value) -> ir.Value:
    return intrinsic(b, "llvm.fma", x, ir.Constant(x.type, y), z)


def _select(b: ir.IRBuilder, relation: str, x: ir.Value, y: float, then: ir.Value, otherwise: ir.Value) -> ir.Value:
    return b.select(b.fcmp_ordered(relation, x, ir.Constant(x.type, y)), then, otherwise)


def _clamp(b: ir.IRBuilder, x: ir.Value, low: float, high: float) -> ir.Value:
    """x limited to [low, high]; a NaN stays a NaN."""
    x = _select(b, "<", x, low, constant(low), x)
    return _select(b, ">", x, high, constant(high), x)


_MAGIC = 12582912.0  # 1.5 * 2^23: adding it rounds a float32 to an integer, which then stands in the low bits
_MAGIC_BITS = 0x4B400000


def _nearest(b: ir.IRBuilder, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The nearest integer to |x| < 2^22, as float32 and as int32 (any integer for a NaN, never poison)."""
    shifted = b.fadd(x, constant(_MAGIC))
    return b.fsub(shifted, constant(_MAGIC)), b.sub(b.bitcast(shifted, I32), ir.Constant(I32, _MAGIC_BITS))


def _power_of_two(b: ir.IRBuilder, n: ir.Value) -> ir.Value:
    """2^n for an int32 n in [-126, 127]."""
    return b.bitcast(b.shl(b.add(n, ir.Constant(I32, 127)), ir.Constant(I32, 23)), F32)


def _scale(b: ir.IRBuilder, x: ir.Value, n: ir.Value) -> ir.Value:
    """x * 2^n in two steps, so that subnormal and overflowing results round once."""
    half = b.ashr(n, ir.Constant(I32, 1))
    return b.fmul(b.fmul(x, _power_of_two(b, half)), _power_of_two(b, b.sub(n, half)))


# e^r - 1 - r over r^2 on |r| <= ln2/2.
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LN2_HI, _LN2_LO = 0.693359375, -2.12194440e-4
_LOG2E = 1.44269504088896341


def _exp_reduced(b: ir.IRBuilder, r: ir.Value) -> ir.Value:
    tail = intrinsic(b, "llvm.fma", _polynomial(b, r, _EXP), b.fmul(r, r), r)
    return b.fadd(tail, constant(1.0))


def exp(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """e^x."""
    x = _clamp(b, x, -104.0, 89.0)
    n, k = _nearest(b, b.fmul(x, constant(_LOG2E)))
    r = _fma(b, n, -_LN2_LO, _fma(b, n, -_LN2_HI, x))
    return _scale(b, _exp_reduced(b, r), k)


# (log(1+m) - m + m^2/2) over m^3 on [sqrt(1/2)-1, sqrt(2)-1].
_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip


def log(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The natural logarithm."""
    tiny = b.fcmp_ordered("<", x, constant(1.17549435e-38))
    normal = b.select(tiny, b.fmul(x, constant(8388608.0)), x)
    # Taking the bits of sqrt(1/2) off splits at sqrt(1/2) * 2^k, so that the mantissa lies around one.
    bits = b.sub(b.bitcast(normal, I32), ir.Constant(I32, 0x3F3504F3))
    k = b.sub(b.ashr(bits, ir.Constant(I32, 23)), b.select(tiny, ir.Constant(I32, 23), ir.Constant(I32, 0)))
    mantissa = b.add(b.and_(bits, ir.Constant(I32, 0x007FFFFF)), ir.Constant(I32, 0x3F3504F3))
    m = b.fsub(b.bitcast(mantissa, F32), constant(1.0))
    square = b.fmul(m, m)
    y = b.fmul(b.fmul(_polynomial(b, m, _LOG), m), square)
    e = b.sitofp(k, F32)
    y = _fma(b, e, _LN2_LO, _fma(b, square, -0.5, y))
    result = _fma(b, e, _LN2_HI, b.fadd(m, y))
    result = _select(b, "==", x, float("inf"), x, result)
    result = _select(b, "==", x, 0.0, constant(float("-inf")), result)
    return b.select(b.fcmp_unordered("<", x, constant(0.0)), constant(float("nan")), result)
