"""What each device says that it can run is what it does run, and what the page says."""

from __future__ import annotations

from pathlib import Path

from weft.compiler.capability_page import page
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.legality import LAWS
from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.capabilities import CAPABILITIES as CPU
from weft.compiler.targets.cpu.host import HostCall
from weft.compiler.targets.cpu.lower import lower
from weft.framework.capability import (
    EVERYTHING,
    capabilities_of,
    operand_type,
)
from weft.framework.device import NumpyDevice, get_device
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
