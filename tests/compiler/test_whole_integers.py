"""Every elementwise primitive on integers, over all pairs of int8 and the edges of int32, on every device.

A device gives the reference's value for every operand, or refuses the node; what is true for most operands (a machine
that saturates where int8 wraps) is wrong.
"""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.errors import CompileError
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.dtypes import DTYPES
from weft.framework.errors import FrameworkError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.reference import run

ALL8 = np.arange(-128, 128)
EDGES32 = np.array([0, 1, -1, 2, -2, 127, 128, -128, -129, 255, 256, 2**24 + 1, 2**31 - 1, -(2**31), -(2**31) + 1])
SPECIAL = {"cast", "select", "quantise", "dequantise"}
LACKING_ON_ACCEL = ("and", "int_div", "not", "or", "rem", "shift_left", "shift_right", "xor")
REFUSED_ON_ACCEL = {f"{op} int8" for op in ("add", "sub", "mul", "neg", "abs")} | {
    f"{op} {kind}" for op in LACKING_ON_ACCEL for kind in ("int8", "int32")
}
"""Those that leave int8's range, in which the machine saturates, and those that it lacks."""


def values(kind: str) -> dict[str, np.ndarray]:
    some = ALL8 if kind == "int8" else EDGES32
    pairs = np.meshgrid(some, some, indexing="ij")
    return {name: pair.astype(kind) for name, pair in zip("xy", pairs, strict=True)}


def graph_of(op: str, kind: str, given: dict[str, np.ndarray], **attributes: object) -> Graph | None:
    """None: the primitive takes no such operands."""
    b = GraphBuilder()
    operands = [b.input(name, given[name].shape, kind) for name in "xy"[: PRIMITIVES[op].arity]]
    try:
        return b.build({"r": b.apply(op, *operands, **attributes)})
    except FrameworkError:
        return None


def cases() -> list[tuple[str, str, dict[str, object]]]:
    plain = [op for op, p in PRIMITIVES.items() if p.group == "elementwise" and op not in SPECIAL]
    kinds = ("int8", "int32")
    found: list[tuple[str, str, dict[str, object]]] = [(op, kind, {}) for op in plain for kind in kinds]
    found += [("cast", kind, {"dtype": to}) for kind in kinds for to in DTYPES]
    return [case for case in found if graph_of(case[0], case[1], values(case[1]), **case[2]) is not None]


@pytest.mark.parametrize("device", ["cpu", "accel"])
def test_integers_are_right_for_every_operand_or_refused(device: str) -> None:
    target = get_device(device, machine="nano", tune=False, trace=False) if device == "accel" else get_device(device)
    refused, wrong, done = set(), {}, 0
    for op, kind, attributes in cases():
        given = values(kind)
        graph = graph_of(op, kind, given, **attributes)
        assert graph is not None
        expected = run(graph, {name: given[name] for name in graph.input_names})[0]["r"]
        try:
            got = target.compile(graph)({name: given[name] for name in graph.input_names}).outputs["r"]
        except CompileError:
            refused.add(f"{op} {kind}" + "".join(f" to {to}" for to in attributes.values()))
            continue
        done += 1
        if not np.array_equal(np.asarray(got), np.asarray(expected)):
            at = tuple(np.argwhere(np.asarray(got) != np.asarray(expected))[0])
            wrong[op, kind, str(attributes)] = f"{given['x'][at]}, {given['y'][at]}: {got[at]}, not {expected[at]}"
    assert wrong == {}
    assert done > 20
    assert {name for name in refused if " to " not in name} == (REFUSED_ON_ACCEL if device == "accel" else set())
