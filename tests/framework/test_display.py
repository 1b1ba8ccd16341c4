"""Notebook display: what is shown is what is there, cut where it is long, and escaped."""

from __future__ import annotations

import re

import numpy as np
import pytest

from weft.framework import jit as jits
from weft.framework.builder import GraphBuilder
from weft.framework.display import EDGE, NODES
from weft.framework.dtypes import float32
from weft.framework.graph import Graph
from weft.framework.tensor import Tensor


def cells(html: str) -> list[list[str]]:
    """The texts of a table's cells, row by row."""
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (3, [["3"]]),
        ([1.5, -2.0], [["1.5", "-2"]]),
        ([[True, False], [False, True]], [["True", "False"], ["False", "True"]]),
        ([[1, 2], [3, 4]], [["1", "2"], ["3", "4"]]),
    ],
)
def test_small_tensors_show_every_value(data: object, rows: list[list[str]]) -> None:
    assert cells(Tensor(data)._repr_html_()) == rows


def test_the_caption_says_type_shape_device_and_gradient() -> None:
    html = Tensor([[1.0, 2.0]], device="numpy", requires_grad=True)._repr_html_()
    assert "tensor float32[1, 2] on numpy, requires_grad" in html


def test_long_axes_are_cut_in_the_middle() -> None:
    table = cells(Tensor(np.arange(10_000, dtype=np.int32).reshape(100, 100))._repr_html_())
    assert len(table) == len(table[0]) == 2 * EDGE + 1
    assert (table[0][0], table[0][-1]) == ("0", "99")
    assert table[-1][-1] == "9999"
    assert table[EDGE] == ["…"] * (2 * EDGE + 1)


def test_deep_and_empty_tensors() -> None:
    deep = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    html = Tensor(deep)._repr_html_()
    assert "the slice [0, :, :]" in html
    assert cells(html) == [[str(v) for v in row] for row in deep[0]]
    assert "no elements" in Tensor(np.zeros((0, 3), np.float32))._repr_html_()


def test_a_pending_tensor_is_realised_and_bfloat16_is_readable() -> None:
    assert cells((Tensor([1.0, 2.0]) * 2 + 1)._repr_html_()) == [["3", "5"]]
    assert cells(Tensor([0.1], dtype="bfloat16")._repr_html_()) == [["0.1001"]]


def test_a_traced_tensor_shows_no_value() -> None:
    seen = []

    @jits.jit
    def double(x: Tensor) -> Tensor:
        seen.append(x._repr_html_())
        return x * 2

    double(Tensor([1.0, 2.0]))
    assert seen == ["<pre>tensor(traced, float32[2])</pre>"]


def chain(length: int) -> Graph:
    """``length`` negations of an input."""
    builder = GraphBuilder()
    node = builder.input("x", (2,), float32)
    for _ in range(length):
        node = builder.apply("neg", node)
    return builder.build({"y": node})


def test_a_graph_is_a_table_of_its_nodes() -> None:
    graph = chain(2)
    head, *rows = cells(graph._repr_html_())
    assert head == ["node", "operation", "inputs", "attributes", "type", "from"]
    assert [row[:3] for row in rows] == [["%0", "input", ""], ["%1", "neg", "%0"], ["%2", "neg", "%1"]]
    assert rows[0][3:5] == ["kind=&#x27;input&#x27;, name=&#x27;x&#x27;", "float32[2]"]
    assert "output y = %2" in graph._repr_html_()


def test_a_long_graph_is_counted() -> None:
    html = chain(NODES + 9)._repr_html_()
    assert len(cells(html)) == NODES + 1
    assert "and 10 more nodes" in html


def test_names_are_escaped() -> None:
    builder = GraphBuilder()
    node = builder.input("<script>", (2,), float32)
    html = builder.build({"<b>": node})._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
