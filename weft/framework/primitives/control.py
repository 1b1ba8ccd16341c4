"""Several results, and subgraphs that run many times or not at all: ``result``, ``scan``, ``cond``, ``while_loop``.

A body is a graph whose inputs are the operands in order and whose outputs are the results in order. It reads nothing
from outside, so what it uses is an operand. The gradients are made of the bodies' gradients (``autodiff_bodies``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.dtypes import DType, bool_, float64
from weft.framework.errors import DTypeError, GradientError, ShapeError
from weft.framework.primitives.base import (
    Array,
    Attrs,
    Emitter,
    OperandType,
    Primitive,
    Shape,
    Site,
    Types,
    TypesRule,
    WholeGradientRule,
)

if TYPE_CHECKING:
    from weft.framework.graph import Graph


def body(attrs: Attrs, name: str) -> Graph:
    """The subgraph that an attribute holds."""
    graph: Graph = attrs[name].graph
    return graph


def types_of(graph: Graph, nodes: Sequence[int]) -> Types:
    """Shape and dtype of nodes of a graph."""
    return tuple((graph.nodes[i].shape, graph.nodes[i].dtype) for i in nodes)


def returned(graph: Graph) -> Types:
    """The types of a body's results."""
    return types_of(graph, [i for _, i in graph.outputs])


def _text(types: Types) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in types) or "nothing"


def _check_takes(name: str, graph: Graph, given: Types) -> None:
    wanted = types_of(graph, graph.inputs)
    if wanted != given:
        raise ShapeError(f"{name} takes {_text(wanted)}, but its operands are {_text(given)}")
    if graph.updates:
        raise ShapeError(f"{name} must not update state ({graph.updates[0][0]})")


Run = Callable[[str, Sequence[Array]], Sequence[Array]]
"""The results of the body that an attribute holds, for its operands."""


def _by_reference(attrs: Attrs, real: np.dtype[Any]) -> Run:
    """Bodies evaluated by their reference meaning."""
    from weft.framework.reference import evaluate  # which evaluates primitives

    def run(name: str, operands: Sequence[Array]) -> Sequence[Array]:
        graph = body(attrs, name)
        names = [graph.nodes[i].attr("name") for i in graph.inputs]
        values = evaluate(graph, dict(zip(names, operands, strict=True)), float64=real == np.float64)
        return [values[i] for _, i in graph.outputs]

    return run


# scan


def _scan_types(operands: Sequence[OperandType], attrs: Attrs) -> Types:
    """The last carries, then every other result of the body stacked along a new first axis."""
    graph, carries, length = body(attrs, "body"), attrs["carries"], attrs["length"]
    types = tuple((o.shape, o.dtype) for o in operands)
    last = carries + attrs["stacked"]
    before, stacked, fixed = types[:carries], types[carries:last], types[last:]
    if any(not shape or shape[0] != length for shape, _ in stacked):
        raise ShapeError(f"what a scan of {length} turns walks along is {_text(stacked)}")
    _check_takes("the body", graph, (*before, *((shape[1:], dtype) for shape, dtype in stacked), *fixed))
    after = returned(graph)
    if after[:carries] != before or not after:
        raise ShapeError(f"the body carries {_text(before)}, but gives {_text(after[:carries])}")
    return (*before, *(((length, *shape), dtype) for shape, dtype in after[carries:]))


def turns(attrs: Attrs) -> Iterator[int]:
    """The indices along the stacked operands in the order of a scan's turns."""
    steps = range(attrs["length"])
    return reversed(steps) if attrs["reverse"] else iter(steps)


def scanned(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any], run: Run) -> tuple[Array, ...]:
    """The results of a scan."""
    count, last = attrs["carries"], attrs["carries"] + attrs["stacked"]
    carried, fixed = list(inputs[:count]), inputs[last:]
    kinds = returned(body(attrs, "body"))[count:]
    wide = real == np.float64
    ys = [np.empty((attrs["length"], *shape), (_wide(dtype) if wide else dtype).numpy) for shape, dtype in kinds]
    for t in turns(attrs):
        values = run("body", [*carried, *(x[t, ...] for x in inputs[count:last]), *fixed])
        carried = list(values[:count])
        for y, value in zip(ys, values[count:], strict=True):
            y[t] = value
    return (*carried, *ys)


def _wide(dtype: DType) -> DType:
    return float64 if dtype.is_float else dtype


def _scan_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> Sequence[int | None]:
    from weft.framework.autodiff_bodies import scan_gradient  # which builds graphs

    return scan_gradient(e, s, cotangents)


# cond and while_loop


