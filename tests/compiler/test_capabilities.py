"""What each device says that it can run is what it does run, and what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.compiler.capability_page import page
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.legality import LAWS
from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.capabilities import CAPABILITIES as CPU
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.lower import lower
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
from weft.framework.device import NumpyDevice, get_device
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.control import FLOWS

PAGE = Path(__file__).parents[2] / "docs" / "capabilities.md"


def test_the_page_in_docs_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m weft.compiler.capability_page docs/capabilities.md"
    )


def test_every_device_states_what_it_runs() -> None:
    assert capabilities_of(NumpyDevice()) is EVERYTHING
    assert capabilities_of(get_device("cpu")) is CPU
    assert capabilities_of(get_device("accel")).table.keys() < PRIMITIVES.keys()


def test_the_cpu_calls_the_reference_for_what_its_table_says_and_nothing_else() -> None:
    tried: set[tuple[str, bool]] = set()
    for seed in range(600):
        graph = pipeline.run(random_graph(seed), "cpu")
        left = [
            (node.op, CPU.calls_reference(node.op, operand_type(graph, node)))
            for index, node in enumerate(graph.nodes) if index in graph.live
        ]  # fmt: skip
        tried.update(left)
        steps = lower(graph, has_sgemm=True).steps
        calls = [step.op for step in steps if isinstance(step, HostCall) and step.op not in FLOWS]
        assert sorted(calls) == sorted(op for op, calls_reference in left if calls_reference), f"seed {seed}"
    written_out = {op for laws in ("random_words", "barriers") for law in LAWS[laws] for op in law.ops or ()}
    moved = {"copy"}  # between devices: no graph that a device gets has one
    rare = {"scan", "cond", "while_loop"}  # what is unrolled or folded is not there any more
    assert {op for op, _ in tried} >= PRIMITIVES.keys() - written_out - moved - rare
    assert ("exp", True) in tried
    assert ("exp", False) in tried


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
