"""``--show``: a step as graph, after every pass and as instructions, every line with its operator's name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

import weft
from tests.framework.small_model import X, Y, make, train_step
from weft.base.errors import WeftError
from weft.compiler.listing import FORMS, listing
from weft.compiler.passes.pipeline import PIPELINES, run
from weft.compiler.targets.accel.compile import compile, prepared
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.listing import planned
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph, node_line
from weft.framework.jit import jit
from weft.framework.names import node_name
from weft.framework.tensor import Tensor
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim.operators import read_operators

model, optimizer = make()


def step(x: Tensor, y: Tensor) -> Tensor:
    return train_step(model, optimizer, x, y)


GRAPH = jit(step).lower(Tensor(X), Tensor(Y))
PROGRAM = compile(GRAPH, load("nano"))


def show(*forms: str, only: str | None = None, graph: Graph = GRAPH, program: Program = PROGRAM) -> str:
    return listing(graph, lambda: program, forms, only)


@pytest.mark.parametrize("form", FORMS["accel"])
def test_golden(form: str, golden: Callable[[str, str], None]) -> None:
    golden(f"step-{form}.txt", show(form, only=None if form == "summary" else "layer 2"))


def test_every_line_says_its_operator() -> None:
    for line in show("graph", "passes").splitlines():
        if line.startswith("  "):
            assert re.search(r"  # \S", line), line
    names = {operator.name for operator in read_operators(PROGRAM)}
    lines = [line for line in show("asm").splitlines() if line.startswith("  ")]
    assert len(lines) == len(PROGRAM.instructions)
    assert all(line.partition("  ; ")[2] in names for line in lines if line != "  halt")


def test_the_graph_and_every_pass_are_there() -> None:
    text = show("graph", "passes")
    assert text.count(" : ") > len(GRAPH.nodes)
    for i in range(len(GRAPH.nodes)):
        assert f"# {node_name(GRAPH, i)}\n" in text
    found = re.findall(r"^pass (\d+), (\w+): (?:changes nothing|\d+ nodes)$", text, re.MULTILINE)
    assert [name for _, name in found] == list(PIPELINES["accel"])
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    assert "output output = " in text
    assert "update model.0.weight = " in text


@pytest.mark.parametrize("layer", ["layer 0", "0"])
def test_one_layer(layer: str) -> None:
    text = show("graph", only=layer)
    nodes = [line for line in text.splitlines() if " : " in line]
    assert nodes
    assert all("# layer 0, " in line or " = input(" in line or " = constant(" in line for line in nodes)
    assert any("# layer 0, bias update, " in line for line in nodes)
    assert text.startswith(f"graph: {len(nodes)} of {len(GRAPH.nodes)} nodes\n")


def test_the_graph_before_and_after_a_pass(golden: Callable[[str, str], None]) -> None:
    names = list(PIPELINES["accel"])
    number = names.index("precision") + 1
    before = listing(GRAPH, lambda: PROGRAM, ("graph",), "layer 2", before="precision")
    after = listing(GRAPH, lambda: PROGRAM, ("graph",), "layer 2", after="precision")
    golden("step-before-precision.txt", before)
    golden("step-after-precision.txt", after)
    assert before.startswith(f"graph before pass {number}, precision: ")
    assert " = cast(" not in before
    assert "cast [6×4] to bfloat16" in after
    last = listing(GRAPH, lambda: PROGRAM, ("graph",), after=str(len(names)))
    assert all(f"  {node_line(i, node)}  # " in last for i, node in enumerate(prepared(GRAPH).nodes))
    first = listing(GRAPH, lambda: PROGRAM, ("graph",), before="1")
    assert first.partition(": ")[2] == show("graph").partition(": ")[2]


def test_what_each_pass_did_adds_up() -> None:
    counts = [len(GRAPH.nodes), len(prepared(GRAPH).nodes)]
    lines = show("summary").splitlines()
    assert lines[0] == f"summary: {len(PIPELINES['accel'])} passes, {counts[0]} → {counts[1]} nodes"
    changes = [tuple(map(int, found)) for found in re.findall(r"(\d+) → (\d+) nodes;", "\n".join(lines[1:]))]
    assert changes[0][0] == counts[0]
    assert changes[-1][1] == counts[1]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(changes))
    for line in lines[1:]:
        if "nodes; " in line:
            (first, then), *ops = [tuple(map(int, found)) for found in re.findall(r"(\d+) → (\d+)", line)]
            assert then - first == sum(after - before for before, after in ops)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({"before": "fusion"}, r"^no pass 'fusion'; .*there are: dead_code, .*, or a number from 1 to \d+$"),
        ({"after": "0"}, r"^no pass '0'; "),
        ({"before": "algebra", "after": "3"}, r"^before algebra and after 3: one graph is shown; give one of the two$"),
    ],
)
def test_places_that_there_are_not(place: dict[str, str], text: str) -> None:
    with pytest.raises(WeftError, match=text):
        listing(GRAPH, lambda: PROGRAM, ("graph",), **place)


def test_one_operator_alone() -> None:
    name = "layer 0, weight gradient, [6×4]ᵀ·[6×3]"
    lines = show("asm", only=name).splitlines()
    assert len(lines) > 1
    assert all(line.endswith(f"; {name}") for line in lines[1:])


def test_what_is_fused_is_found_in_the_operator_that_it_is_fused_to() -> None:
    text = show("graph", "asm", only="cross-entropy loss")
    assert "# cross-entropy loss, forward, exp [6×2]" in text
    assert "; layer 2, forward, [6×4]·[2×4]ᵀ" in text


def test_a_layer_within_a_layer_belongs_to_it() -> None:
    from weft.framework.origin import Origin

    b = GraphBuilder()
    x = b.input("x", (4,), "float32")
    for layer in ("head", "head.out", "header"):
        with b.origin(Origin("net.py:3", layer, "Linear")):
            x = b.apply("neg", x)
    graph = b.build({"y": x})
    found = listing(graph, lambda: PROGRAM, ("graph",), "head")
    assert "layer head.out, " in found
    assert "layer header" not in found
    with pytest.raises(WeftError, match=r"^no part of the step called 'hed'.*: layer head, layer head.out, "):
        listing(graph, lambda: PROGRAM, ("graph",), "hed")


def test_nothing_is_compiled_that_is_not_shown() -> None:
    def refuse() -> Program:
        raise AssertionError

    assert listing(GRAPH, refuse, ("graph", "passes")).startswith("graph: ")
    with pytest.raises(
        WeftError, match=r"^no form 'grap'; did you mean 'graph'\? there are: graph, summary, passes, asm$"
    ):
        listing(GRAPH, refuse, ("grap",))


def on_the_cpu(*forms: str, only: str | None = None) -> str:
    return listing(GRAPH, lambda: planned(run(GRAPH, "cpu")), forms, only, target="cpu")


def test_the_cpu_shows_its_own_passes() -> None:
    text = on_the_cpu("summary", "passes")
    found = re.findall(r"^pass (\d+), (\w+): (?:changes nothing|\d+ nodes)$", text, re.MULTILINE)
    assert [name for _, name in found] == list(PIPELINES["cpu"])
    assert text.startswith(f"summary: {len(PIPELINES['cpu'])} passes, {len(GRAPH.nodes)} → ")
    before = listing(GRAPH, lambda: PROGRAM, ("graph",), before="barriers", target="cpu")
    assert before.startswith(f"graph before pass {PIPELINES['cpu'].index('barriers') + 1}, barriers: ")
    with pytest.raises(WeftError, match=r"^no pass 'precision'; "):
        listing(GRAPH, lambda: PROGRAM, ("graph",), after="precision", target="cpu")


def test_what_the_steps_do_is_what_runs() -> None:
    """Their sums, and the memory, are those of the executable; every node that computes is in a step."""
    device = CpuDevice()
    executable = device.compile(GRAPH)
    head, *lines, memory = on_the_cpu("kernels").splitlines()
    counted = executable.counts
    assert head == (f"kernels: {counted.kernels} steps, {counted.products} of them products and 0 calls of NumPy; "
                    f"{counted.bytes:,} bytes, {counted.flops:,} operations")  # fmt: skip
    work = [re.search(r"\); ([\d,]+) bytes, ([\d,]+) operations  # \S", line) for line in lines]
    sums = [sum(int(found[k].replace(",", "")) for found in work if found) for k in (1, 2)]
    assert sums == [counted.bytes, counted.flops]
    assert [int(line.partition(":")[0]) for line in lines] == list(range(counted.kernels))
    plan = executable.plan
    assert memory.startswith(f"memory: {plan.peak_bytes:,} bytes at the peak: ")
    assert f"and {executable.arena_bytes:,} that {plan.buffer_count} temporary buffers share" in memory
    assert memory == on_the_cpu("summary").splitlines()[-1]
    made = {i for nodes in plan.lowered.nodes for i in nodes}
    prepared_graph = device.prepared(GRAPH)
    assert {i for i, node in enumerate(prepared_graph.nodes) if node.op in ("matmul", "exp", "log", "sub")} <= made


def test_one_layer_of_the_cpu() -> None:
    whole, part = (on_the_cpu("kernels", only=only).splitlines() for only in (None, "layer 0"))
    assert 3 < len(part) < len(whole)
    assert set(part[1:-1]) < set(whole)
    assert re.match(rf"kernels: {len(part) - 2} of {len(whole) - 2} steps, ", part[0])
    assert any("# layer 0, weight gradient, " in line for line in part)
    assert not any("# layer 2" in line for line in part)


@pytest.mark.parametrize(("target", "form"), [("cpu", "asm"), ("accel", "kernels")])
def test_a_form_of_the_other_target(target: str, form: str) -> None:
    other = {"cpu": "accel", "accel": "cpu"}[target]
    text = rf"^form '{form}' is of --device {other}; for {target} there are: graph, summary, passes, \w+$"
    with pytest.raises(WeftError, match=text):
        listing(GRAPH, lambda: PROGRAM, (form,), target=target)


def test_the_cpu_from_the_front_door(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = Tensor(X), Tensor(Y)
    weft.show(step, x, y, device="cpu", forms="kernels,summary")
    assert capsys.readouterr().out == on_the_cpu("summary", "kernels")
    with pytest.raises(WeftError, match=r"^weft.show: no device 'gpu'; did you mean 'cpu'\? there are: accel, cpu$"):
        weft.show(step, x, y, device="gpu")
    with pytest.raises(WeftError, match=r"^weft.show: machine= is of the accelerator; leave it out with device='cpu'$"):
        weft.show(step, x, y, device="cpu", machine="nano")


def test_from_the_front_door(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = Tensor(X), Tensor(Y)
    weft.show(step, x, y, machine="nano", layer="layer 0")
    printed = capsys.readouterr().out
    assert re.findall(r"^(graph|summary|pass 1|asm)\b", printed, re.MULTILINE) == ["graph", "summary", "pass 1", "asm"]
    assert re.search(r"^asm: \d+ of \d+ instructions for machine nano$", printed, re.MULTILINE)
    weft.show(weft.jit(step), x, y, forms="graph")
    assert capsys.readouterr().out.count("\n") > len(GRAPH.nodes)
    weft.show(GRAPH, forms=["graph"])
    assert capsys.readouterr().out == show("graph")
    with pytest.raises(WeftError, match=r"weft.show: a graph has its inputs in it; leave out the arguments after it"):
        weft.show(GRAPH, x)
    wrong: Any = 3
    with pytest.raises(WeftError, match=r"weft.show takes a step .* and its arguments, or a graph, not 3"):
        weft.show(wrong)
