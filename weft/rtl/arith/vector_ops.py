"""One lane's operations of two words and of one, selected by their encoding in ``isa/vector_ops.py``."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.isa.functions import FUNCTIONS
from weft.isa.vector_ops import BINARY, UNARY, VectorOp, index_of
from weft.rtl.arith.add import Fp32Add
from weft.rtl.arith.casts import f2i, i2f
from weft.rtl.arith.floats import NAN, flushed, is_nan
from weft.rtl.arith.functions import FunctionUnit
from weft.rtl.arith.mul import Fp32Mul


def _choose(m: Module, op: Value, table: tuple[VectorOp, ...], results: dict[str, Value], y: Value) -> None:
    with m.Switch(op):
        for name, value in results.items():
            with m.Case(index_of(table, name)):
                m.d.comb += y.eq(value)


def _flush(m: Module, word: Value, name: str) -> Signal:
    result = Signal(32, name=name)
    m.d.comb += result.eq(flushed(word))
    return result


def fp32_less(a: Value, b: Value) -> Value:
    """Whether ``a`` comes before ``b`` in the order of flushed fp32 words with -0 < +0; neither is a NaN."""
    smaller = a[:31] < b[:31]
    return Mux(a[31] ^ b[31], a[31], Mux(a[31], b[:31] < a[:31], smaller))


def fp32_max(m: Module, a: Value, b: Value) -> Value:
    """``fmax(a, b)`` on fp32 words."""
    x, y = _flush(m, a, "max_a"), _flush(m, b, "max_b")
    return Mux(is_nan(a) | is_nan(b), NAN, Mux(fp32_less(x, y), y, x))


class Binary(wiring.Component):
    """``y = a op b`` on words, ``op`` the encoding in ``BINARY``; combinational."""

    def __init__(self) -> None:
        super().__init__({"op": In(range(len(BINARY))), "a": In(32), "b": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.add = add = Fp32Add()
        m.submodules.mul = mul = Fp32Mul()
        a, b = self.a, self.b
        subtract = self.op == index_of(BINARY, "fsub")
        reverse = self.op == index_of(BINARY, "frsub")
        m.d.comb += [
            add.a.eq(Cat(a[:31], a[31] ^ reverse)),
            add.b.eq(Cat(b[:31], b[31] ^ subtract)),
            mul.a.eq(a),
            mul.b.eq(b),
        ]
        x, y = _flush(m, a, "a_flushed"), _flush(m, b, "b_flushed")
        nan, less, equal, signed_less = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            nan.eq(is_nan(a) | is_nan(b)),
            less.eq(fp32_less(x, y)),
            equal.eq(~nan & ((x == y) | ((x[:31] | y[:31]) == 0))),
            signed_less.eq(a.as_signed() < b.as_signed()),
        ]
        below = ~nan & less & ~equal
        conditions = {
            "feq": equal,
            "fne": ~equal,
            "flt": below,
            "fle": below | equal,
            "ieq": a == b,
            "ine": a != b,
            "ilt": signed_less,
            "ile": signed_less | (a == b),
        }
        results = {
            "first": a,
            "second": b,
            "fadd": add.y,
            "fsub": add.y,
            "frsub": add.y,
            "fmul": mul.y,
            "fmin": Mux(nan, NAN, Mux(less, x, y)),
            "fmax": Mux(nan, NAN, Mux(less, y, x)),
            "iadd": a + b,
            "isub": a - b,
            "imul": a * b,
            "imin": Mux(signed_less, a, b),
            "imax": Mux(signed_less, b, a),
            "and": a & b,
            "or": a | b,
            "xor": a ^ b,
            "andn": ~a & b,
            "shl": (a << b[:5])[:32],
            "shr": a.as_signed() >> b[:5],
            "ushr": a >> b[:5],
        }
        results |= {name: Mux(condition, (1 << 32) - 1, 0) for name, condition in conditions.items()}
        _choose(m, self.op, BINARY, results, self.y)
        return m


class Unary(wiring.Component):
    """``y = f(x)`` on words, ``op`` the encoding of f in ``UNARY``; combinational."""

    def __init__(self) -> None:
        super().__init__({"op": In(range(len(UNARY))), "x": In(32), "y": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.function = function = FunctionUnit()
        x, flat = self.x, _flush(m, self.x, "x_flushed")
        nan = is_nan(x)
        m.d.comb += function.x.eq(x)
        with m.Switch(self.op):
            for name in FUNCTIONS:
                with m.Case(index_of(UNARY, name)):
                    m.d.comb += function.op.eq(FUNCTIONS.index(name))
        results = {
            "identity": x,
            "relu": Mux(nan, NAN, Mux(x[31], 0, flat)),
            "fabs": Mux(nan, NAN, flat[:31]),
            "fneg": Mux(nan, NAN, Cat(flat[:31], ~x[31])),
            "i2f": i2f(m, x),
            "f2i": f2i(m, x),
        }
        results |= dict.fromkeys(FUNCTIONS, function.y)
        _choose(m, self.op, UNARY, results, self.y)
        return m
