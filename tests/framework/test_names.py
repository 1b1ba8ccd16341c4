"""Names that a person knows: of layers, gradients, updates and losses, through every pass and in every message."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.framework.small_model import X, Y, make, train_step
from weft.compiler.passes import pipeline
from weft.compiler.targets.accel.compile import compile
from weft.framework import nn, optim
from weft.framework.builder import GraphBuilder
from weft.framework.errors import FrameworkError
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.module import Module
from weft.framework.names import node_label, node_name, node_text
from weft.framework.nn import functional as F
from weft.framework.origin import Origin
from weft.framework.realising import collect
from weft.framework.tensor import Tensor
from weft.isa.machine import load
from weft.sim.operators import operator_names, read_operators

HERE = "tests/framework/test_names.py"


def names(graph: Graph, op: str | None = None) -> list[str]:
    return [node_name(graph, i) for i, node in enumerate(graph.nodes) if op is None or node.op == op]


def line_of(function: Callable[..., Any], text: str) -> str:
    """``file.py:12`` of the first line of a function that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    return f"{HERE}:{first + next(i for i, line in enumerate(lines) if text in line)}"


def graph_of_step() -> Graph:
    model, optimizer = make()

    def step(x: Tensor, y: Tensor) -> Tensor:
        return train_step(model, optimizer, x, y)

    return jit(step).lower(Tensor(X), Tensor(Y))


PRODUCTS = {
    "layer 0, forward, [6×3]·[4×3]ᵀ",
    "layer 2, forward, [6×4]·[2×4]ᵀ",
    "layer 2, input gradient, [6×2]·[2×4]",
    "layer 2, weight gradient, [6×2]ᵀ·[6×4]",
    "layer 0, weight gradient, [6×4]ᵀ·[6×3]",
}


def test_products_of_a_training_step() -> None:
    graph = graph_of_step()
    found = names(pipeline.run(graph, "accel"), "matmul")
    assert sorted(found) == sorted(PRODUCTS)
    assert {"layer 2, bias gradient, sum of [6×2]", "layer 0, bias gradient, sum of [6×4]"} <= set(names(graph, "sum"))
    assert {name.rpartition(", ")[0] for name in names(graph, "select")} == {
        "cross-entropy loss, forward",
        "cross-entropy loss, backward",
        "layer 1, backward",
    }
    assert Counter(names(graph, "sub"))["layer 2, weight update, sub [2×4]"] == 1
    assert "layer 0, bias update, sub [4]" in names(graph, "sub")
    assert {"model.0.weight", "x"} <= set(names(graph, "input"))


@pytest.mark.parametrize("target", sorted(pipeline.PIPELINES))
def test_every_pass_keeps_the_names(target: str) -> None:
    graph = graph_of_step()
    for name in pipeline.PIPELINES[target]:
        graph = pipeline.run(graph, [name])
        unknown = [node.op for node in graph.nodes if node.origin is None]
        assert set(unknown) <= {"constant"}, name
        assert PRODUCTS & set(names(graph, "matmul")), name


def test_a_program_knows_the_operator_of_every_instruction() -> None:
    program = compile(graph_of_step(), load("nano"))
    operators = read_operators(program)
    assert {operator.name for operator in operators} >= PRODUCTS
    assert "layer 0, forward, cast x [6×3] to bfloat16" in {operator.name for operator in operators}
    assert all(operator.origin.startswith("tests/framework/small_model.py:") for operator in operators)
    owners = operator_names(program)
    for name, instruction in zip(owners, program.instructions, strict=True):
        assert name or instruction.name == "halt"
    sources = {instruction.source for instruction in program.instructions if instruction.name == "matmul"}
    assert {source.partition(" (%")[0] for source in sources} == PRODUCTS


def test_a_layer_used_again_has_numbered_operators() -> None:
    b = GraphBuilder()
    x, w = b.input("x", (4, 4), "bfloat16"), b.input("w", (4, 4), "bfloat16")
    flags = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}
    with b.origin(Origin("cell.py:3", "cell", "Linear")):
        first = b.apply("matmul", x, w, **flags)
        second = b.apply("matmul", b.apply("cast", first, dtype="bfloat16"), w, **flags)
    program = compile(b.build({"y": second}), load("nano"))
    name = "layer cell, forward, [4×4]·[4×4]"
    assert [operator.name for operator in read_operators(program)] == [name, f"{name} #2"]


