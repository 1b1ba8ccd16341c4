"""A device's table of what it can run: what it refuses, in words, and what it says of itself."""

from __future__ import annotations

import pytest

from weft.framework.builder import GraphBuilder
from weft.framework.capability import (
    EVERYTHING,
    Capabilities,
    Capability,
    Shortfall,
    SupportedForm,
    capabilities_of,
    operand_type,
)
from weft.framework.device import NumpyDevice
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph


def _whole(graph: Graph, index: int) -> str:
    return "" if graph.nodes[index].shape == () else "it has axes"


SMALL = Capabilities(
    {
        "input": Capability(),
        "neg": Capability(frozenset({"float32"}), nearest="a cast to float32 first"),
        "abs": Capability(forms=(SupportedForm("numbers", _whole, "one element at a time"),)),
    },
    lacking={"int64": Shortfall("its words are short", "int32")},
    instead={"exp": "a table of your own"},
    what="the abacus",
)


@pytest.mark.parametrize(
    ("op", "dtype", "shape", "message"),
    [
        ("neg", "float32", (2,), None),
        ("abs", "int32", (), None),
        ("neg", "int32", (2,), r"%1 = neg \(int32\[2\]\): the abacus cannot run this: the abacus has no neg of int32; "
         r"nearest: a cast to float32 first"),
        ("abs", "int32", (2,), r"%1 = abs .*: it has axes; nearest: one element at a time"),
        ("abs", "int64", (), r"%0 = input .*: its words are short, so it has no int64; nearest: int32"),
        ("exp", "float32", (), r"%1 = exp .*: the abacus has no exp of float32; nearest: a table of your own"),
        ("tanh", "float32", (), r"%1 = tanh .* has no tanh of float32; nearest: device='cpu', which runs it"),
    ],
)  # fmt: skip
def test_a_table_refuses_in_words(op: str, dtype: str, shape: tuple[int, ...], message: str | None) -> None:
    b = GraphBuilder()
    graph = b.build({"y": b.apply(op, b.input("x", shape, dtype))})
    if message is None:
        SMALL.check(graph)
    else:
        with pytest.raises(DeviceError, match=message):
            SMALL.check(graph)


def test_what_a_device_states_of_itself() -> None:
    class Stating:
        capabilities = SMALL

    assert capabilities_of(Stating()) is SMALL
    assert capabilities_of(NumpyDevice()) is EVERYTHING
    some = Capabilities({"exp": Capability(reference=frozenset({"float64"}))})
    assert some.calls_reference("exp", "float64")
    assert not some.calls_reference("exp", "float32")
    assert not some.calls_reference("log", "float64")
    b = GraphBuilder()
    x = b.input("x", (2,), "bfloat16")
    b.apply("cast", x, dtype="float32")
    graph = b.build()
    assert [operand_type(graph, node) for node in graph.nodes] == ["bfloat16", "bfloat16"]
