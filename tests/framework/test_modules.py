"""Modules: attributes are all there is, shared tensors, slices, names that do not exist, and what is not pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import checkpoint, nn, optim
from weft.framework.errors import CheckpointError, FrameworkError, PlaceError
from weft.framework.nn import functional
from weft.framework.tensor import Tensor, tensor


def unchecked(thing: Any) -> Any:
    """``thing``, for use that a type checker would find wrong."""
    return thing


class Kinds(nn.Module):
    """One attribute of each kind."""

    scale: nn.Parameter
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("scale", nn.Parameter([1.0]))
        self.register_buffer("mean", tensor([2.0]))
        self.inner = nn.Linear(2, 1)


NAMES = {"scale": ["scale"], "mean": ["mean"], "inner": ["inner.weight", "inner.bias"]}
REMOVALS: dict[str, Callable[[nn.Module, str], Any]] = {
    "set to None": lambda model, name: setattr(model, name, None),
    "deleted": delattr,
    "registered as None": lambda model, name: (
        model.register_buffer(name, None) if name == "mean" else model.register_parameter(name, None)
    ),
}


@pytest.mark.parametrize("how", REMOVALS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_removed_is_gone_everywhere(name: str, how: str) -> None:
    model = Kinds()
    everything = list(model.state_dict())
    assert everything == ["scale", "mean", "inner.weight", "inner.bias"]
    REMOVALS[how](model, name)
    left = [n for n in everything if n not in NAMES[name]]
    assert list(model.state_dict()) == left
    assert [n for n, _ in model.named_state()] == left
    assert [n for n, _ in model.named_parameters()] == [n for n in left if n != "mean"]
    model.load_state_dict(model.state_dict())


@pytest.mark.parametrize("value", [3, 1.5, "text", (1,), tensor([1.0]), np.ones(1), nn.Parameter([1.0]), nn.ReLU()])
@pytest.mark.parametrize("name", NAMES)
def test_what_takes_a_place_is_of_its_kind(name: str, value: Any) -> None:
    """What would be lost is refused, as torch refuses it; another kind of part is one all the same."""
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Module()
    theirs.scale, theirs.inner = torch.nn.Parameter(torch.ones(1)), torch.nn.Linear(2, 1)
    theirs.register_buffer("mean", torch.ones(1))
    given = {Tensor: torch.ones(1), nn.Parameter: torch.nn.Parameter(torch.ones(1)), nn.ReLU: torch.nn.ReLU()}
    model = Kinds()
    try:
        setattr(theirs, name, given.get(type(value), value))
    except TypeError:
        before = vars(model)[name]
        kind = {"scale": "parameter", "mean": "buffer", "inner": "module"}[name]
        told = rf"test_modules.py:\d+: Kinds.{name} is a {kind}, and a {type(value).__name__} in its place would"
        with pytest.raises(TypeError, match=told):
            setattr(model, name, value)
        assert vars(model)[name] is before
    else:
        setattr(model, name, value)
        assert vars(model)[name] is value
        assert sorted(n for n, _ in model.named_parameters()) == sorted(n for n, _ in theirs.named_parameters())


def test_a_state_is_the_parameters_themselves_without_history() -> None:
    model = Kinds()
    state, kept = model.state_dict(), model.state_dict(keep_vars=True)
    assert kept["scale"] is model.scale
    copied = copy.deepcopy(state)
    with weft.no_grad():
        model.scale.add_(1)
        state["mean"].mul_(3)
    assert (state["scale"].tolist(), copied["scale"].tolist(), model.mean.tolist()) == ([2], [1], [6])
    assert not any(value.requires_grad for value in state.values())
    step = weft.jit(lambda: model.scale.assign(model.scale.detach() * 10))
    for _ in range(4):
        step()
    assert state["scale"].tolist() == [20000]


def test_a_layer_without_its_bias_computes_without_it() -> None:
    for remove in (lambda layer: setattr(layer, "bias", None), lambda layer: layer.register_parameter("bias", None)):
        layer = nn.Linear(2, 2)
        remove(layer)
        expected = [[1.0, 2.0]] @ layer.weight.numpy().T
        np.testing.assert_allclose(layer(tensor([[1.0, 2.0]])).numpy(), expected, rtol=1e-6)
        assert list(layer.state_dict()) == ["weight"]


def test_a_reassigned_buffer_and_parameter_are_the_state() -> None:
    model = Kinds()
    model.mean = model.mean * 0.9 + 1
    model.scale = nn.Parameter([7.0])
    model.inner = nn.Linear(2, 3)
    state = model.state_dict()
    assert (state["mean"].tolist(), state["scale"].tolist()) == ([np.float32(2.8)], [7])
    assert state["inner.bias"].shape == (3,)
    model.load_state_dict({**state, "mean": np.array([5], np.float32)})
    assert model.mean.tolist() == [5]
    model.register_parameter("mean", nn.Parameter([1.0]))
    assert [n for n, _ in model.named_parameters()] == ["scale", "mean", "inner.weight", "inner.bias"]
    assert list(model.state_dict()).count("mean") == 1


class Tied(nn.Module):
    """Two layers of one weight, as an embedding and the logits of a language model have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight


