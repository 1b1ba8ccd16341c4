"""What a module offers to go through, change and watch what it holds, as torch's modules do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn
from weft.framework.errors import CheckpointError, DTypeError, FrameworkError, PlaceError
from weft.framework.tensor import Tensor, tensor


def tree(of: Any) -> Any:
    """The same modules of weft's or of torch's nn: a shared layer, a buffer, modules in modules."""

    class Net(of.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = of.Linear(2, 3)
            self.inner = of.Sequential(of.ReLU(), of.Sequential(of.Linear(3, 3, bias=False)))
            self.again = self.first
            self.scale = of.Parameter(of.Linear(1, 1).weight)

        def forward(self, x: Any) -> Any:
            return self.inner(self.first(x)) * self.scale

    return Net()


WALKS: dict[str, Callable[[Any], list[Any]]] = {
    "named_modules": lambda m: [(n, type(x).__name__) for n, x in m.named_modules()],
    "all named_modules": lambda m: [n for n, _ in m.named_modules(remove_duplicate=False)],
    "prefixed named_modules": lambda m: [n for n, _ in m.named_modules(prefix="net")],
    "modules": lambda m: [type(x).__name__ for x in m.modules()],
    "named_children": lambda m: [n for n, _ in m.named_children()],
    "children": lambda m: [type(x).__name__ for x in m.children()],
    "own parameters": lambda m: [n for n, _ in m.named_parameters(recurse=False)],
    "prefixed parameters": lambda m: sorted(n for n, _ in m.named_parameters("net")),
    "all parameters": lambda m: sorted(n for n, _ in m.named_parameters(remove_duplicate=False)),
    "parameters": lambda m: sorted(tuple(p.shape) for p in m.parameters()),
    "state": lambda m: sorted(m.state_dict()),
    "prefixed state": lambda m: sorted(m.state_dict(prefix="net.")),
    "apply": lambda m: applied(m),
    "repr": lambda m: repr(m).split("\n"),
    "submodule": lambda m: [repr(m.get_submodule("inner.1.0")), m.get_submodule("") is m],
    "parameter": lambda m: [tuple(m.get_parameter("inner.1.0.weight").shape)],
}


def applied(model: Any) -> list[str]:
    seen: list[str] = []
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    return seen


@pytest.mark.parametrize("walk", WALKS)
def test_going_through_is_as_in_torch(walk: str) -> None:
    torch = pytest.importorskip("torch")
    assert WALKS[walk](tree(nn)) == WALKS[walk](tree(torch.nn))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.get_submodule("inner.7"), "Sequential has no module '7'; there are: 0, 1"),
        (lambda m: m.get_parameter("first.wait"), "Linear has no parameter 'wait'; there are: bias, weight"),
        (lambda m: m.get_buffer("first.weight"), "Linear has no buffer 'weight'; there are: none"),
        (lambda m: m.get_submodule(3), "a path in a module is text such as 'layers.0', not a int"),
        (lambda m: m.apply(3), "apply takes a function of a module, not a int"),
        (lambda m: m.register_forward_hook(3), "a hook is a function, not a int"),
        (lambda m: m.add_module("forward", nn.ReLU()), "has an attribute forward of its own"),
        (lambda m: m.add_module("x", 3), "Net.x is to be a Module or None, not a int"),
        (lambda m: m.to("int32"), "a module is converted to a type of floats, not to int32"),
    ],
)
def test_mistakes(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_module_methods.py:\d+: .*{message}"):
        call(tree(nn))


def test_missing_paths_are_attribute_errors_and_types_type_errors() -> None:
    with pytest.raises(AttributeError):
        tree(nn).get_submodule("nothing")
    with pytest.raises(DTypeError):
        tree(nn).to("int32")


def test_freezing_and_forgetting() -> None:
    model = tree(nn)
    model(tensor([[1.0, 2.0]])).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad(set_to_none=False)
    assert all(p.grad.tolist() == np.zeros(p.shape).tolist() for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert not model(tensor([[1.0, 2.0]])).requires_grad
    model.bfloat16()
    assert not any(p.requires_grad for p in model.parameters())
    model.requires_grad_()
    assert all(p.requires_grad and p.dtype is weft.bfloat16 for p in model.parameters())
    assert {p.dtype.name for p in model.float().parameters()} == {"float32"}


def test_moving_and_converting_keep_what_is_trained() -> None:
    for target in ("cpu", "numpy", weft.float32, weft.float64):
        model = tree(nn)
        next(model.parameters()).requires_grad_(False)
        before = [p.requires_grad for p in model.parameters()]
        assert [p.requires_grad for p in model.to(target).parameters()] == before
        assert any(before)
    placed = nn.Linear(2, 1, device="cpu", dtype="float64")
    assert placed.weight.requires_grad
    placed(weft.ones(1, 2, dtype=weft.float64)).sum().backward()
    assert placed.weight.grad is not None
    assert placed.weight.grad.tolist() == [[1.0, 1.0]]


class Counting(nn.Module):
    """A counter that is saved, and a cache that is not."""

    count: Tensor
    cache: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("count", tensor(0))
        self.register_buffer("cache", tensor([1.0, 2.0]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.count.assign(self.count + 1)
        return self.layer(x) * self.cache


def test_buffers_that_are_not_saved() -> None:
    model = Counting()
    assert [n for n, _ in model.named_buffers()] == ["count", "cache"]
    assert list(model.state_dict()) == ["count", "layer.weight", "layer.bias"]
    assert repr(model.load_state_dict(model.state_dict())) == "<All keys matched successfully>"
    step = weft.jit(lambda x: model(x))
    for _ in range(3):
        step(tensor([[1.0, 2.0]]))
    assert model.count.item() == 3
    model.register_buffer("cache", tensor([1.0]), persistent=True)
    assert "cache" in model.state_dict()
    assert model.bfloat16().count.dtype is weft.int32


def test_a_state_that_does_not_fit_wholly() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    state = {**model.state_dict(), "2.weight": np.zeros(1)}
    del state["1.bias"]
    before = model.state_dict()
    with pytest.raises(CheckpointError, match=r"missing 1.bias; unknown 2.weight"):
        model.load_state_dict(state)
    state["0.bias"] = np.array([5], np.float32)
    found = model.load_state_dict(state, strict=False)
    assert found == (["1.bias"], ["2.weight"])
    assert (found.missing_keys, found.unexpected_keys) == (["1.bias"], ["2.weight"])
    assert repr(found) == "IncompatibleKeys(missing_keys=['1.bias'], unexpected_keys=['2.weight'])"
    assert model.state_dict()["0.bias"] == 5
    assert model.state_dict()["1.bias"] == before["1.bias"]
    with pytest.raises(CheckpointError, match=r"0.bias is \[1\] in the model, but \[2\] in the state"):
        model.load_state_dict({"0.bias": np.zeros(2)}, strict=False)


def hooked(of: Any, make: Callable[..., Any]) -> list[Any]:
    """What hooks see and do, in weft or torch."""
    layer, seen, x = of.Linear(1, 1, bias=False), list[Any](), make([[2.0]])
    layer.weight.requires_grad_(False)
    layer.weight.fill_(3.0)

    def numbers(values: Any) -> list[float]:
        return [float(value.item()) for value in values]

    def doubled(module: Any, args: Any) -> Any:
        seen.append(("pre", numbers(args)))
        return args[0] * 2

    handles = [layer.register_forward_pre_hook(doubled)]
    handles.append(layer.register_forward_hook(lambda m, args, y: seen.append(("after", numbers(args), y.item()))))
    handles.append(layer.register_forward_hook(lambda m, args, y: y + 1))
    handles.append(layer.register_forward_hook(lambda m, args, y: seen.append(("last", y.item()))))
    handles.append(layer.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True))
    handles.append(
        layer.register_forward_pre_hook(
            lambda m, args, kwargs: ((kwargs["input"],), {}) if kwargs else None, with_kwargs=True
        )
    )
    seen.append(float(layer(x).item()))
    handles[0].remove()
    handles[0].remove()
    seen.append(float(layer(input=x).item()))
    with handles[2]:
        pass
    seen.append(float(layer(x).item()))
    return seen


def test_forward_hooks_are_as_in_torch() -> None:
    torch = pytest.importorskip("torch")
    assert hooked(nn, tensor) == hooked(torch.nn, torch.tensor)


def test_a_hook_after_an_error_is_called_if_asked_for() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise FrameworkError("no")

    layer, seen = Broken(), list[Any]()
    layer.register_forward_hook(lambda m, a, y: seen.append("never"))
    layer.register_forward_hook(lambda m, a, k, y: seen.append((k, y)), always_call=True, with_kwargs=True)
    with pytest.raises(FrameworkError, match="no"):
        layer(x=tensor(1.0))
    assert [(list(k), y) for k, y in seen] == [(["x"], None)]


def test_a_jitted_function_sees_that_a_hook_has_come_or_gone() -> None:
    layer = nn.Identity()
    step = weft.jit(lambda x: layer(x))
    assert step(tensor(1.0)).item() == 1
    handle = layer.register_forward_hook(lambda m, args, y: y * 10)
    assert step(tensor(1.0)).item() == 10
    handle.remove()
    assert step(tensor(1.0)).item() == 1


def test_a_pre_hook_that_gives_what_is_none() -> None:
    layer = nn.ReLU()
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(FrameworkError, match=r"returns None or \(args, kwargs\), not a int"):
        layer(tensor(1.0))


SUMMARY = """\
module   class       output         parameters
----------------------------------------------
(whole)  Sequential  float32[3, 1]
0        Linear      float32[3, 4]          12
1        ReLU        float32[3, 4]
2        Linear      float32[3, 1]           5
----------------------------------------------
17 parameters, 5 trained; 68 bytes with buffers"""


def test_summary() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    model[0].requires_grad_(False)
    assert model.summary(weft.zeros(3, 2)) == SUMMARY
    assert "output" not in model.summary()
    assert not model[1]._hooks


def test_lists_and_dictionaries_of_modules() -> None:
    torch = pytest.importorskip("torch")
    for of in (nn, torch.nn):
        layers: Any = of.ModuleList([of.ReLU(), of.Sigmoid()])
        layers.extend([of.Tanh(), of.ReLU()]).append(of.SiLU())
        layers.insert(1, of.ELU())
        layers[0] = of.Identity()
        popped = layers.pop(-1)
        del layers[3]
        layers += [of.ReLU()]
        shown = [type(m).__name__ for m in layers]
        assert (shown, type(popped).__name__) == (["Identity", "ELU", "Sigmoid", "ReLU", "ReLU"], "SiLU")
        assert [name for name, _ in layers.named_children()] == ["0", "1", "2", "3", "4"]
        table: Any = of.ModuleDict({"a": of.ReLU(), "b": of.Linear(1, 1)})
        table["c"] = of.Tanh()
        table.update([("d", of.ELU())])
        del table["a"]
        assert (list(table), "b" in table, "a" in table, len(table)) == (["b", "c", "d"], True, False, 3)
        assert list(table.keys()) == ["b", "c", "d"]
        assert [type(m).__name__ for m in table.values()] == ["Linear", "Tanh", "ELU"]
        assert [k for k, _ in table.items()] == ["b", "c", "d"]
        assert type(table.pop("c")).__name__ == "Tanh"
        assert list(table.state_dict()) == ["b.weight", "b.bias"]
        table.clear()
        assert len(table) == 0
    for make in (
        lambda of: of.ModuleList([of.Linear(2, 2), of.Linear(2, 2), of.ReLU(), of.Linear(2, 2)]),
        lambda of: of.ModuleDict({"x": of.Sequential(of.ReLU())}),
        lambda of: of.Unflatten(1, (2, 3)), lambda of: of.Flatten(), lambda of: of.Identity(3, a=4),
    ):  # fmt: skip
        assert repr(make(nn)) == repr(make(torch.nn))


def test_lists_and_dictionaries_of_parameters() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.listed = nn.ParameterList([nn.Parameter([1.0]), tensor([2.0])])
            self.named = nn.ParameterDict({"a": nn.Parameter([3.0])})

        def forward(self, x: Tensor) -> Tensor:
            for p in self.listed:
                x = x * p
            return x + self.named["a"]

    net = Net()
    net.listed.append(nn.Parameter([4.0]))
    net.listed[0] = tensor([10.0])
    net.named["b"] = tensor([5.0])
    assert list(net.state_dict()) == ["listed.0", "listed.1", "listed.2", "named.a", "named.b"]
    net(tensor([1.0])).backward()
    assert [p.grad.tolist() if p.grad else None for p in net.parameters()] == [[8], [40], [20], [1], None]
    assert (len(net.listed), len(net.listed[1:]), net.listed[-1] is net.listed[2]) == (3, 2, True)
    assert (list(net.named), "a" in net.named, len(net.named)) == (["a", "b"], True, 2)
    assert "(0): Parameter containing: [float32 of size 1]" in repr(net.listed)
    del net.named["a"]
    assert [p.tolist() for p in net.named.values()] == [[5]]
    for call, message in (
        (lambda: net.listed[3], r"ParameterList has 3 parameters, so there is no \[3\]"),
        (lambda: net.named["z"], "ParameterDict has no 'z'; it has b"),
        (lambda: nn.ModuleDict({})["z"], "ModuleDict has no 'z'; it has nothing"),
    ):
        with pytest.raises(PlaceError, match=message):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda of: of.ModuleDict({"a": 3}), "a ModuleDict holds modules, not a int"),
        (lambda of: of.ModuleDict(3), "takes a dictionary or pairs of key and module, not a int"),
        (lambda of: of.ModuleDict({"forward": of.ReLU()}), "has an attribute forward of its own"),
        (lambda of: of.ParameterList(3), "a ParameterList takes a list of parameters, not a int"),
        (lambda of: of.ParameterList([3]), "a ParameterList holds parameters, not a int"),
        (lambda of: of.ParameterDict({"a": 3}), "a ParameterDict holds parameters, not a int"),
        (lambda of: of.Unflatten(1, (2, 2))(tensor([[1.0, 2.0, 3.0]])), r"axis 1 of \[1, 3\] cannot become \[2, 2\]"),
    ],
)
def test_what_containers_refuse(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_module_methods.py:\d+: .*{message}"):
        call(nn)


def test_shapes() -> None:
    x = weft.zeros(2, 6, 4)
    assert nn.Unflatten(1, (2, -1))(x).shape == (2, 2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 24)
    assert nn.Flatten(0, 1)(x).shape == (12, 4)
    assert nn.Identity()(x) is x


def test_bilinear() -> None:
    from tests.framework.nn.against_torch import Case, check, check_jitted, normal

    for case in (
        Case("Bilinear", (3, 4, 5), inputs=(normal(2, 3), normal(2, 4))),
        Case("Bilinear", (3, 4, 5), {"bias": False}, inputs=(normal(2, 2, 3), normal(2, 2, 4))),
        Case("Linear", (3, 4), inputs=(normal(2, 3),)),
        Case("Linear", (3, 4, False), inputs=(normal(2, 5, 3),)),
        Case("Linear", (3, 4), inputs=(normal(0, 3),)),
        Case("Linear", (3, 4), inputs=(normal(3),)),
    ):
        check(case)
        check_jitted(case)
