"""Memory by address, and calls by address, in compiled code: no array to describe, no code to link in.

Addresses are int64. Nothing is checked; who passes an address keeps alive what lies there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BYTE, _WORD = ir.IntType(8), ir.IntType(32)
_I64 = types.int64
_tuple_of: Any = types.UniTuple  # numba gives it no types


def _calling(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the function at ``address`` with ``arguments``, a tuple of int64; it returns nothing."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, packed = values
        function = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * len(arguments)).as_pointer()
        unpacked = [builder.extract_value(packed, i) for i in range(len(arguments))]
        builder.call(builder.inttoptr(place, function), unpacked)
        return context.get_dummy_value()

    packed = _tuple_of(_I64, len(arguments))
    return types.void(_I64, packed), generate


def _copying(typing_context: Any, target: Any, source: Any, size: Any) -> Any:
    """Copy ``size`` bytes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _BYTE.as_pointer()
        to, from_ = (builder.inttoptr(value, pointer) for value in values[:2])
        move = builder.module.declare_intrinsic("llvm.memmove", [pointer, pointer, ir.IntType(64)])
        builder.call(move, [to, from_, values[2], ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(_I64, _I64, _I64), generate


def _loading(typing_context: Any, address: Any) -> Any:
    """The word at ``address``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(builder.inttoptr(values[0], _WORD.as_pointer()), align=4)

    return types.uint32(_I64), generate


def _storing(typing_context: Any, address: Any, word: Any) -> Any:
    """Put ``word``, an integer of which the low 32 bits count, to ``address``."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, value = values
        if value.type.width > _WORD.width:
            value = builder.trunc(value, _WORD)
        builder.store(value, builder.inttoptr(place, _WORD.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(_I64, types.uint32 if word == types.uint32 else _I64), generate


call: Any = intrinsic(_calling)
copy: Any = intrinsic(_copying)
load: Any = intrinsic(_loading)
put: Any = intrinsic(_storing)
