"""Pending expressions become a graph, in the order in which they were made, and get their values.

What is computed again and again is known by its structure: the operations of the pending expressions with the places of
their operands, and which of them are wanted. For a structure that was seen before, the graph is at hand, and all there
is to do is to walk over the expressions once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from weft.framework import anomaly
from weft.framework.builder import plain_attributes, prune
from weft.framework.device import Device, default_device, launch, placed
from weft.framework.graph import Attributes, Graph, Node
from weft.framework.lazy import ALIAS, COMPOUND, COPY, CUSTOM, LOCK, Expr
from weft.framework.recent import Recent

Holders = Mapping[int, Callable[[], Any]]
"""By the id of an expression what gives the tensor that it belonged to, or None. What lies on the way and still belongs
to a tensor keeps its value."""
_made = attrgetter("made")


def in_order(wanted: Iterable[Expr], sources: Callable[[Expr], Sequence[Expr]]) -> list[Expr]:
    """The expressions behind ``wanted`` and themselves, in the order in which they were made: ``sources`` first."""
    found = set(wanted)
    stack = list(found)
    while stack:
        for source in sources(stack.pop()):
            if source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=_made)


def pending(wanted: Iterable[Expr]) -> list[Expr]:
    """What has to be computed for the values of ``wanted``, in the order in which it was made."""
    found = set(wanted)
    stack = list(found)
    while stack:
        e = stack.pop()
        for source in e.inputs if e.op != CUSTOM else e.inputs[:1]:
            if source.value is None and source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=_made)


def folded(e: Expr, kept: Container[int] = ()) -> tuple[tuple[Expr, ...], Attributes]:
    """Inputs and attributes of ``e`` as a node: a product takes operands that were transposed as they were before.

    kept: ids of transposes to leave, because their gradient is asked for.
    """
    if e.op != "matmul":
        return e.inputs, e.attrs
    inputs, flags = list(e.inputs), dict(e.attrs)
    for k, flag in enumerate(("transpose_a", "transpose_b")):
        x, rank = inputs[k], len(e.shape)
        if x.op == "permute" and id(x) not in kept and x.attrs[0][1] == (*range(rank - 2), rank - 1, rank - 2):
            inputs[k], flags[flag] = x.inputs[0], not flags[flag]
    return tuple(inputs), tuple(flags.items())


def needed(e: Expr) -> tuple[Expr, ...]:
    """What the value of ``e`` is computed from."""
    return () if e.value is not None else e.inputs[:1] if e.op == CUSTOM else folded(e)[0]


def collect(wanted: Sequence[Expr], given: Sequence[Expr] = ()) -> tuple[list[Node], dict[int, int], list[Expr]]:
    """The nodes that compute ``wanted``, in the order in which they were made.

    given: expressions that are inputs already (traced arguments and state), first in the list, in this order.
    Returns the nodes, the node of each expression by its id, and the known values used: input ``v<k>`` is the k-th.
    """
    nodes = [Node("input", (), e.attrs, e.shape, e.dtype, e.origin) for e in given]
    index = {id(e): i for i, e in enumerate(given)}
    known: list[Expr] = []
    compounds: dict[int, list[int]] = {}
    shared: dict[Any, int] = {}

    def place(e: Expr) -> int:
        if id(e) not in index:  # a value, read for the first time
            attrs = {"name": f"v{len(known)}", "kind": "input", "shape": e.shape, "dtype": e.dtype.name}
            nodes.append(Node("input", (), plain_attributes(attrs), e.shape, e.dtype))
            known.append(e)
            index[id(e)] = len(nodes) - 1
        return index[id(e)]

    for e in in_order(wanted, lambda e: () if id(e) in index else needed(e)):
        if id(e) in index or e.value is not None:
            continue
        if e.op in (ALIAS, CUSTOM):
            index[id(e)] = place(e.inputs[0])
        elif e.op == COMPOUND:
            given_to = list(map(place, e.inputs))
            compounds[id(e)] = found = _inlined(e.attrs[0][1], given_to, nodes, shared)
            index[id(e)] = found[0]  # its value, if it is the only one
        elif e.op == "result" and e.inputs[0].op == COMPOUND:
            index[id(e)] = compounds[id(e.inputs[0])][e.attrs[0][1]]
        else:
            operands, named = folded(e)
            inputs = tuple(map(place, operands))
            nodes.append(Node(e.op, inputs, named, e.shape, e.dtype, e.origin, e.further))
            index[id(e)] = len(nodes) - 1
    for e in wanted:
        place(e)
    return nodes, index, known


def _inlined(graph: Graph, operands: Sequence[int], nodes: list[Node], shared: dict[Any, int]) -> list[int]:
    """Append the nodes of ``graph`` with ``operands`` in place of its inputs; the nodes of its outputs.

    shared: nodes appended like this before: a compound and that of its gradients have much in common.
    """
    mapped = dict(zip(graph.inputs, operands, strict=True))
    for i, node in enumerate(graph.nodes):
        if i not in mapped:
            inputs = tuple([mapped[source] for source in node.inputs])
            key = node.op, inputs, node.attrs
            if key not in shared:
                shared[key] = len(nodes)
                nodes.append(Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.origin, node.further))
            mapped[i] = shared[key]
    return [mapped[i] for _, i in graph.outputs]


class _Program(NamedTuple):
    """The graph of a structure, and which of its known values, by their numbers in it, are the inputs of the graph."""

    graph: Graph
    inputs: tuple[int, ...]


_PROGRAMS: Recent[tuple[Any, ...], _Program] = Recent(1024, 2**26, lambda program: 400 * len(program.graph.nodes))
"""The graphs of the structures that were computed last, by these."""


def realize(wanted: Iterable[Expr], holders: Holders = MappingProxyType({})) -> None:
    """Compute the values of expressions that have none, in one graph for each device."""
    default = default_device()
    with LOCK:
        missing = [e for e in dict.fromkeys(wanted) if e.value is None]
        behind = pending(missing)
        if not any(e.op == COPY for e in behind):
            places = {id(d): d for e in missing for d in (e.device or default,)}
            for device in places.values():
                if len(places) > 1:  # of what the others have left
                    own = [e for e in missing if e.value is None and (e.device or default) is device]
                    _realize_on(device, own, pending(own), holders, default)
                else:
                    _realize_on(device, missing, behind, holders, default)
            return
    _realize_copies(behind, holders)
    realize(missing, holders)


def _realize_on(
    device: Device, wanted: Sequence[Expr], behind: Sequence[Expr], holders: Holders, default: Device
) -> None:
    """Compute ``wanted`` on a device, with what is held of what lies ``behind`` them there.

    LOCK is held once, and let go while the device computes: whatever another thread has stored by then stays.
    """
    held = [e for e in behind if id(e) in holders]
    held = [e for e in held if getattr(holders[id(e)](), "_expr", None) is e and (e.device or default) is device]
    results = sorted({*wanted, *held}, key=_made)
    if anomaly.is_anomaly_enabled():
        _realize_looking(device, results, behind)
        return
    key, known = _structure(device, results, behind)
    program = _PROGRAMS.get(key, lambda: _program(results, known))
    values: list[Any] = [known[k].value for k in program.inputs]
    LOCK.release()
    try:
        found = launch(device, program.graph, values)
    finally:
        LOCK.acquire()
    for e, value in zip(results, found, strict=True):
        if e.value is None:
            e.settle(value)


def _realize_looking(device: Device, results: Sequence[Expr], behind: Sequence[Expr]) -> None:
    """The same, and look for what makes a NaN."""
    nodes, index, known = collect(results)
    graph = Graph(tuple(nodes), tuple((f"y{k}", index[id(e)]) for k, e in enumerate(results)))
    given: list[Any] = [e.value for e in known]
    found = {index[id(e)]: e for e in behind if id(e) in index and e.op not in (ALIAS, CUSTOM)}
    values = launch(device, graph, given)
    for e, value in zip(results, values, strict=True):
        e.settle(value)
    anomaly.check(graph, {f"v{k}": value for k, value in enumerate(given)}, found, values)


def _structure(device: Device, results: Sequence[Expr], behind: Sequence[Expr]) -> tuple[tuple[Any, ...], list[Expr]]:
    """What tells a computation from all others but those that do the same, and the known values in it, in order."""
    key: list[Any] = [device]
    place: dict[Expr, int] = {}
    known: list[Expr] = []
    for e in behind:
        key.append(e.operation)
        for source in e.inputs if e.op != CUSTOM else e.inputs[:1]:
            at = place.get(source)
            if at is None:
                key.append(source.type)
                at = place[source] = ~len(known)
                known.append(source)
            key.append(at)
        place[e] = len(place)
    key.extend([place[e] for e in results])
    return tuple(key), known


def _program(results: Sequence[Expr], known: Sequence[Expr]) -> _Program:
    nodes, index, read = collect(results)
    graph = prune(Graph(tuple(nodes), tuple((f"y{k}", index[id(e)]) for k, e in enumerate(results))))
    number = {id(e): k for k, e in enumerate(known)}
    return _Program(graph, tuple(number[id(e)] for e in read))


def _realize_copies(behind: Sequence[Expr], holders: Holders) -> None:
    """Compute the pending copies between devices among ``behind``: first those that no other leads to."""
    depth: dict[int, int] = {}
    levels: dict[int, list[Expr]] = {}
    for e in behind:
        crossing = e.op == COPY and e.value is None
        depth[id(e)] = max((depth[id(source)] for source in e.inputs if id(source) in depth), default=0) + crossing
        if crossing:
            levels.setdefault(depth[id(e)], []).append(e)
    for _, copies in sorted(levels.items()):
        realize([e.inputs[0] for e in copies], holders)
        for e in copies:
            value = e.inputs[0].value
            assert value is not None
            if e.value is None:
                e.settle(placed(value, e.device))