def test_a_shared_parameter_has_all_its_names(tmp_path: Path) -> None:
    model, twin = Tied(), Tied()
    assert list(model.state_dict()) == ["first.weight", "first.bias", "second.weight"]
    assert [n for n, _ in model.named_parameters()] == ["first.weight", "first.bias"]
    checkpoint.save(model.state_dict(), tmp_path / "tied.safetensors")
    state = checkpoint.load(tmp_path / "tied.safetensors")
    twin.load_state_dict(state)
    for left_out in ("first.weight", "second.weight"):
        other = Tied()
        other.load_state_dict({name: value for name, value in state.items() if name != left_out})
        for loaded in (twin, other):
            assert loaded.second.weight is loaded.first.weight
            np.testing.assert_array_equal(loaded.second.weight.numpy(), model.first.weight.numpy())
    with pytest.raises(CheckpointError, match=r"first.weight and second.weight are one tensor in the model, but"):
        twin.load_state_dict({**state, "second.weight": state["second.weight"] + 1})
    with pytest.raises(CheckpointError, match=r"missing first.weight, second.weight"):
        twin.load_state_dict({"first.bias": state["first.bias"]})


def test_slices_are_of_the_same_kind_and_share_the_modules() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    head = model[0:2]
    assert isinstance(head, nn.Sequential)
    assert head[0] is model[0]
    x = tensor([[1.0, -2.0]])
    np.testing.assert_array_equal(model[2](head(x)).numpy(), model(x).numpy())
    assert list(model[1:].state_dict()) == ["2.weight", "2.bias"]
    assert len(model[3:]) == 0
    assert model[-1] is model[2]
    layers = nn.ModuleList(model)
    assert isinstance(layers[1:], nn.ModuleList)
    assert list(layers[2:].state_dict()) == ["0.weight", "0.bias"]
    assert [type(m).__name__ for m in layers] == ["Linear", "ReLU", "Linear"]
    for listed, index in ((model, 3), (layers, -4)):
        with pytest.raises(PlaceError, match=rf"test_modules.py:\d+: .* has 3 modules, so there is no \[{index}\]"):
            listed[index]
    with pytest.raises(PlaceError, match="Sequential takes a number or a slice, not a str"):
        unchecked(model)["0"]
    with pytest.raises(FrameworkError, match="a ModuleList holds modules, not a int"):
        unchecked(layers).append(3)
    with pytest.raises(FrameworkError, match="a Sequential takes modules, but 1 is of type function"):
        nn.Sequential(nn.ReLU(), functional.relu)


