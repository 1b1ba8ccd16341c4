"""The checks of lab 2: here those of passes.py, then those of algebra.py and manager.py.

Values are compared bit for bit, numbers of nodes with reachability and with fingerprints of the values.
"""

from __future__ import annotations

from collections.abc import Callable

import ir
import numpy as np
import passes
from comparing import (
    DEEP,
    apply_pass,
    check_graph,
    check_values,
    closure,
    input_values,
    must_work,
    needed,
    random_graph,
)
from later_checks import *  # noqa: F403  the checks of the last two holes, in their order

from weft.lab import Difference, check, expect


def reachable(graph: ir.Graph) -> set[int]:
    """What the outputs depend on."""
    return {int(i) for i in np.flatnonzero(closure(graph)[list(graph.outputs)].any(axis=0))}


# --- live-nodes


@check("live-nodes")
def live_in_small_graphs() -> None:
    """Everything behind an output is live, also through several nodes; what stands beside or after is not."""
    b = ir.Builder()
    x, y = b.input("x"), b.input("y")
    e, dead = b.apply("exp", x), b.apply("log", y)
    s = b.apply("add", e, x)
    after = b.apply("relu", s)
    expect(passes.live_nodes(b.build(s)), {x, e, s}, "live nodes of exp(x) + x, with log(y) aside and a relu behind")
    expect(passes.live_nodes(b.build(dead, e)), {x, y, e, dead}, "live nodes when exp(x) and log(y) are outputs")
    expect(passes.live_nodes(b.build(after, after)), {x, e, s, after}, "live nodes when one node is an output twice")
    expect(passes.live_nodes(b.build(x)), {x}, "live nodes when an input is the output")


@check("live-nodes")
def live_in_random_graphs() -> None:
    """The same for random graphs, against a closure of the edges."""
    for seed in range(10):
        graph = random_graph(seed)
        expect(set(passes.live_nodes(graph)), reachable(graph), f"live nodes of random graph {seed}")


@check("live-nodes")
def live_in_deep_graphs() -> None:
    """A chain of 20,000 nodes, and 40 additions x + x, which have 2^40 paths."""
    b = ir.Builder()
    x = b.input("x")
    for _ in range(DEEP):
        x = b.apply("relu", x)
    with must_work(f"live nodes of a chain of {DEEP:,}", "a set"):
        expect(len(passes.live_nodes(b.build(x))), DEEP + 1, f"live nodes of a chain of {DEEP:,}: how many")
    b = ir.Builder()
    x = b.input("x")
    for _ in range(40):
        x = b.apply("add", x, x)
    expect(len(passes.live_nodes(b.build(x))), 41, "live nodes of 40 doublings: how many")


# --- dead-code


@check("dead-code")
def dead_code_by_hand() -> None:
    """A small graph becomes exactly the graph one would write: order kept, inputs kept, outputs in their order."""
    b = ir.Builder()
    x, unused = b.input("x"), b.input("unused")
    b.apply("log", unused)
    e = b.apply("exp", x)
    b.apply("add", e, e)
    r = b.apply("relu", e)
    with must_work("dead code of a small graph", "a graph"):
        found = passes.dead_code(b.build(r, e, r))
    w = ir.Builder()
    x = w.input("x")
    w.input("unused")
    e = w.apply("exp", x)
    r = w.apply("relu", e)
    check_graph(found, w.build(r, e, r), "dead code of a small graph, outputs relu(exp(x)), exp(x), relu(exp(x))")


@check("dead-code")
def dead_code_of_random_graphs() -> None:
    """Random graphs keep their values and exactly their live nodes and inputs; a second run changes nothing."""
    for seed in range(10):
        graph = random_graph(seed)
        what = f"dead code of random graph {seed}"
        found = apply_pass(passes.dead_code, graph, what)
        inputs = {i for i, node in enumerate(graph.nodes) if node.op == "input"}
        check_values(graph, found, what)
        expect(len(found.nodes), len(reachable(graph) | inputs), f"{what}: number of nodes")
        check_graph(passes.dead_code(found), found, f"{what}, a second time")


