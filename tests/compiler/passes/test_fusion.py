"""Which nodes share a loop: by example, and as properties of random graphs."""

from __future__ import annotations

import pytest

from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.passes.fusion import MAX_NODES, fusion_groups, index_space
from weft.framework.builder import GraphBuilder

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}


def test_a_chain_and_the_sum_at_its_end_are_one_group() -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 5), "float32")
    e = b.apply("exp", x)
    n = b.apply("neg", e)
    s = b.apply("sum", n, axes=(1,), keepdims=False)
    _, group = fusion_groups(b.build({"y": s}))
    assert (group.nodes, group.space, group.stored) == ((e, n, s), (4, 5), (s,))


def test_an_update_and_its_momentum_are_one_group() -> None:
    b = GraphBuilder()
    p, v, g = (b.input(name, (3,), "float32", "state") for name in "pvg")
    decayed = b.apply("mul", v, b.full(0.9, like=v))
    new = b.apply("add", decayed, g)
    moved = b.apply("sub", p, new)
    group = fusion_groups(b.build(updates={"v": new, "p": moved}))[-1]
    assert (group.nodes, group.stored) == ((decayed, new, moved), (new, moved))


def test_a_value_that_a_product_has_read_closes_its_group() -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 4), "float32")
    e = b.apply("exp", x)
    m = b.apply("matmul", e, e, **PRODUCT)
    y = b.apply("add", e, m)
    groups = fusion_groups(b.build({"y": y}))
    assert [group.nodes for group in groups] == [(x,), (e,), (m,), (y,)]


def test_what_depends_on_a_sum_of_the_group_stays_outside() -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 5), "float32")
    e = b.apply("exp", x)
    s = b.apply("sum", e, axes=(1,), keepdims=True)
    spread = b.apply("broadcast_to", s, shape=(4, 5))
    y = b.apply("div", e, spread)
    groups = [group.nodes for group in fusion_groups(b.build({"y": y}))]
    assert groups == [(x,), (e, s), (spread,), (y,)]


@pytest.mark.parametrize("seed", range(60))
def test_groups_cover_the_live_graph_in_a_legal_order(seed: int) -> None:
    graph = random_graph(seed, 40)
    groups = fusion_groups(graph)
    assert sorted(i for group in groups for i in group.nodes) == sorted(graph.live)
    done: set[int] = set()
    for group in groups:
        inside = set(group.nodes)
        for i in group.nodes:
            node = graph.nodes[i]
            assert all(source in done or source in inside for source in node.inputs)
            assert group.space == index_space(graph, node)
            read_outside = any(user not in inside for user in graph.uses[i] if user in graph.live)
            assert (i in group.stored) == (read_outside or i in graph.results)
        done |= inside


def test_long_graphs_need_no_recursion() -> None:
    b = GraphBuilder()
    x = b.input("x", (2,), "float32")
    y = x
    for n in range(20_000):
        y = b.apply("add", y, x) if n % 3 else b.apply("sum", b.apply("exp", y), axes=(), keepdims=False)
    assert len(fusion_groups(b.build({"y": y}))) > 5_000


def test_a_full_group_takes_no_other() -> None:
    b = GraphBuilder()
    chains = []
    for name in "xyz":
        value = b.input(name, (2,), "float32")
        for _ in range(MAX_NODES // 2):
            value = b.apply("exp", value)
        chains.append(value)
    both = b.apply("add", chains[0], chains[1])
    graph = b.build({"y": b.apply("mul", both, chains[2])})
    loops = [group for group in fusion_groups(graph) if group.space is not None and len(group.nodes) > 1]
    # Each of the two nodes takes one chain; a second one would be a node too many.
    assert [len(group.nodes) for group in loops] == [MAX_NODES // 2, MAX_NODES // 2 + 1, MAX_NODES // 2 + 1]
