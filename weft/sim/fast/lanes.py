"""The arithmetic of the machine as loops over rows: one compiled loop an operation, compiled when a program uses it.

A loop over one operation runs on the host's vector unit. Kernels call it by its address (``sim.fast.raw.call``), so
that none has to contain every operation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import types

from weft.sim.fast import scalar
from weft.sim.fast.jit import inline, standalone
from weft.sim.fast.raw import call, copy, load, put


def _of_two(x: Any, y: Any, n: int) -> None:
    for i in range(n):
        x[i] = operation(x[i], y[i])  # type: ignore[name-defined]  # noqa: F821 (`standalone` supplies it)


def _of_one(x: Any, y: Any, n: int) -> None:
    for i in range(n):
        x[i] = operation(x[i])  # type: ignore[name-defined]  # noqa: F821 (`standalone` supplies it)


def _from_other(x: Any, y: Any, n: int) -> None:
    for i in range(n):
        x[i] = operation(y[i])  # type: ignore[name-defined]  # noqa: F821 (`standalone` supplies it)


_to: Any = types.CPointer  # numba gives it no types
_POINTER: dict[str, Any] = {"word": _to(types.uint32), "bf16": _to(types.uint16), "int8": _to(types.int8)}
_READ: dict[str, Callable[..., Any]] = {"word": scalar.identity, "bf16": scalar.bf2f, "int8": scalar.i8_to_i32}
_WRITE: dict[str, Callable[..., Any]] = {"word": scalar.identity, "bf16": scalar.f2bf, "int8": scalar.i32_to_i8}


def _loop(template: Any, operation: Callable[..., Any], name: str, x: str = "word", y: str = "word") -> int:
    signature = types.void(_POINTER[x], _POINTER[y], types.int64)
    return int(standalone(template, signature, name, operation=operation).address)


@cache
def binary(name: str) -> int:
    """The loop ``(x, y, n)``: ``x[i] = x[i] OP y[i]`` for words; 0 for ``first``, which needs none."""
    return 0 if name == "first" else _loop(_of_two, scalar.BINARY[name], f"binary_{name}")


@cache
def unary(name: str) -> int:
    """The loop ``(x, y, n)``: ``x[i] = OP x[i]`` for words (``y`` is unused); 0 for ``identity``, which needs none."""
    return 0 if name == "identity" else _loop(_of_one, scalar.UNARY[name], f"unary_{name}")


@cache
def read(element: str) -> int:
    """The loop ``(x, y, n)``: words ``x`` become the elements ``y`` of a type in ``isa.vector_ops.ELEMENTS``."""
    return _loop(_from_other, _READ[element], f"read_{element}", "word", element)


@cache
def write(element: str) -> int:
    """The loop ``(x, y, n)``: elements ``x`` of a type become the words ``y``."""
    return _loop(_from_other, _WRITE[element], f"write_{element}", element, "word")


@inline
def reduce_lanes(join: int, x: int, spare: int, lanes: int) -> None:
    """``lanes`` words at ``x`` become one, at ``x``, as a binary tree; ``spare``: half as many words, overwritten."""
    while lanes > 1:
        half = lanes // 2
        for i in range(half):
            put(spare + 4 * i, load(x + 8 * i + 4))
            put(x + 4 * i, load(x + 8 * i))
        call(join, (x, spare, half))
        if lanes % 2:
            put(x + 4 * half, load(x + 4 * (lanes - 1)))
        lanes = half + lanes % 2


@inline
def join_rows(join: int, rows: int, pitch: int, count: int, lanes: int) -> None:
    """``count`` rows of words, ``pitch`` bytes apart, become one, the first, lane by lane, as a binary tree."""
    while count > 1:
        half = count // 2
        for p in range(half):
            if p:
                copy(rows + p * pitch, rows + 2 * p * pitch, 4 * lanes)
            call(join, (rows + p * pitch, rows + (2 * p + 1) * pitch, lanes))
        if count % 2:
            copy(rows + half * pitch, rows + (count - 1) * pitch, 4 * lanes)
        count = half + count % 2
