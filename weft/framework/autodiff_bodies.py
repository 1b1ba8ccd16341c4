"""The gradients of loops and branches: subgraphs made of their bodies' gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder, inline
from weft.framework.graph import Graph
from weft.framework.primitives.base import Emitter, Site, Types
from weft.framework.primitives.control import body, returned, types_of


@dataclass(frozen=True)
class _Derivative:
    """``graph``: (a body's operands, then a cotangent for each of ``seeds``) → a derivative for each of ``wrt``.

    seeds: numbers of the float results. wrt: numbers of the float operands.
    """

    graph: Graph
    seeds: tuple[int, ...]
    wrt: tuple[int, ...]


def _derivative(graph: Graph) -> _Derivative:
    b = GraphBuilder()
    given, results = types_of(graph, graph.inputs), returned(graph)
    operands = [b.input(f"x{k}", shape, dtype) for k, (shape, dtype) in enumerate(given)]
    seeds = tuple(k for k, (_, dtype) in enumerate(results) if dtype.is_float)
    cotangents = [b.input(f"g{k}", *results[k]) for k in seeds]
    values = inline(b, graph, operands)
    wrt = tuple(k for k, (_, dtype) in enumerate(given) if dtype.is_float)
    found: list[int | None] = [None] * len(wrt)
    for k, cotangent in zip(seeds, cotangents, strict=True):
        parts = gradients(b, values[k], [operands[x] for x in wrt], cotangent)
        found = [part if sum_ is None else b.apply("add", sum_, part) for sum_, part in zip(found, parts, strict=True)]
    outputs = {
        f"d{x}": b.full(0, like=operands[x]) if part is None else part for x, part in zip(wrt, found, strict=True)
    }
    return _Derivative(b.build(outputs), seeds, wrt)


def _cotangent(e: Emitter, given: int | None, types: Types, k: int) -> int:
    if given is not None:
        return given
    return e.zeros(*types[k])


def scan_gradient(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> list[int | None]:
    """Backwards through the turns, carrying the cotangents of the carries and the sums of those of what is fixed.

    The carries before each turn are computed anew by a scan that hands them out.
    """
    graph, carries, stacked = body(s.attrs, "body"), s.attrs["carries"], s.attrs["stacked"]
    length, reverse = s.attrs["length"], s.attrs["reverse"]
    results, derivative = returned(graph), _derivative(graph)
    if not derivative.wrt:
        return [None] * len(s.inputs)
    fixed = len(graph.inputs) - carries - stacked
    before = e.results(
        "scan", *s.inputs, body=_with_carries(graph, carries), carries=carries, stacked=stacked, length=length,
        reverse=reverse,
    )[len(results) :]  # fmt: skip
    of_carries = [k for k in derivative.seeds if k < carries]
    of_rows = [k for k in derivative.seeds if k >= carries]
    of_fixed = [x for x in derivative.wrt if x >= carries + stacked]
    of_stacked = [x for x in derivative.wrt if carries <= x < carries + stacked]
    types = tuple((shape if k < carries else (length, *shape), dtype) for k, (shape, dtype) in enumerate(results))
    turn = _backward_turn(derivative, graph, carries, stacked, of_carries, of_rows, of_fixed, of_stacked)
    found = e.results(
        "scan",
        *(_cotangent(e, cotangents[k], types, k) for k in of_carries),
        *(e.full(0, like=s.inputs[x]) for x in of_fixed),
        *before,
        *s.inputs[carries : carries + stacked],
        *(_cotangent(e, cotangents[k], types, k) for k in of_rows),
        *(s.inputs[carries + stacked :] if fixed else ()),
        body=turn, carries=len(of_carries) + len(of_fixed), stacked=carries + stacked + len(of_rows), length=length,
        reverse=not reverse,
    )  # fmt: skip
    places = dict(zip([*of_carries, *of_fixed, *of_stacked], found, strict=True))
    return [places.get(x) for x in range(len(s.inputs))]


def _with_carries(graph: Graph, carries: int) -> Graph:
    """The body, handing out what it was given as carries too."""
    outputs = tuple((f"y{k}", i) for k, (_, i) in enumerate(graph.outputs))
    kept = tuple((f"before{k}", i) for k, i in enumerate(graph.inputs[:carries]))
    return Graph(graph.nodes, (*outputs, *kept))


def _backward_turn(
    derivative: _Derivative,
    graph: Graph,
    carries: int,
    stacked: int,
    of_carries: Sequence[int],
    of_rows: Sequence[int],
    of_fixed: Sequence[int],
    of_stacked: Sequence[int],
) -> Graph:
    """One turn of the backward scan: (cotangents of carries, sums; carries, rows, cotangents of rows; fixed operands)
    → (cotangents of the carries before, sums; cotangents of the rows)."""
    b = GraphBuilder()
    given, results = types_of(graph, graph.inputs), returned(graph)
    carried = {k: b.input(f"dc{k}", *results[k]) for k in of_carries}
    sums = {x: b.input(f"sum{x}", *given[x]) for x in of_fixed}
    operands = {x: b.input(f"x{x}", *given[x]) for x in range(carries + stacked)}
    rows = {k: b.input(f"dy{k}", *results[k]) for k in of_rows}
    operands |= {x: b.input(f"x{x}", *given[x]) for x in range(carries + stacked, len(given))}
    seeds = {**carried, **rows}
    taken = [*(operands[x] for x in range(len(given))), *(seeds[k] for k in derivative.seeds)]
    found = dict(zip(derivative.wrt, inline(b, derivative.graph, taken), strict=True))
    outputs = {f"dc{k}": found[k] for k in of_carries}
    outputs |= {f"sum{x}": b.apply("add", sums[x], found[x]) for x in of_fixed}
    return b.build(outputs | {f"dx{x}": found[x] for x in of_stacked})


def cond_gradient(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> list[int | None]:
    """The branch taken, differentiated."""
    then, orelse = (_derivative(body(s.attrs, name)) for name in ("then", "orelse"))
    types = returned(body(s.attrs, "then"))
    if not then.wrt:
        return [None] * len(s.inputs)
    found = e.results(
        "cond", *s.inputs, *(_cotangent(e, cotangents[k], types, k) for k in then.seeds), then=then.graph,
        orelse=orelse.graph,
    )  # fmt: skip
    places = dict(zip(then.wrt, found, strict=True))
    return [None, *(places.get(x) for x in range(len(s.inputs) - 1))]