# --- rewrite


@check("rewrite")
def copies_what_the_rule_leaves() -> None:
    """With a rule that always answers None the copy is equal; the rule sees each node once, in order."""
    graph = random_graph(1)
    seen: list[ir.Node] = []

    def rule(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> None:
        seen.append(node)
        what = f"inputs given to the rule for %{len(seen) - 1}"
        expect(type(inputs).__name__, "tuple", f"{what}: their type")
        expect(inputs, node.inputs, f"{what}, while nothing is replaced")

    found = passes.rewrite(graph, rule)
    expect([node.op for node in seen], [node.op for node in graph.nodes], "operations of the nodes given to the rule")
    check_graph(found, graph, "a graph rewritten by a rule that always answers None")


@check("rewrite")
def replaces_nodes_and_their_readers() -> None:
    """A rule that gives another node in a node's place; readers and outputs follow, and no copy is left."""
    b = ir.Builder()
    x = b.input("x", (2,))
    e = b.apply("exp", x)
    first, second = b.apply("relu", e), b.apply("relu", x)
    total = b.apply("add", first, second)
    graph = b.build(total, second, first)

    shown: list[ir.Node] = []

    def skip_relu(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int | None:
        shown.append(node)
        return inputs[0] if node.op == "relu" else None

    with must_work("rewriting relu(a) to a", "a graph"):
        found = passes.rewrite(graph, skip_relu)
    w = ir.Builder()
    x = w.input("x", (2,))
    e = w.apply("exp", x)
    total = w.apply("add", e, x)
    check_graph(found, w.build(total, x, e), "relu(exp(x)) + relu(x), with relu(a) rewritten to a")
    for i, (node, old) in enumerate(zip(shown, graph.nodes, strict=True)):
        if node != old:
            what = f"the node given to the rule for %{i} of relu(exp(x)) + relu(x), with relu(a) rewritten to a"
            raise Difference(what, f"the node of the old graph, {old}", str(node))


@check("rewrite")
def lets_the_rule_append() -> None:
    """A rule that appends nodes of its own shifts the indices after it; inputs are indices of the new graph."""
    b = ir.Builder()
    x, y = b.input("x"), b.input("y")
    s = b.apply("sub", x, y)
    graph = b.build(b.apply("sub", b.apply("exp", s), s))

    def sub_to_add(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int | None:
        if node.op != "sub":
            return None
        minus = builder.apply("mul", inputs[1], builder.constant(-1.0))
        return builder.apply("add", inputs[0], minus)

    with must_work("rewriting a - b to a + b·(-1)", "a graph"):
        found = passes.rewrite(graph, sub_to_add)
    w = ir.Builder()
    x, y = w.input("x"), w.input("y")
    minus = w.constant(-1.0)
    s = w.apply("add", x, w.apply("mul", y, minus))
    e, minus = w.apply("exp", s), w.constant(-1.0)
    wanted = w.build(w.apply("add", e, w.apply("mul", s, minus)))
    check_graph(found, wanted, "exp(x - y) - (x - y), with a - b rewritten to a + b·(-1)")


# --- common-subexpressions


STAND_INS: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda a, b: ((a + b) * 9.1 + 0.3) % 1,
    "mul": lambda a, b: ((a * b) * 8.7 + 0.2) % 1,
    "exp": lambda a: (a * 5.3 + 0.7) % 1,
    "relu": lambda a: (a * 6.1 + 0.4) % 1,
    "transpose": lambda a: (a.T * 4.7 + 0.9) % 1,
}
"""Other functions with the same symmetries; under them no two different computations agree by chance, as exp(x) and
relu(exp(x)) do."""


def different(graph: ir.Graph) -> int:
    """How many different values the nodes have under the stand-ins."""
    given = input_values(graph, 1000)
    values: list[np.ndarray] = []
    for node in graph.nodes:
        if node.op == "input":
            values.append(given[str(dict(node.attrs)["name"])].astype(float))
        elif node.op == "constant":
            values.append(node.value.astype(float))
        else:
            values.append(STAND_INS[node.op](*(values[i] for i in node.inputs)))
    return len({value.tobytes() for value in values})


def merged(builder: ir.Builder, outputs: tuple[int, ...], count: int, what: str) -> ir.Graph:
    """Check the number of nodes after common subexpressions, and the values."""
    graph = builder.build(*outputs)
    found = apply_pass(passes.common_subexpressions, graph, what)
    check_values(graph, found, what)
    told = f"{what}: nodes after merging ({len(graph.nodes)} before)"
    if len(found.nodes) != count:
        raise Difference(told, str(count), f"{len(found.nodes)}:\n{found}")
    return found


@check("common-subexpressions")
def merges_what_is_equal() -> None:
    """Repeats become one, along whole chains and with exchanged operands; sub, div and matmul keep their order."""
    b = ir.Builder()
    x = b.input("x", (2, 2))
    merged(b, (b.apply("exp", x), b.apply("exp", x)), 2, "exp(x), exp(x)")
    b = ir.Builder()
    x, y = b.input("x", (2, 2)), b.input("y", (2, 2))
    chains = [b.apply("relu", b.apply("exp", b.apply("add", x, y))) for _ in range(2)]
    merged(b, tuple(chains), 5, "relu(exp(x + y)) twice")
    for op, count in (("add", 3), ("mul", 3), ("sub", 4), ("div", 4), ("matmul", 4)):
        b = ir.Builder()
        x, y = b.input("x", (2, 2)), b.input("y", (2, 2))
        merged(b, (b.apply(op, x, y), b.apply(op, y, x)), count, f"{op}(x, y), {op}(y, x)")
    b = ir.Builder()
    x, y = b.input("x"), b.input("y")
    s, e = b.apply("add", x, y), b.apply("exp", x)
    t = b.apply("add", y, x)
    found = merged(b, (e, t, s), 4, "x + y, exp(x), y + x")
    check_graph(found, ir.Graph(b.build().nodes[:4], (e, s, s)), "x + y, exp(x), y + x: the first of two equals stays")


@check("common-subexpressions")
def keeps_what_differs() -> None:
    """Other attributes, other shapes, other dtypes, 0.0 beside -0.0, and a last digit make other values."""
    b = ir.Builder()
    x = b.input("x", (2, 2))
    merged(b, (b.apply("sum", x, axes=(0,)), b.apply("sum", x, axes=(1,))), 3, "sum over axis 0, sum over axis 1")
    b = ir.Builder()
    merged(b, (b.constant(0.0), b.constant(-0.0)), 2, "constants 0.0, -0.0")
    b = ir.Builder()
    merged(b, (b.constant([1.0, 2.0]), b.constant([[1.0, 2.0]])), 2, "constants [1, 2], [[1, 2]] (the same bytes)")
    b = ir.Builder()
    merged(b, (b.constant([0.0], "float64"), b.constant([0.0, 0.0], "float32")), 2, "float64 [0], float32 [0, 0]")
    b = ir.Builder()
    merged(b, (b.constant([0.0], "float64"), b.constant([0.0], "float32")), 2, "float64 [0], float32 [0]")
    b = ir.Builder()
    merged(b, (b.constant(1.0), b.constant(np.nextafter(1.0, 2.0))), 2, "constants 1 and the next larger float64")
    b = ir.Builder()
    plain, other = np.zeros(20), np.zeros(20)
    other[9] = -0.0
    merged(b, (b.constant(plain), b.constant(other)), 2, "20 zeros, and 20 zeros of which the tenth is -0.0")
    other[9] = 1.0
    b = ir.Builder()
    merged(b, (b.constant(plain), b.constant(other)), 2, "20 zeros, and 20 zeros of which the tenth is 1")
    for value in ([1.0, 2.0], [np.nan]):
        b = ir.Builder()
        merged(b, (b.constant(value), b.constant(value)), 1, f"constants {value}, {value}")


@check("common-subexpressions")
def merges_random_graphs() -> None:
    """Random graphs keep their values, and have as many nodes as there are different values among them."""
    for seed in range(10):
        graph = random_graph(seed)
        what = f"common subexpressions of random graph {seed}"
        found = apply_pass(passes.common_subexpressions, graph, what)
        check_values(graph, found, what)
        expect(len(found.nodes), different(graph), f"{what}: number of nodes, against different values")
        check_graph(passes.common_subexpressions(found), found, f"{what}, a second time")


# --- constant-folding


def folded(graph: ir.Graph, live: int, what: str) -> ir.Graph:
    """Check values after folding, and how many nodes the outputs still depend on."""
    found = apply_pass(passes.constant_folding, graph, what)
    check_values(graph, found, what)
    if needed(found) != live:
        told = f"{what}: nodes that the outputs depend on, after folding ({needed(graph)} before)"
        raise Difference(told, str(live), f"{needed(found)}:\n{found}")
    return found


@check("constant-folding")
def folds_constants_alone() -> None:
    """Constants become one constant along whole chains; what depends on an input stays."""
    b = ir.Builder()
    two, three = b.constant(2.0), b.constant(3.0)
    folded(b.build(b.apply("mul", two, three)), 1, "2·3")
    b = ir.Builder()
    x, two = b.input("x"), b.constant(2.0)
    chain = b.apply("exp", b.apply("log", b.apply("add", two, two)))
    folded(b.build(b.apply("mul", x, chain)), 3, "x · exp(log(2 + 2))")
    b = ir.Builder()
    x, two = b.input("x"), b.constant(2.0)
    folded(b.build(b.apply("add", b.apply("mul", x, two), two)), 4, "x·2 + 2")
    b = ir.Builder()
    x = b.input("x")
    folded(b.build(b.apply("exp", x)), 2, "exp(x)")


@check("constant-folding")
def folds_exactly() -> None:
    """The constant has the dtype and every bit of what ir.compute gives; infinities and NaN are values too."""
    for dtype in ("float32", "float64"):
        b = ir.Builder()
        third = b.apply("div", b.constant(1.0, dtype), b.constant(3.0, dtype))
        folded(b.build(b.apply("exp", b.apply("mul", third, third))), 1, f"exp((1/3)·(1/3)) in {dtype}")
        b = ir.Builder()
        array = b.constant([[0.1, 0.2, 0.3], [1e8, 1.0, -1e8]], dtype)
        folded(b.build(b.apply("sum", array, axes=(1,))), 1, f"sum of a {dtype}[2, 3] over axis 1")
    b = ir.Builder()
    zero, minus = b.constant(0.0), b.constant(-1.0)
    outputs = b.apply("div", minus, zero), b.apply("log", minus), b.apply("mul", zero, minus)
    folded(b.build(*outputs), 3, "-1/0, log(-1), 0·(-1)")


@check("constant-folding")
def folds_up_to_the_limit() -> None:
    """A result of LIMIT elements is folded, one of LIMIT + 1 is not; what goes in may be larger."""
    limit = passes.LIMIT
    for size, live in ((limit, 1), (limit + 1, 2)):
        b = ir.Builder()
        folded(b.build(b.apply("broadcast", b.constant(2.0), shape=(size,))), live, f"2 stretched to {size} elements")
    b = ir.Builder()
    large = b.constant(np.arange(limit + 1.0))
    folded(b.build(b.apply("sum", large, axes=(0,))), 1, f"the sum of {limit + 1} elements")


@check("constant-folding")
def folds_random_graphs() -> None:
    """Random graphs keep their values, nothing foldable is left, and a second run changes nothing."""
    for seed in range(10):
        graph = random_graph(seed, folded=True)
        what = f"folding random graph {seed}"
        found = apply_pass(passes.constant_folding, graph, what)
        check_values(graph, found, what, special=seed % 2 == 1)
        known = [i for i, node in enumerate(found.nodes) if node.op == "constant"]
        left = [f"%{i}" for i, n in enumerate(found.nodes) if n.inputs and all(k in known for k in n.inputs)]
        expect(left, [], f"{what}: operations on constants alone that are left")
        check_graph(passes.constant_folding(found), found, f"{what}, a second time")
