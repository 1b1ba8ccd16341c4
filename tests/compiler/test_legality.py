"""What is legal after each pass: every law can be broken, breaking it is found, and by the pass that did it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from weft.compiler import legality
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.passes import pipeline
from weft.compiler.passes.machine_functions import FORMS
from weft.framework.builder import GraphBuilder
from weft.framework.errors import GraphError
from weft.framework.graph import Graph, Subgraph

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}


def _dead() -> Graph:
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    b.apply("neg", x)
    return b.build({"y": b.apply("abs", x)})


def _short_scan() -> Graph:
    body = GraphBuilder()
    carried = body.input("carried", (2,), "float32")
    turn = body.build({"next": body.apply("neg", carried)})
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    attrs = {"body": Subgraph(turn), "carries": 1, "stacked": 0, "length": 3, "reverse": False}
    return b.build({"y": b.apply("scan", x, **attrs)})


def _random_bits() -> Graph:
    b = GraphBuilder()
    key, start = b.input("key", (2,), "uint32"), b.input("start", (2,), "uint32")
    return b.build({"y": b.apply("random_bits", key, start, shape=(4,), word=0)})


def _function(op: str) -> Graph:
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    return b.build({"y": b.apply(op, x)})


def _float32_product() -> Graph:
    b = GraphBuilder()
    x = b.input("x", (2, 2), "float32")
    return b.build({"y": b.apply("matmul", x, x, **PRODUCT)})


def _barrier() -> Graph:
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    return b.build({"y": b.apply("barrier", x, x)})


BROKEN: dict[str, Callable[[], Graph]] = {
    "dead_code": _dead, "unroll": _short_scan, "random_words": _random_bits,
    "machine_functions": lambda: _function(next(iter(FORMS))), "precision": _float32_product, "barriers": _barrier,
}  # fmt: skip


def test_every_law_is_tried() -> None:
    assert BROKEN.keys() == legality.LAWS.keys()
    assert legality.LAWS.keys() <= pipeline.PASSES.keys()


@pytest.mark.parametrize("name", BROKEN)
def test_a_graph_that_breaks_the_law_is_refused_and_one_that_passed_is_not(name: str) -> None:
    graph = BROKEN[name]()
    graph.validate()
    with pytest.raises(GraphError, match=rf"^%\d.* illegal after {name}: "):
        legality.check(graph, [name])
    legality.check(pipeline.PASSES[name](graph), [name])


@pytest.mark.parametrize("name", BROKEN)
def test_a_later_pass_that_brings_it_back_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = BROKEN[name]()
    monkeypatch.setitem(pipeline.PASSES, "algebra", lambda after: graph)
    with pytest.raises(GraphError, match=rf"^after pass algebra: %\d.* illegal after {name}: "):
        pipeline.run(graph, [name, "algebra"])


@pytest.mark.parametrize("name", BROKEN)
def test_a_pass_that_does_nothing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.PASSES, name, lambda graph: graph)
    with pytest.raises(GraphError, match=rf"^after pass {name}: %\d.* illegal after {name}: "):
        pipeline.run(BROKEN[name](), [name])


@pytest.mark.parametrize("name", FORMS)
def test_every_function_that_is_written_out_is_forbidden_then(name: str) -> None:
    with pytest.raises(GraphError, match="illegal after machine_functions"):
        legality.check(_function(name), ["machine_functions"])


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_stay_legal_to_the_end(seed: int) -> None:
    graph = random_graph(seed)
    for names in pipeline.PIPELINES.values():
        legality.check(pipeline.run(graph, names), names)
