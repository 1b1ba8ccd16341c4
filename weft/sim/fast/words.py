"""Words: 32-bit patterns, their float view, flushing and the canonical NaN, for compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from weft.sim.fast.jit import inline

Word = np.uint32
NAN = Word(0x7FC00000)
INF = Word(0x7F800000)
SIGN = Word(0x80000000)
MAGNITUDE = Word(0x7FFFFFFF)
SMALLEST = Word(0x00800000)
"""The smallest normal number, 2^-126."""
ONES = Word(0xFFFFFFFF)
ZERO = Word(0)


def _bitcast(source: Any, target: Any) -> Any:
    def reinterpret(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return intrinsic(reinterpret)


as_float: Any = _bitcast(types.uint32, types.float32)
"""The fp32 number that a word stands for."""
as_word: Any = _bitcast(types.float32, types.uint32)
"""The word of an fp32 number."""


@intrinsic
def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """IEEE ``a * b + c`` of three float32 with one rounding (gradual underflow)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        single = ir.FloatType()
        function = builder.module.declare_intrinsic("llvm.fma", [single], ir.FunctionType(single, [single] * 3))
        return builder.call(function, arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


fused: Any = _fused


@inline
def flush(word: Word) -> Word:
    """A subnormal word becomes zero with its sign; every other word is unchanged."""
    return Word(word if word & INF else word & SIGN)


@inline
def is_nan(word: Word) -> np.bool:
    """Whether a word is any NaN."""
    return word & MAGNITUDE > INF


@inline
def finish(number: np.float32) -> Word:
    """The word of a float32 result: subnormals flushed, NaN canonical. The caller rules out the sliver."""
    word = as_word(np.float32(number))
    magnitude = word & MAGNITUDE
    return Word(NAN if magnitude > INF else (word & SIGN if magnitude < SMALLEST else word))