def test_tensors_of_no_module_and_losses_written_by_hand() -> None:
    w1 = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    optimizer = optim.SGD([w1], lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        error = (x @ w1).exp()
        error.sum().backward()
        optimizer.step()
        return error

    graph = jit(step).lower(Tensor(X))
    line = line_of(step, ".exp()")
    assert names(graph, "matmul") == [f"{line}, [6×3]·[3×2]", f"{line}, w1 gradient, [6×3]ᵀ·[6×2]"]
    assert names(graph, "exp") == [f"{line}, exp [6×2]"]
    assert "SGD, w1 update, sub [3×2]" in names(graph, "sub")


def test_layers_of_two_models_begin_with_the_model() -> None:
    teacher, student = nn.Sequential(nn.Linear(3, 2)), nn.Linear(3, 2)
    optimizer = optim.SGD(student.parameters(), lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(student(x), teacher(x).detach())
        loss.backward()
        optimizer.step()
        return loss

    graph = jit(step).lower(Tensor(X))
    assert sorted(names(graph, "matmul")) == [
        "layer student, forward, [6×3]·[2×3]ᵀ",
        "layer student, weight gradient, [6×2]ᵀ·[6×3]",
        "layer teacher.0, forward, [6×3]·[2×3]ᵀ",
    ]
    assert "layer student, weight update, sub [2×3]" in names(graph, "sub")
    assert any(name.startswith("squared-error loss, backward, ") for name in names(graph))


def test_modules_within_modules_and_shared_weights() -> None:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = nn.Linear(3, 3), nn.Linear(3, 3)
            second.weight = first.weight
            self.blocks = nn.ModuleList([first, second])

        def forward(self, x: Tensor) -> Any:
            for block in self.blocks:
                x = block(x)
            return x.mean()

    net = Net()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = net(x)
        loss.backward()
        optimizer.step()
        return loss

    graph = jit(step).lower(Tensor(X))
    assert [name for name in names(graph, "matmul") if "gradient" not in name] == [
        "layer blocks.0, forward, [6×3]·[3×3]ᵀ", "layer blocks.1, forward, [6×3]·[3×3]ᵀ",
    ]  # fmt: skip
    assert "layer blocks.1, weight gradient, [6×3]ᵀ·[6×3]" in names(graph, "matmul")
    assert "Net, forward, sum of [6×3]" in names(graph, "sum")


def test_loops_without_jit_have_layers_and_roles_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model, optimizer = make()
    seen: list[str] = []
    roles: list[str] = []

    def noted(parameter: Tensor, gradient: Tensor, *rest: object) -> None:
        nodes, found, _ = collect([gradient._expr])
        graph = Graph(tuple(nodes), (("y", found[id(gradient._expr)]),))
        seen.extend(names(graph, "matmul"))
        seen.extend(str(node.origin.role) for node in graph.nodes if node.origin)
        updated = (parameter - gradient)._expr.origin
        assert updated is not None
        assert updated[1:3] == ("", "SGD")
        roles.append(updated.role)

    monkeypatch.setattr(optimizer, "update", noted)  # to look at the gradients before they are computed
    train_step(model, optimizer, Tensor(X), Tensor(Y))
    assert roles == [f"parameter {i} update" for i in range(4)]
    assert {"layer 0, parameter gradient, [6×4]ᵀ·[6×3]", "layer 2, input gradient, [6×2]·[2×4]"} <= set(seen)


def test_labels_and_messages_give_node_and_line() -> None:
    b = GraphBuilder()
    x = b.input("x", (2, 3), "float32")
    with b.origin(Origin("net.py:7", "layers.0", "Linear", "backward")):
        y = b.apply("exp", x)
    with b.origin(Origin("net.py:9")):
        z = b.apply("sum", y, axes=(0, 1), keepdims=False)
    graph = b.build({"z": b.apply("neg", z)})
    assert node_label(graph, y) == "layer layers.0, backward, exp [2×3] (%1, net.py:7)"
    assert node_label(graph, z) == "net.py:9, sum of [2×3] (%2)"
    assert node_label(graph, 3) == "neg (%3)"
    assert node_text(graph, y) == "%1 = exp (float32[2, 3], net.py:7 in layers.0 (Linear), backward)"
    assert str(Origin("net.py:7", "", "Net")) == "net.py:7 in Net"


def test_names_do_not_make_equal_steps_compile_twice() -> None:
    assert graph_of_step().digest() == graph_of_step().digest()
    plain = graph_of_step()
    bare = Graph(tuple(n.__class__(n.op, n.inputs, n.attrs, n.shape, n.dtype) for n in plain.nodes), plain.outputs,
                 plain.updates)  # fmt: skip
    assert bare.digest() == plain.digest()


def test_a_step_that_raises_leaves_no_layer_behind() -> None:
    class Broken(Module):
        def forward(self, x: Tensor) -> Tensor:
            raise FrameworkError("no")

    with pytest.raises(FrameworkError):
        Broken()(Tensor(X))
    made = (Tensor(X) + 2)._expr.origin
    assert made is not None
    assert made[1:] == ("", "", "")


class Trainer:
    """Holds what a step needs, as scripts often do."""

    def __init__(self) -> None:
        self.net, self.optimizer = make()

    def steps(self) -> list[Any]:
        def nested(x: Tensor, y: Tensor) -> Tensor:
            return train_step(self.net, self.optimizer, x, y)

        return [nested, self.step]

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        return train_step(self.net, self.optimizer, x, y)


trainer = Trainer()


def helper(x: Tensor, y: Tensor) -> Tensor:
    return train_step(trainer.net, trainer.optimizer, x, y)


def through_a_helper(x: Tensor, y: Tensor) -> Tensor:
    return helper(x, y)


part = jit(helper)


def through_a_jitted_one(x: Tensor, y: Tensor) -> Tensor:
    return part(x, y)


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (trainer.step, "net.0.weight"),
        (trainer.steps()[0], "net.0.weight"),
        (helper, "trainer.net.0.weight"),
        (through_a_helper, "trainer.net.0.weight"),
        (through_a_jitted_one, "trainer.net.0.weight"),
    ],
)
def test_models_are_found_in_objects_and_through_functions(step: Callable[..., Any], state: str) -> None:
    graph = jit(step).lower(Tensor(X), Tensor(Y))
    assert state in graph.input_names
    assert set(names(graph, "matmul")) == PRODUCTS
    assert "layer 2, weight update, sub [2×4]" in names(graph, "sub")