def _cond_types(operands: Sequence[OperandType], attrs: Attrs) -> Types:
    if operands[0].shape or operands[0].dtype is not bool_:
        raise DTypeError(f"the condition is bool[], not {operands[0].dtype}{list(operands[0].shape)}")
    given = tuple((o.shape, o.dtype) for o in operands[1:])
    results = [returned(body(attrs, name)) for name in ("then", "orelse")]
    for name in ("then", "orelse"):
        _check_takes(f"branch {name}", body(attrs, name), given)
    if results[0] != results[1] or not results[0]:
        raise ShapeError(f"one branch gives {_text(results[0])}, the other {_text(results[1])}")
    return results[0]


def branched(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any], run: Run) -> tuple[Array, ...]:
    """The results of a cond."""
    return tuple(run("then" if inputs[0] else "orelse", inputs[1:]))


def _cond_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> Sequence[int | None]:
    from weft.framework.autodiff_bodies import cond_gradient  # which builds graphs

    return cond_gradient(e, s, cotangents)


def _while_types(operands: Sequence[OperandType], attrs: Attrs) -> Types:
    given = tuple((o.shape, o.dtype) for o in operands)
    carried = given[: attrs["carries"]]
    for name in ("test", "body"):
        _check_takes(f"the {name}", body(attrs, name), given)
    if returned(body(attrs, "test")) != (((), bool_),):
        raise DTypeError(f"the test gives {_text(returned(body(attrs, 'test')))}, not one bool[]")
    if returned(body(attrs, "body")) != carried or not carried:
        raise ShapeError(f"the body carries {_text(carried)}, but gives {_text(returned(body(attrs, 'body')))}")
    return carried


def repeated(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any], run: Run) -> tuple[Array, ...]:
    """The results of a while_loop."""
    carried, fixed = list(inputs[: attrs["carries"]]), inputs[attrs["carries"] :]
    while run("test", [*carried, *fixed])[0]:
        carried = list(run("body", [*carried, *fixed]))
    return tuple(carried)


def _while_back(e: Emitter, s: Site, cotangents: Sequence[int | None]) -> Sequence[int | None]:
    raise GradientError("while_loop has no gradient, since how often it turns is known only when it has; use scan")


def _result_type(operands: Sequence[OperandType], attrs: Attrs) -> tuple[Shape, DType]:
    (o,), index = operands, attrs["index"]
    types = ((o.shape, o.dtype), *o.further)
    if len(types) == 1:
        raise ShapeError("its operand has one result, which is read as it is")
    if not 0 <= index < len(types):
        raise ShapeError(f"there is no result {index} of {len(types)}")
    return types[index]


def _result(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    """Who evaluates a node of several results picks the one that is read: together they are no array."""
    raise AssertionError("result is read by who evaluates its operand")


Flow = Callable[[Sequence[Array], Attrs, "np.dtype[Any]", Run], tuple[Array, ...]]
FLOWS: Mapping[str, Flow] = {"scan": scanned, "cond": branched, "while_loop": repeated}
"""Primitive → its results, made of what its bodies give; whoever runs the bodies."""


def _of_bodies(
    name: str,
    doc: str,
    types: TypesRule,
    gradient: WholeGradientRule,
    attributes: Mapping[str, str],
) -> Primitive:
    return Primitive(
        name, doc, "control", None, lambda operands, attrs: types(operands, attrs)[0][0],
        lambda operands, attrs: types(operands, attrs)[0][1],
        lambda inputs, attrs, real: FLOWS[name](inputs, attrs, real, _by_reference(attrs, real)), (), attributes,
        further=lambda operands, attrs: types(operands, attrs)[1:], gradient=gradient,
    )  # fmt: skip


PRIMITIVES = (
    Primitive(
        "result", "One of the results of a node that has several.", "control", 1,
        lambda operands, attrs: _result_type(operands, attrs)[0],
        lambda operands, attrs: _result_type(operands, attrs)[1],
        _result, (lambda e, s, g: g,), {"index": "which, from 0"},
    ),
    _of_bodies(
        "scan", "(carries, rows of the stacked operands, the rest) → (carries, rows of results), turn after turn.",
        _scan_types, _scan_back,
        {
            "body": "the subgraph of one turn", "carries": "how many operands and results are carried",
            "stacked": "how many operands after those are walked along their first axis", "length": "turns",
            "reverse": "whether it walks from the last row to the first",
        },
    ),
    _of_bodies(
        "cond", "What one of two subgraphs makes of the operands behind the first, which says which.",
        _cond_types, _cond_back, {"then": "taken where it is true", "orelse": "taken where it is false"},
    ),
    _of_bodies(
        "while_loop", "The carries after as many turns of a body as a test of (carries, rest) allows; no gradient.",
        _while_types, _while_back,
        {"test": "to a bool", "body": "to the next carries", "carries": "how many operands are carried"},
    ),
)  # fmt: skip
