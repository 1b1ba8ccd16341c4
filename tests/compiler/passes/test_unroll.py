"""Short scans are written out, scans in scans too; long ones stay."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.passes.unroll import MAX_NODES, unroll
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.reference import run


def _scan(length: int, reverse: bool = False, nested: bool = False) -> Graph:
    inner = GraphBuilder()
    c, x, f = (inner.input(name, (2,), "float32") for name in "cxf")
    after = inner.apply("add", inner.apply("mul", c, f), x)
    body = inner.build({"c": after, "y": inner.apply("sin", after), "c again": after})
    if nested:
        around = GraphBuilder()
        c, x, f = (around.input(name, (2,), "float32") for name in "cxf")
        rows = around.apply("broadcast_to", x, shape=(2, 2))
        turned = around.results("scan", c, rows, f, body=body, carries=1, stacked=1, length=2, reverse=True)
        body = around.build({"c": turned[0], "y": turned[0], "z": turned[0]})
    b = GraphBuilder()
    operands = [b.input("c", (2,), "float32"), b.input("x", (length, 2), "float32"), b.input("f", (2,), "float32")]
    made = b.results("scan", *operands, body=body, carries=1, stacked=1, length=length, reverse=reverse)
    return b.build({f"y{k}": i for k, i in enumerate(made)})


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_the_turns_give_what_the_scan_gave(length: int, reverse: bool, nested: bool) -> None:
    before = _scan(length, reverse, nested)
    after = unroll(before)
    after.validate()
    assert "scan" not in after.ops
    assert unroll(after) is after
    rng = np.random.default_rng(length)
    shapes = {"c": (2,), "x": (length, 2), "f": (2,)}
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    for name, expected in run(before, values)[0].items():
        np.testing.assert_array_equal(run(after, values)[0][name], expected)


def test_a_long_scan_stays() -> None:
    graph = _scan(MAX_NODES)
    assert unroll(graph) is graph
