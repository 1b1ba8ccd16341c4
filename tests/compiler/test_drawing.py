"""Drawings: every node is in them once, boxes of a row stand apart, and lines lead downwards from box to box."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.framework.small_model import X, Y, make, train_step
from weft.base.errors import WeftError
from weft.compiler import drawing as drawing_module
from weft.compiler.drawing import svg
from weft.compiler.layered import apart, layered
from weft.compiler.listing import drawing
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.tensor import Tensor

SVG = "{http://www.w3.org/2000/svg}"


def _step() -> Graph:
    model, optimizer = make()
    return jit(lambda x, y: train_step(model, optimizer, x, y)).lower(Tensor(X), Tensor(Y))


def test_a_small_graph_is_drawn_as_it_was(golden: Callable[[str, str], None]) -> None:
    b = GraphBuilder()
    x, w = b.input("x <&>", (2, 3), "float32"), b.input("w", (3,), "float32", kind="state")
    product = b.apply("mul", x, b.apply("broadcast_to", w, shape=(2, 3)))
    total = b.apply("sum", product, axes=(0,), keepdims=False)
    graph = b.build({"y": b.apply("mul", product, b.full(0.5, like=product))}, {"w": total})
    text = svg(graph, "graph")
    golden("small-graph.svg", text)
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert {"x <&>", "mul(·, 0.5)", "sum over 0", "output y", "update w", "float32 [2×3]"} <= {*words}


def test_every_node_but_numbers_is_drawn_once() -> None:
    graph = _step()
    root = ElementTree.fromstring(drawing(graph))
    about = [element.text or "" for element in root.iter(f"{SVG}title")]
    drawn = [int(found[1]) for found in (re.match(r"%(\d+) = ", text) for text in about) if found]
    assert len(drawn) == len(set(drawn))
    left = [graph.nodes[i] for i in set(range(len(graph.nodes))) - {*drawn}]
    assert left
    assert {node.op for node in left} <= {"constant", "broadcast_to", "reshape"}
    assert sum(text.startswith("update ") for text in about) == len(graph.updates)
    one = drawing(graph, "layer 2", after="precision")
    assert "<title>graph after pass 12, precision: layer 2</title>" in re.sub(r"pass \d+", "pass 12", one)
    assert 0 < one.count("<rect") < drawing(graph).count("<rect")


def test_too_many_boxes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_module, "MOST_DRAWN", 3)
    with pytest.raises(WeftError, match=r"^graph has \d+ nodes to draw, 3 at most; choose one layer of it$"):
        drawing(_step())


def test_rows_keep_their_distance_and_lines_lead_down() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        count = int(rng.integers(1, 30))
        widths = [float(w) for w in rng.uniform(10, 90, count)]
        pairs = {(int(a), int(b)) for a, b in rng.integers(0, count, (2 * count, 2)) if a < b}
        layout = layered(widths, sorted(pairs), 20, 8, 12)
        boxes = sorted(zip(layout.centres, widths, strict=True), key=lambda box: (box[0][1], box[0][0]))
        for ((x0, y0), w0), ((x1, y1), w1) in itertools.pairwise(boxes):
            assert y0 < y1 or x1 - x0 >= (w0 + w1) / 2 + 8 - 1e-6
        assert all(-1e-6 <= x - w / 2 < x + w / 2 <= layout.width + 1e-6 for (x, _), w in boxes)
        assert all(lower - upper == pytest.approx(32) for (_, upper), (_, lower) in layout.routes)
        assert all(layout.centres[a][1] < layout.centres[b][1] for a, b in pairs)


def test_places_are_the_nearest_that_stand_apart() -> None:
    assert apart([0, 0], [1, 1], [10]) == [-5, 5]
    assert apart([0, 0], [3, 1], [8]) == [-2, 6]
    assert apart([0, 30], [1, 1], [10]) == [0, 30]
    assert apart([], [], []) == []


def test_a_line_without_need_of_crossing_does_not_cross() -> None:
    layout = layered([10] * 4, [(0, 3), (1, 2)], 20, 8, 12)
    x = [centre[0] for centre in layout.centres]
    assert (x[0] < x[1]) == (x[3] < x[2])
