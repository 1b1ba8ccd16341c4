"""The checks of algebra.py and manager.py: which identities hold for every float, and running to a fixed point."""

from __future__ import annotations

import algebra
import ir
import manager
import passes
import sample
from comparing import (
    SPECIAL,
    Pass,
    apply_pass,
    check_graph,
    check_values,
    must_work,
    needed,
    random_graph,
    same_bits,
)

from weft.lab import Difference, check, expect

# --- algebra

SIDES = ("x + c", "c + x", "x - c", "c - x", "x * c", "c * x", "x / c", "c / x")
OPERATIONS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def with_constant(text: str, number: float, dtype: str, stretched: bool) -> ir.Graph:
    """The graph of, say, ``x - c``, with c = number."""
    b = ir.Builder()
    x = b.input("x", (6,), dtype)
    c = b.apply("broadcast", b.constant(number, dtype), shape=(6,)) if stretched else b.constant([number] * 6, dtype)
    left, sign, right = text.split()
    return b.build(b.apply(OPERATIONS[sign], *({"x": x, "c": c}[side] for side in (left, right))))


def simplified(graph: ir.Graph, live: int, what: str) -> None:
    """Check the values after algebra on every special number, and then how many nodes the outputs depend on."""
    found = apply_pass(algebra.algebra, graph, what)
    names = [str(dict(node.attrs)["name"]) for node in graph.nodes if node.op == "input"]
    shapes = [node.shape for node in graph.nodes if node.op == "input"]
    if names == ["x"] and shapes[0] == SPECIAL.shape:
        for i, number in enumerate(SPECIAL):
            wanted, got = (ir.evaluate(g, {"x": SPECIAL})[0] for g in (graph, found))
            if wanted.shape == got.shape == SPECIAL.shape and not same_bits(got, wanted)[i]:
                told = f"{what} is not always so: its value at x = {number.item()}"
                raise Difference(told, repr(wanted[i].item()), repr(got[i].item()))
    check_values(graph, found, what, special=True)
    if needed(found) != live:
        told = f"{what}: nodes that the output depends on, after algebra ({needed(graph)} before)"
        raise Difference(told, str(live), f"{needed(found)}:\n{found}")


@check("algebra")
def identities_with_a_constant() -> None:
    """x + c, x - c, x * c, x / c and their mirror images with c = 0.0, -0.0, 1.0, each on -0.0, 0.0, ±inf and NaN."""
    true = {("x + c", -0.0), ("c + x", -0.0), ("x - c", 0.0), ("x * c", 1.0), ("c * x", 1.0), ("x / c", 1.0)}
    named = {(text, str(number)) for text, number in true}
    for text in SIDES:
        for number in (0.0, -0.0, 1.0):
            for dtype, stretched in (("float64", False), ("float32", True)):
                graph = with_constant(text, number, dtype, stretched)
                stays = (text, str(number)) not in named
                shown = text.replace("c", str(number)) + ("" if not stretched else f" (a stretched {dtype} scalar)")
                simplified(graph, needed(graph) if stays else 1, shown)
    b = ir.Builder()
    x = b.input("x", (2,))
    simplified(b.build(b.apply("mul", x, b.constant([1.0, 2.0]))), 3, "x * [1.0, 2.0]")


@check("algebra")
def identities_without_one() -> None:
    """x - x, x / x, (x + y) - y, exp(log(x)) and log(exp(x)) stay as they are."""
    for op in ("sub", "div"):
        b = ir.Builder()
        x = b.input("x", (6,))
        simplified(b.build(b.apply(op, x, x)), 2, f"{op}(x, x)")
    for inner, outer in (("log", "exp"), ("exp", "log")):
        b = ir.Builder()
        x = b.input("x", (6,))
        simplified(b.build(b.apply(outer, b.apply(inner, x))), 3, f"{outer}({inner}(x))")
    b = ir.Builder()
    x, y = b.input("x", (6,)), b.input("y", (6,))
    simplified(b.build(b.apply("sub", b.apply("add", x, y), y)), 4, "(x + y) - y")