@pytest.mark.parametrize(
    ("owner", "name", "message"),
    [
        (weft, "relue", r"weft has no relue; did you mean relu"),
        (weft, "Tenser", "weft has no Tenser; did you mean Tensor"),
        (weft, "xyzzy", r"weft has no xyzzy; dir\(\) lists"),
        (nn, "Lineer", r"nn has no Lineer; did you mean Linear\?"),
        (nn, "Xyzzy", r"nn has no Xyzzy; (there are: BCEWithLogitsLoss, CrossEntropyLoss, Flatten|dir\(\) lists)"),
        (functional, "softmacks", "nn.functional has no softmacks; did you mean softmax or softmin or log_softmax"),
        (optim, "SDG", "optim has no SDG; did you mean SGD"),
        (checkpoint, "lod", "checkpoint has no lod; did you mean load"),
        (tensor([1.0]), "sume", r"Tensor has no sume; did you mean sum\b"),
        (tensor([1.0]), "gradd", "Tensor has no gradd; did you mean grad"),
        (nn.Linear(2, 2), "wieght", "Linear has no wieght; did you mean weight"),
        (nn.Linear(2, 2), "foward", "Linear has no foward; did you mean forward"),
        (optim.SGD([nn.Parameter([1.0])], lr=1), "zero_grads", "SGD has no zero_grads; did you mean zero_grad"),
    ],
)  # fmt: skip
def test_an_unknown_name_brings_the_nearest(owner: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=rf"test_modules.py:\d+: {message}") as caught:
        getattr(owner, name)
    assert isinstance(caught.value, FrameworkError)
    assert not hasattr(owner, "__nothing__")


@pytest.mark.parametrize(
    ("thing", "instead"),
    [
        (nn.Linear(2, 2), r"weft.save\(model.state_dict\(\), path\)"),
        (nn.Sequential(nn.ReLU()), r"model.load_state_dict\(weft.load\(path\)\)"),
        (optim.SGD([nn.Parameter([1.0])], lr=1), r"weft.save\(optimizer.state_dict\(\), path\)"),
        (nn.Parameter([1.0]), r"weft.save\("),
        (tensor([1.0]), r"weft.save\("),
        (weft.jit(lambda x: x), "its Python source"),
    ],
)
def test_pickling_is_refused_in_words(thing: Any, instead: str) -> None:
    kind = type(thing).__name__
    with pytest.raises(FrameworkError, match=rf"test_modules.py:\d+: a {kind} is not pickled .*{instead}"):
        pickle.dumps(thing)
    assert type(copy.copy(thing)) is type(copy.deepcopy(thing)) is type(thing)


def test_a_copied_optimiser_and_module_are_their_own() -> None:
    model = Kinds()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    twin, other = copy.deepcopy((model, optimizer))
    other.lr = 1.0
    assert other.param_groups[0]["params"][0] is twin.scale
    assert optimizer.lr.item() == 0.5
    shallow = copy.copy(model)
    assert shallow.scale is model.scale
    shallow.register_buffer("extra", tensor(1))
    assert "extra" not in model.state_dict()


@pytest.mark.parametrize(
    ("register", "message"),
    [
        (lambda m: m.register_buffer("a.b", tensor(1)), "'a.b' names no attribute; give a word without a dot"),
        (lambda m: m.register_buffer("x", 1), "Kinds.x is to be a Tensor or None, not a int"),
        (lambda m: m.register_parameter("x", tensor(1.0)), "Kinds.x is to be a Parameter or None, not a Tensor"),
        (lambda m: m.register_buffer("forward", tensor(1)), "Kinds has an attribute forward of its own"),
        (lambda m: m.load_state_dict([1]), "load_state_dict takes arrays by name, .* not a list"),
        (lambda m: checkpoint.save(m, "x"), "save takes named arrays and a path, .* not a Kinds and a str"),
        (lambda m: checkpoint.save(unchecked({1: tensor(1)}), "x"), "arrays are saved under names, which 1 is not"),
        (lambda m: checkpoint.load(m), "load takes a path, not a Kinds"),
    ],
)
def test_registering_and_saving_what_is_none(register: Callable[[nn.Module], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_modules.py:\d+: {message}"):
        register(Kinds())


def test_both_orders_of_saving(tmp_path: Path) -> None:
    state = {"x": np.array([1, 2], np.float32)}
    checkpoint.save(tmp_path / "ours", state)
    checkpoint.save(state, tmp_path / "torchs", {"epoch": "1"})
    assert checkpoint.load(tmp_path / "ours")["x"].tolist() == checkpoint.load(tmp_path / "torchs")["x"].tolist()
    with pytest.raises(CheckpointError, match="'m' is a Linear; what is saved are arrays and tensors, such as model"):
        checkpoint.save({"m": nn.Linear(1, 1)}, tmp_path / "none")
    assert isinstance(tensor([1.0]), Tensor)
