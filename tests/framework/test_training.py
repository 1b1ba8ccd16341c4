"""Modules, losses, SGD and data together: small models learn, and agree with torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn, optim
from weft.framework.data import DataLoader, TensorDataset
from weft.framework.errors import CheckpointError, DTypeError, FrameworkError, ShapeError
from weft.framework.jit import jit
from weft.framework.nn import functional as F
from weft.framework.random import Generator, manual_seed
from weft.framework.tensor import Tensor, tensor

UNCHECKED: Any = weft
"""For what a type checker would find wrong."""


@pytest.mark.smoke
def test_mlp_with_ragged_last_batch_learns() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(150, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)  # exclusive or: no linear model can
    model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)

    @jit
    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, seed=3)
    for _ in range(40):
        losses = [step(*batch) for batch in loader]
    assert len(losses) == len(loader) == 3
    assert step.traces == 2
    accuracy = (model(tensor(x)).argmax(1) == tensor(y)).float().mean().item()
    assert accuracy >= 0.96
    assert losses[-1].item() < 0.2


def test_logistic_regression_with_l2_reaches_its_optimum() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] + 0.3 * rng.normal(size=200) > 0).astype(np.float32)
    model = nn.Linear(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=1.0, weight_decay=0.05)
    for _ in range(150):  # without jit: each step realises itself
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(tensor(x)).squeeze(1), tensor(y))
        loss.backward()
        optimizer.step()
    assert model.bias is not None
    w, b = model.weight.numpy().astype(np.float64)[0], float(model.bias.numpy()[0])
    error = 1 / (1 + np.exp(-(x @ w + b))) - y
    gradient = np.append(error @ x / 200 + 0.05 * w, error.mean() + 0.05 * b)
    assert np.abs(gradient).max() < 1e-5
    assert ((x @ w + b > 0) == (y > 0.5)).mean() > 0.93


LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[[np.random.Generator], Any]]] = {
    "cross_entropy": (F.cross_entropy, lambda rng: rng.integers(0, 5, 4)),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, lambda rng: rng.uniform(size=(4, 5))),
    "mse_loss": (F.mse_loss, lambda rng: rng.normal(size=(4, 5))),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_torchs(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of losses")
    rng = np.random.default_rng(3)
    loss, draw = LOSSES[name]
    logits, target = (rng.normal(size=(4, 5)) * 30).astype(np.float32), draw(rng)
    ours, theirs = tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
    integer = target.dtype.kind == "i"
    expected = getattr(torch.nn.functional, name)(
        theirs, torch.tensor(target if integer else target.astype(np.float32)), reduction=reduction
    )
    found = loss(ours, tensor(target), reduction=reduction)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=2e-6, atol=1e-6)
    found.sum().backward()
    expected.sum().backward()
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "exp", "abs", "amax"])
def test_functions_and_their_gradients_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of functions")
    values = np.array([-3.0, -0.5, 0.25, 2.0], np.float32)
    ours, theirs = tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    found, expected = getattr(ours, name)(), getattr(theirs, name)()
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=3e-6, atol=1e-6)
    (found * found).sum().backward()
    (expected * expected).sum().backward()
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.0), (0.8, 0.1)])
def test_training_steps_are_torchs(momentum: float, weight_decay: float) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of SGD")
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(7, 6)).astype(np.float32), rng.integers(0, 3, 7)
    ours = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    theirs = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    ours.load_state_dict(theirs.state_dict())
    ours_sgd = optim.SGD(ours.parameters(), 0.3, momentum, weight_decay=weight_decay)
    theirs_sgd = torch.optim.SGD(theirs.parameters(), 0.3, momentum=momentum, weight_decay=weight_decay)
    for _ in range(4):
        ours_sgd.zero_grad()
        F.cross_entropy(ours(tensor(x)), tensor(y)).backward()
        ours_sgd.step()
        theirs_sgd.zero_grad()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y)).backward()
        theirs_sgd.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-5, atol=1e-6)


def test_softmax_is_stable() -> None:
    big = tensor([[1000.0, 0.0], [-1000.0, -1000.0]])
    assert F.softmax(big).tolist() == [[1, 0], [0.5, 0.5]]
    assert F.log_softmax(big).tolist()[0] == [0, -1000]


def test_modules() -> None:
    manual_seed(5)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False), nn.Sigmoid())
    assert repr(model).splitlines()[2] == "  (1): Linear(in_features=4, out_features=2, bias=False)"
    assert [name for name, _ in model.named_parameters()] == ["1.weight"]
    assert np.abs(model.state_dict()["1.weight"].numpy()).max() <= 0.5
    assert model(tensor(np.zeros((3, 2, 2)))).tolist() == [[0.5, 0.5]] * 3
    assert not model.eval().training
    assert model.train()[1].training
    assert nn.Linear(4, 2)(tensor(np.zeros((2, 3, 4)))).shape == (2, 3, 2)
    again = nn.Linear(4, 2, bias=False, generator=Generator(5))
    np.testing.assert_array_equal(again.weight.numpy(), model.state_dict()["1.weight"].numpy())
    assert nn.CrossEntropyLoss()(tensor([[0.0, 0.0]]), tensor([1])).item() == pytest.approx(np.log(2))
    with pytest.raises(ShapeError, match=r"Linear\(4, 2\) takes \[..., 4\], not \[3, 5\]"):
        nn.Linear(4, 2)(tensor(np.zeros((3, 5))))


class Forgetful(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(1, 1)


def test_a_module_that_forgot_its_base() -> None:
    with pytest.raises(FrameworkError, match=r"call super\(\).__init__\(\) before assigning 'layer' to a module"):
        Forgetful()


def test_state_that_belongs_elsewhere() -> None:
    model = nn.Linear(3, 2)
    state = model.state_dict()
    with pytest.raises(CheckpointError, match="does not belong to this Linear: missing bias; unknown scale"):
        model.load_state_dict({"weight": state["weight"], "scale": state["bias"]})
    with pytest.raises(CheckpointError, match=r"weight is \[2, 3\] in the model, but \[3, 2\] in the state"):
        model.load_state_dict({**state, "weight": state["weight"].T})


def test_optimiser_state_and_errors() -> None:
    model = nn.Linear(3, 2)
    a, b = (optim.SGD(model.parameters(), lr=0.5, momentum=0.9) for _ in range(2))
    model(tensor(np.ones((1, 3)))).sum().backward()
    a.step()
    a.lr = 0.25
    b.load_state_dict(a.state_dict())
    assert b.lr.item() == 0.25
    assert b.state_dict()["state"][0]["momentum_buffer"].tolist() == [[1, 1, 1]] * 2
    with pytest.raises(CheckpointError, match=r"an optimiser's state is .* and 'param_groups', .*, not one of lr"):
        a.load_state_dict({"lr": np.float32(1)})
    with pytest.raises(FrameworkError, match="the optimiser was given no parameters"):
        optim.SGD([], lr=0.1)
    with pytest.raises(FrameworkError, match=r"test_training.py:\d+: parameters 0 and 2 are the same tensor"):
        optim.SGD(list(model.parameters()) * 2, lr=0.1)
    with pytest.raises(FrameworkError, match=r"test_training.py:\d+: the learning rate is a number, not 'a'"):
        UNCHECKED.optim.SGD(model.parameters(), lr="a")
    with pytest.raises(FrameworkError, match=r"takes a list of parameters, such as model.parameters\(\), not a Linear"):
        UNCHECKED.optim.SGD(model, lr=1)
    with pytest.raises(FrameworkError, match="parameter 0 of the optimiser is no tensor but of type int"):
        UNCHECKED.optim.SGD([1], lr=1)
    with pytest.raises(FrameworkError, match="the learning rate must not be negative; it is -1"):
        optim.SGD(model.parameters(), lr=-1)


def test_loader() -> None:
    data = TensorDataset(np.arange(10), tensor(np.arange(10) * 2.0))
    batches = list(DataLoader(data, batch_size=4))
    assert [b[0].tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(list(DataLoader(data, batch_size=4, drop_last=True))) == 2
    orders = [[i for b in DataLoader(data, 3, shuffle=True, seed=s) for i in b[0].tolist()] for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(10))
    loader = DataLoader(data, 10, shuffle=True, seed=1)
    assert next(iter(loader))[0].tolist() != next(iter(loader))[0].tolist()  # a new order at each pass
    with pytest.raises(ShapeError, match=r"the fields need equally many rows, not \[\[2\], \[3\]\]"):
        TensorDataset(np.zeros(2), np.zeros(3))
    with pytest.raises(FrameworkError, match=r"batch_size is at least 1 .*; it is 0"):
        DataLoader(data, 0)


def test_labels_may_be_arrays_and_must_be_classes() -> None:
    logits = np.random.default_rng(5).normal(size=(3, 2)).astype(np.float32)
    labels = np.array([0, 1, 1], np.int32)
    loss = F.cross_entropy(tensor(logits), labels)
    assert loss.item() == F.cross_entropy(tensor(logits), tensor(labels)).item() > 0
    for bad in (labels + 1, tensor(labels + 1)):
        with pytest.raises(FrameworkError, match=r"test_training.py:\d+: cross_entropy: label 2 in row 1 is not"):
            F.cross_entropy(tensor(logits), bad)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: nn.Linear(-1, 3), ShapeError, "Linear: in_features is a positive integer, not -1"),
        (lambda: UNCHECKED.nn.Linear(3, 4.5), ShapeError, "Linear: out_features is a positive integer, not 4.5"),
        (
            lambda: UNCHECKED.nn.Linear(3, 2)(None),
            DTypeError,
            r"Linear\(3, 2\) was given None; give a tensor or an array",
        ),
        (
            lambda: UNCHECKED.functional.cross_entropy(np.ones((1, 2)), None),
            DTypeError,
            "cross_entropy was given None; give a tensor",
        ),
        (lambda: UNCHECKED.relu("x"), DTypeError, "relu was given a str; give a tensor"),
        (lambda: UNCHECKED.nn.Tahn, AttributeError, r"nn has no Tahn; did you mean Tanh\?$"),
        (lambda: UNCHECKED.optim.Adams, AttributeError, r"optim has no Adams; did you mean Adam.*\?$"),
        (lambda: UNCHECKED.jit(F.relu)(), TypeError, r"relu\(input.*\).*: missing a required argument: 'input'"),
    ],
)
def test_mistakes_are_named_at_the_line(build: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"test_training.py:\d+: {message}"):
        build()


def test_a_module_cannot_contain_itself() -> None:
    outer, inner = nn.Sequential(nn.Linear(3, 2)), nn.Sequential()
    outer.inner = inner
    for module, name in ((outer, "me"), (inner, "around")):
        with pytest.raises(FrameworkError, match=rf"cannot contain itself, but Sequential.{name} would; keep"):
            setattr(module, name, outer)
        assert not hasattr(module, name)
    inner.around = (outer,)
    assert [name for name, _ in outer.named_modules()] == ["", "0", "inner"]
