"""The arithmetic of the machine as combinational blocks, exact to the bit of ``docs/arithmetic.md``."""

from weft.rtl.arith.add import Bf16Fma, Fp32Add
from weft.rtl.arith.casts import bf2f, f2bf, f2i, i2f, i8_to_i32, i32_to_i8
from weft.rtl.arith.delay import Delay
from weft.rtl.arith.functions import FunctionUnit
from weft.rtl.arith.mul import Fp32Mul
from weft.rtl.arith.vector_ops import Binary, Unary, fp32_max

__all__ = [
    "Bf16Fma",
    "Binary",
    "Delay",
    "Fp32Add",
    "Fp32Mul",
    "FunctionUnit",
    "Unary",
    "bf2f",
    "f2bf",
    "f2i",
    "fp32_max",
    "i2f",
    "i8_to_i32",
    "i32_to_i8",
]