@check("algebra")
def movements_that_move_nothing() -> None:
    """Transposes in pairs, reshapes and broadcasts to the same shape, reshapes of reshapes."""
    b = ir.Builder()
    x = b.input("x", (2, 3))
    t = b.apply("transpose", x)
    simplified(b.build(b.apply("exp", t)), 3, "exp(transpose(x))")
    simplified(b.build(b.apply("transpose", t)), 1, "transpose(transpose(x))")
    simplified(b.build(b.apply("transpose", b.apply("transpose", b.apply("transpose", t)))), 1, "four transposes")
    simplified(b.build(b.apply("reshape", x, shape=(2, 3))), 1, "reshape of a [2, 3] to [2, 3]")
    simplified(b.build(b.apply("reshape", x, shape=(3, 2))), 2, "reshape of a [2, 3] to [3, 2]")
    simplified(b.build(b.apply("broadcast", x, shape=(2, 3))), 1, "broadcast of a [2, 3] to [2, 3]")
    simplified(b.build(b.apply("broadcast", x, shape=(1, 2, 3))), 2, "broadcast of a [2, 3] to [1, 2, 3]")
    r = b.apply("reshape", b.apply("reshape", x, shape=(6,)), shape=(3, 2))
    simplified(b.build(r), 2, "reshape of a [2, 3] to [6] to [3, 2]")


@check("algebra")
def simplifies_random_graphs() -> None:
    """Random graphs with ones and zeros in them keep their values, also on infinities, NaN and -0.0."""
    for seed in range(10):
        graph = random_graph(seed, folded=True)
        found = apply_pass(algebra.algebra, graph, f"algebra of random graph {seed}")
        for special in (False, True):
            check_values(graph, found, f"algebra of random graph {seed}", special)


# --- pass-manager


def countdown(op: str, to: str) -> Pass:
    """A pass that turns the first node ``op`` into ``to``, both of one operand; the number of nodes stays."""

    def function(graph: ir.Graph) -> ir.Graph:
        nodes = list(graph.nodes)
        place = next((i for i, node in enumerate(nodes) if node.op == op), None)
        if place is not None:
            old = nodes[place]
            nodes[place] = ir.Node(to, old.inputs, old.attrs, old.shape, old.dtype)
        return ir.Graph(tuple(nodes), graph.outputs)

    function.__name__ = f"{op}_to_{to}"
    return function


def chain(*ops: str) -> ir.Graph:
    """Operations of one operand after each other."""
    b = ir.Builder()
    x = b.input("x")
    for op in ops:
        x = b.apply(op, x)
    return b.build(x)


def managed(graph: ir.Graph, list_of_passes: list[Pass], what: str, rounds: int = 20) -> tuple[ir.Graph, list[str]]:
    """Run the manager; stop it if it does not stop by itself."""
    calls = 0

    def limited(function: Pass) -> Pass:
        def run(graph: ir.Graph) -> ir.Graph:
            nonlocal calls
            calls += 1
            if calls > rounds * len(list_of_passes):
                raise Difference(f"{what}: calls of passes", f"at most {rounds} rounds", "another call")
            return function(graph)

        run.__name__ = function.__name__
        return run

    return manager.run_passes(graph, [limited(function) for function in list_of_passes], rounds)


