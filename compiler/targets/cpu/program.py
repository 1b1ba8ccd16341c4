"""The steps of an executable as one native function, called once with a table of pointers.

`void run(char** table)`: every loop nest is an internal function, every matrix product a call of sgemm, and the driver
goes through them in order. Nothing is allocated and no Python runs inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from compiler.targets.cpu.blas import NO_TRANSPOSE, ROW_MAJOR, TRANSPOSE, Sgemm
from compiler.targets.cpu.emit import counted, emit_loop, i64
from compiler.targets.cpu.functions import F32
from compiler.targets.cpu.loops import Loop, Window, renumbered
from compiler.targets.cpu.native import NativeModule, compile_module, new_module

POINTER = ir.IntType(8).as_pointer()


@dataclass(frozen=True)
class Gemm:
    """out = a · b over the last two dimensions, float32; transposed operands are windows with swapped strides.

    `a` is [batch…, M, K], `b` [batch…, K, N], `out` [batch…, M, N] and contiguous in its last dimension.
    """

    a: Window
    b: Window
    out: Window


Step = Loop | Gemm


def orientation(window: Window) -> tuple[bool, int] | None:
    """How BLAS would read the last two dimensions of `window`: (transposed, leading dimension), or None if it
    cannot."""
    (rows, columns), (down, across) = window.shape[-2:], window.strides[-2:]
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down if rows > 1 else 0, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return True, max(across if columns > 1 else 0, rows, 1)
    return None


def compile_steps(steps: Sequence[Step], sgemm: Sgemm | None) -> NativeModule:
    """Machine code with the entry `run`. `sgemm` may be None where no step is a Gemm."""
    module = new_module("step")
    functions: dict[str, ir.Function] = {}  # by the loop's text, since 0.0 and -0.0 are equal but other constants
    run = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER.as_pointer()]), "run")
    builder = ir.IRBuilder(run.append_basic_block("entry"))

    def pointer(buffer: int) -> ir.Value:
        return builder.load(builder.gep(run.args[0], [i64(buffer)]))

    for step in steps:
        if isinstance(step, Loop):
            shared, buffers = renumbered(step)
            key = repr(shared)
            if key not in functions:
                functions[key] = emit_loop(module, f"loop{len(functions)}", shared, len(buffers))
            builder.call(functions[key], [pointer(buffer) for buffer in buffers])
        else:
            assert sgemm is not None
            _emit_gemm(builder, step, [pointer(w.buffer) for w in (step.a, step.b, step.out)], sgemm)
    builder.ret_void()
    return compile_module(module)


def _emit_gemm(b: ir.IRBuilder, gemm: Gemm, bases: Sequence[ir.Value], sgemm: Sgemm) -> None:
    """Calls of sgemm, one for each element of the batch dimensions."""
    windows = (gemm.a, gemm.b, gemm.out)
    readings = [reading for w in windows if (reading := orientation(w))]
    assert len(readings) == 3, f"lowering made a window that BLAS cannot read: {gemm}"
    assert readings[2][0] is False, f"lowering made a transposed result: {gemm}"
    m, n = gemm.out.shape[-2:]
    k = gemm.a.shape[-1]
    integer, enum = ir.IntType(sgemm.integer_bits), ir.IntType(32)
    floats = F32.as_pointer()
    kinds = [enum] * 3 + [integer] * 3 + [F32, floats, integer, floats, integer, F32, floats, integer]
    function = b.inttoptr(i64(sgemm.address), ir.FunctionType(ir.VoidType(), kinds).as_pointer())
    batch = gemm.out.shape[:-2]

    def call(counters: list[ir.Value]) -> None:
        if len(counters) < len(batch):
            with counted(b, batch[len(counters)]) as counter:
                call([*counters, counter])
            return
        places = []
        for base, window in zip(bases, windows, strict=True):
            index: ir.Value = i64(window.offset)
            for counter, stride in zip(counters, window.strides, strict=False):
                index = b.add(index, b.mul(counter, i64(stride)))
            places.append(b.gep(b.bitcast(base, floats), [index]))
        (ta, lda), (tb, ldb), (_, ldc) = readings
        flag = [ir.Constant(enum, TRANSPOSE if t else NO_TRANSPOSE) for t in (ta, tb)]
        sizes = [ir.Constant(integer, v) for v in (m, n, k)]
        lda, ldb, ldc = (ir.Constant(integer, v) for v in (lda, ldb, ldc))
        one, zero = ir.Constant(F32, 1.0), ir.Constant(F32, 0.0)
        b.call(
            function,
            [ir.Constant(enum, ROW_MAJOR), *flag, *sizes, one, places[0], lda, places[1], ldb, zero, places[2], ldc],
        )

    if math.prod(gemm.out.shape):
        call([])
