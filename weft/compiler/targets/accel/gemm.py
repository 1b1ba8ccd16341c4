"""A matrix product as a program of its own, for benchmarks."""

from __future__ import annotations

from weft.compiler.targets.accel.compile import compile
from weft.framework.builder import GraphBuilder
from weft.isa.machine import Machine
from weft.isa.program import Program

TYPES = {"bf16": ("bfloat16", "float32"), "int8": ("int8", "int32")}
"""Element type of the operands → their dtype and the result's."""


def gemm_program(
    machine: Machine, m: int, n: int, k: int, type: str = "bf16", transpose_a: bool = False, transpose_b: bool = False
) -> Program:
    """``c = op(a)·op(b)``, DRAM to DRAM: a [m, k] ([k, m] if transposed), b [k, n] ([n, k]), c [m, n].

    type: "bf16" (c is float32) or "int8" (c is int32). Buffers ``a``, ``b`` and ``c``. Raises CompileError.
    """
    dtype, result = TYPES[type]
    b = GraphBuilder()
    left = b.input("a", (k, m) if transpose_a else (m, k), dtype)
    right = b.input("b", (n, k) if transpose_b else (k, n), dtype)
    product = b.apply(
        "matmul", left, right, transpose_a=transpose_a, transpose_b=transpose_b, accumulate=result
    )
    name = f"gemm-{m}x{n}x{k}-{type}-{'T' if transpose_a else 'N'}{'T' if transpose_b else 'N'}"
    return compile(b.build(outputs={"c": product}), machine, name=name)