@check("pass-manager")
def runs_to_a_fixed_point() -> None:
    """Rounds go on until a whole one changes nothing, also when the number of nodes stays; the names tell which did."""
    e_to_r, l_to_e = countdown("exp", "relu"), countdown("log", "exp")
    what = "exp → log → exp, with passes exp_to_relu, log_to_exp (each changes one node)"
    with must_work(what, "a fixed point"):
        found, names = managed(chain("exp", "log", "exp"), [e_to_r, l_to_e], what)
    check_graph(found, chain("relu", "relu", "relu"), what)
    wanted = ["exp_to_relu", "log_to_exp", "exp_to_relu", "exp_to_relu"]
    expect(names, wanted, f"{what}: names of those that changed it")
    what = "relu, with nothing to do"
    with must_work(what, "the same graph"):
        found, names = managed(chain("relu"), [e_to_r, l_to_e], what)
    check_graph(found, chain("relu"), what)
    expect(names, [], f"{what}: names of those that changed it")
    with must_work("one change in round 1, none in round 2, rounds=2", "a fixed point"):
        managed(chain("exp"), [e_to_r], "one change, rounds=2", rounds=2)


def refusal(graph: ir.Graph, list_of_passes: list[Pass], what: str, rounds: int = 20) -> str:
    """The text of the GraphError that the manager raises."""
    try:
        _, names = managed(graph, list_of_passes, what, rounds)
    except ir.GraphError as problem:
        return str(problem)
    raise Difference(what, "a GraphError", f"a graph, after {', '.join(names) or 'no change'}")


@check("pass-manager")
def gives_up_on_passes_that_undo_each_other() -> None:
    """exp_to_log and log_to_exp would go on for ever."""
    undo: list[Pass] = [countdown("exp", "log"), countdown("relu", "exp"), countdown("log", "exp")]
    what = "passes that undo each other, rounds=3"
    text = refusal(chain("exp"), undo, what, rounds=3)
    expect(text, "no fixed point after 3 rounds: exp_to_log, log_to_exp", f"{what}: text of the GraphError")


@check("pass-manager")
def names_the_guilty_pass() -> None:
    """A pass that leaves an illegal graph is named, before another pass sees the graph."""

    def breaks(graph: ir.Graph) -> ir.Graph:
        return ir.Graph(graph.nodes, (99,))

    def innocent(graph: ir.Graph) -> ir.Graph:
        if graph.outputs == (99,):
            raise Difference("an illegal graph that a pass left", "no other pass sees it", "the next pass was given it")
        return graph

    what = "passes innocent, breaks, innocent"
    text = refusal(chain("exp"), [innocent, breaks, innocent], what)
    expected = "after breaks: outputs (99,) are not all among the 2 nodes"
    expect(text, expected, f"{what}: text of the GraphError")


@check("pass-manager")
def comes_back_to_earlier_passes() -> None:
    """exp(1.0·x) + exp(x) has something to merge only after algebra, which comes later in the list."""
    b = ir.Builder()
    x = b.input("x")
    e = b.apply("exp", b.apply("mul", b.constant(1.0), x))
    graph = b.build(b.apply("add", e, b.apply("exp", x)))
    what = "exp(1.0·x) + exp(x), with merging before algebra"
    with must_work(what, "a fixed point"):
        found, _ = managed(graph, [passes.common_subexpressions, algebra.algebra, passes.dead_code], what)
    w = ir.Builder()
    e = w.apply("exp", w.input("x"))
    check_graph(found, w.build(w.apply("add", e, e)), what)


@check("pass-manager")
def shrinks_a_training_step() -> None:
    """All passes together on lab 1's recorded training step: the same bits from 53 nodes instead of 65."""
    graph = sample.training_step()
    every: list[Pass] = [passes.common_subexpressions, passes.constant_folding, algebra.algebra, passes.dead_code]
    with must_work("the training step", "a fixed point"):
        found, _ = managed(graph, every, "the training step")
    check_values(graph, found, "the training step")
    if len(found.nodes) > 53:
        raise Difference(f"nodes of the training step ({len(graph.nodes)} before)", "at most 53", f"{len(found.nodes)}")
    again, names = managed(found, every, "the training step, a second time")
    expect(names, [], "passes that change the training step when they run a second time")
    check_graph(again, found, "the training step, a second time")
