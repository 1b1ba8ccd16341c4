"""Every primitive of one operand after every other, of every type: what rules look at are such pairs, and few random
graphs hold a given one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from weft.compiler.passes import pipeline
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import DTYPES
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.primitives import PRIMITIVES

NUMBERS = (0.0, 1.0, -1.0, 2.0)
SHAPE = (2, 3)
ROWS = np.array([[-3.0, 0.5, 0.0], [1.0, 2.25, 100.0]])


def _unary() -> dict[str, list[dict[str, Any]]]:
    """Primitives of one operand, and attributes for them."""
    found: dict[str, list[dict[str, Any]]] = {
        "cast": [{"dtype": name} for name in DTYPES],
        "reshape": [{"shape": (3, 2)}, {"shape": SHAPE}], "permute": [{"order": (1, 0)}, {"order": (0, 1)}],
        "broadcast_to": [{"shape": (2, *SHAPE)}, {"shape": SHAPE}],
        "slice": [{"starts": (0, 0), "stops": SHAPE, "steps": steps} for steps in ((1, 1), (1, 2))],
        "sum": [{"axes": (0,), "keepdims": True}, {"axes": (), "keepdims": False}],
        "max": [{"axes": (1,), "keepdims": True}, {"axes": (), "keepdims": False}],
    }  # fmt: skip
    for name, primitive in PRIMITIVES.items():
        if primitive.arity == 1 and primitive.group == "elementwise" and not primitive.attributes:
            found[name] = [{}]
    return found


UNARY = _unary()
BINARY = [n for n, p in PRIMITIVES.items() if p.arity == 2 and p.group == "elementwise" and not p.attributes]


def _each() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, choices in UNARY.items():
        for attrs in choices:
            yield name, attrs


def _append(b: GraphBuilder, op: str, x: int, attrs: dict[str, Any]) -> int | None:
    rank = len(b.shape(x))
    if rank != 2 and op in ("permute", "slice", "broadcast_to", "sum", "max", "reshape"):
        return None
    try:
        if op == "slice":
            attrs = {**attrs, "stops": b.shape(x)}
        if op == "broadcast_to":
            attrs = {"shape": (*attrs["shape"][:-2], *b.shape(x))}
        return b.apply(op, x, **attrs)
    except (DTypeError, ShapeError):
        return None


def _hold(b: GraphBuilder, dtype: str) -> None:
    """Every pipeline takes the graph, and the CPU's keeps its values."""
    graph = b.build({f"y{n}": n for n in range(1, len(b))})
    pipeline.run(graph, "accel")
    after = pipeline.run(graph, "cpu")
    values = {"x": ROWS.astype(DTYPES[dtype].numpy)}
    before, now = reference.run(graph, values)[0], reference.run(after, values)[0]
    for name, value in before.items():
        assert now[name].dtype == value.dtype
        same = np.array_equal(now[name].astype(np.float64), value.astype(np.float64), equal_nan=True)
        assert same, f"{name}: {value} became {now[name]}\n{graph}\n{after}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("first", UNARY)
def test_one_operand_after_another(first: str, dtype: str) -> None:
    for attrs in UNARY[first]:
        b = GraphBuilder()
        inner = _append(b, first, b.input("x", SHAPE, dtype), attrs)
        if inner is None:
            continue
        for op, further in _each():
            _append(b, op, inner, further)
        _hold(b, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_casts_of_casts_of_casts(dtype: str) -> None:
    b = GraphBuilder()
    x = b.input("x", SHAPE, dtype)
    for chain in itertools.product(DTYPES, repeat=3):
        made = x
        for name in chain:
            made = b.apply("cast", made, dtype=name)
    _hold(b, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", BINARY)
def test_with_a_number_on_either_side_and_with_itself(op: str, dtype: str) -> None:
    b = GraphBuilder()
    x = b.input("x", SHAPE, dtype)
    sides: tuple[str | float, ...] = ("x", "neg", *NUMBERS)
    for left, right in itertools.product(sides, repeat=2):
        operands = [
            x if side == "x" else _append(b, "neg", x, {}) if side == "neg" else b.full(float(side), like=x)
            for side in (left, right)
            if side != -1.0 or DTYPES[dtype].signed
        ]
        try:
            given = [i for i in operands if i is not None]
            if len(given) == 2:
                b.apply(op, *given)
        except DTypeError:
            return
    _hold(b, dtype)
