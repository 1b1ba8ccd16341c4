"""How the checks of this lab compare graphs: outputs bit for bit, nodes one by one; and the random graphs they use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ir
import numpy as np

from weft.lab import Difference, expect

DEEP = 20_000
"""Nodes in a chain that is deeper than Python's stack."""
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
    for i, (node, right) in enumerate(zip(found.nodes, wanted.nodes, strict=True)):
        if node != right:
            raise Difference(f"{what}: %{i}", repr(right), repr(node))
    for name in ("nodes", "outputs"):
        expect(type(getattr(found, name)).__name__, "tuple", f"{what}: type of {name}")
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


def closure(graph: ir.Graph) -> np.ndarray:
    """bool [n, n]: does node i depend on node j, or is it j? Slow, and independent of any walk over the graph."""
    reaches = np.eye(len(graph.nodes), dtype=bool)
    for i, node in enumerate(graph.nodes):
        for operand in node.inputs:
            reaches[i] |= reaches[operand]
    return reaches


def needed(graph: ir.Graph) -> int:
    """How many nodes the outputs depend on."""
    return int(closure(graph)[list(graph.outputs)].any(axis=0).sum())


def random_graph(seed: int, size: int = 40, folded: bool = False) -> ir.Graph:
    """Random operations, with repeats, exchanged operands, dead ends, and (folded) constants on either side."""
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
        sides = rng.integers(max(0, len(b.nodes) - 15), len(b.nodes), 2)
        if folded and rng.integers(3) == 0:
            sides[rng.integers(2)] = rng.integers(3, 8)  # one of the constants
        left, right = (int(i) for i in sides)
        if kind < 3 and any(node.inputs for node in b.nodes):
            twin = b.nodes[int(rng.choice([i for i, node in enumerate(b.nodes) if node.inputs]))]
            turned = twin.inputs[::-1] if kind == 0 and twin.op in ("add", "mul") else twin.inputs
            b.apply(twin.op, *turned, **dict(twin.attrs))
        elif kind < 8:
            b.apply(str(rng.choice(["add", "mul", "sub", "div", "matmul"] if folded else ["add", "mul"])), left, right)
        else:
            b.apply(str(rng.choice(["exp", "relu", "transpose"])), left)
    return b.build(*(int(i) for i in rng.integers(size // 2, size, 3)))
