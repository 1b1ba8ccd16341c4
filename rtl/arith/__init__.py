"""The arithmetic of the machine as combinational blocks, exact to the bit of ``docs/arithmetic.md``."""

from rtl.arith.add import Bf16Fma, Fp32Add
from rtl.arith.delay import Delay
from rtl.arith.mul import Fp32Mul

__all__ = ["Bf16Fma", "Delay", "Fp32Add", "Fp32Mul"]
