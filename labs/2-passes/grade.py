"""The checks of lab 2: values bit for bit; counts from reachability and from fingerprints of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import algebra
import ir
import manager
import numpy as np
import passes
import sample

from weft.lab import Difference, check, expect

DEEP = 20_000
SPECIAL = np.array([-0.0, 0.0, np.inf, -np.inf, np.nan, 1.5])
"""The numbers for which school algebra fails."""

Pass = Callable[[ir.Graph], ir.Graph]


def same_bits(found: ir.Array, wanted: ir.Array) -> np.ndarray:
    """For each element: the same bits? Every NaN is as good as every other."""
    equal = (found == wanted) & (np.signbit(found) == np.signbit(wanted))
    return np.asarray(equal | (np.isnan(found) & np.isnan(wanted)))


def type_of(value: ir.Array) -> str:
    """Such as ``float64[2, 3]``."""
    return f"{value.dtype}{list(value.shape)}"


def input_values(graph: ir.Graph, seed: int, special: bool = False) -> dict[str, np.ndarray]:
    """Values for the inputs: ordinary ones, or a mixture of the special ones."""
    rng = np.random.default_rng(seed)
    values = {}
    for node in graph.nodes:
        if node.op == "input":
            drawn = rng.choice(SPECIAL, node.shape) if special else rng.normal(size=node.shape)
            values[str(dict(node.attrs)["name"])] = np.asarray(drawn, node.dtype)
    return values


def check_values(before: ir.Graph, after: ir.Graph, what: str, special: bool = False) -> None:
    """Raise Difference unless ``after`` is legal and has the outputs of ``before``, bit for bit."""
    try:
        ir.validate(after)
    except ir.GraphError as problem:
        raise Difference(f"{what}: the new graph", "a legal one (ir.validate)", f"GraphError: {problem}") from problem
    expect(len(after.outputs), len(before.outputs), f"{what}: number of outputs")
    for seed in range(100, 103):  # other seeds than those of the random graphs and their constants
        values = input_values(before, seed, special)
        missing = {str(dict(n.attrs)["name"]) for n in after.nodes if n.op == "input"} - set(values)
        expect(missing, set(), f"{what}: inputs that the graph did not have")
        pairs = zip(ir.evaluate(after, values), ir.evaluate(before, values), strict=True)
        for i, (found, wanted) in enumerate(pairs):
            expect(type_of(found), type_of(wanted), f"{what}: type of output {i}")
            if not (right := same_bits(found, wanted)).all():
                index = tuple(int(k) for k in np.argwhere(~right)[0])
                place = f"{what}: output {i}" + (f"[{', '.join(map(str, index))}]" if index else "")
                raise Difference(f"{place}, bit for bit", repr(wanted[index].item()), repr(found[index].item()))


def check_graph(found: ir.Graph, wanted: ir.Graph, what: str) -> None:
    """Raise Difference unless two graphs have the same nodes and outputs, compared as text and then exactly."""
    expect(str(found), str(wanted), what)
    expect(found == wanted, True, f"{what}: is the very same graph")


@contextmanager
def must_work(what: str, expected: str) -> Iterator[None]:
    """Inside, a node that does not fit, a missing index or a stack overflow is the check's own difference."""
    try:
        yield
    except (ir.GraphError, IndexError, RecursionError) as problem:
        raise Difference(what, expected, f"{type(problem).__name__}: {problem}") from problem


def apply_pass(function: Pass, graph: ir.Graph, what: str) -> ir.Graph:
    """The pass's graph; a refusal on the way is the check's own difference."""
    with must_work(what, "a graph"):
        return function(graph)


def reachable(graph: ir.Graph) -> set[int]:
    """What the outputs depend on, by a closure of the edges: slow and independent."""
    n = len(graph.nodes)
    reaches = np.eye(n, dtype=bool)
    for i, node in enumerate(graph.nodes):
        for operand in node.inputs:
            reaches[i] |= reaches[operand]
    return {int(i) for i in np.flatnonzero(reaches[list(graph.outputs)].any(axis=0))}


def needed(graph: ir.Graph) -> int:
    """How many nodes the outputs depend on."""
    return len(reachable(graph))


def random_graph(seed: int, size: int = 40, folded: bool = False) -> ir.Graph:
    """Random operations, with repeats, exchanged operands, dead ends, and (folded) constants and identities."""
    rng = np.random.default_rng(seed)
    dtype = ("float32", "float64")[seed % 2]
    b = ir.Builder()
    for name in "xyz":
        b.input(name, (3, 3), dtype)
    for _ in range(2):
        b.constant(rng.normal(size=(3, 3)), dtype)
    for number in (0.0, -0.0, 1.0) if folded else ():
        b.constant(np.full((3, 3), number), dtype)
    while len(b.nodes) < size:
        kind = rng.integers(10)
        left, right = (int(i) for i in rng.integers(max(0, len(b.nodes) - 15), len(b.nodes), 2))
        if kind < 3 and any(node.inputs for node in b.nodes):
            twin = b.nodes[int(rng.choice([i for i, node in enumerate(b.nodes) if node.inputs]))]
            turned = twin.inputs[::-1] if kind == 0 and twin.op in ("add", "mul") else twin.inputs
            b.apply(twin.op, *turned, **dict(twin.attrs))
        elif kind < 8:
            b.apply(str(rng.choice(["add", "mul", "sub", "div", "matmul"] if folded else ["add", "mul"])), left, right)
        else:
            b.apply(str(rng.choice(["exp", "relu", "transpose"])), left)
    return b.build(*(int(i) for i in rng.integers(size // 2, size, 3)))


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
        expect(inputs, node.inputs, f"inputs given to the rule for %{len(seen) - 1}, while nothing is replaced")

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

    def skip_relu(builder: ir.Builder, node: ir.Node, inputs: tuple[int, ...]) -> int | None:
        return inputs[0] if node.op == "relu" else None

    with must_work("rewriting relu(a) to a", "a graph"):
        found = passes.rewrite(graph, skip_relu)
    w = ir.Builder()
    x = w.input("x", (2,))
    e = w.apply("exp", x)
    total = w.apply("add", e, x)
    check_graph(found, w.build(total, x, e), "relu(exp(x)) + relu(x), with relu(a) rewritten to a")


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
    """Other attributes, other shapes, other dtypes, and 0.0 beside -0.0 are other values."""
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
    merged(b, (b.constant([1.0, 2.0]), b.constant([1.0, 2.0])), 1, "constants [1, 2], [1, 2]")


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


# --- algebra

SIDES = ("x + c", "c + x", "x - c", "x * c", "c * x", "x / c")
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
