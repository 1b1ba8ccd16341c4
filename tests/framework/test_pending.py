"""Un-jitted work: what a read computes, what stays pending, what keeps memory, and how often a loop compiles.

A device that counts stands in for every device: graphs compiled, and operations executed.
"""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.framework import device as devices
from weft.framework import functional as F
from weft.framework import nn, optim, pending, reference
from weft.framework.creation import zeros
from weft.framework.device import Executable, NumpyDevice, Result, use_device
from weft.framework.errors import GradientError
from weft.framework.graph import Graph
from weft.framework.lazy import Expr, no_grad
from weft.framework.primitives.base import Array
from weft.framework.recent import Recent
from weft.framework.tensor import Tensor, tensor


class CountingDevice:
    """NumPy, with the number of graphs compiled, and of operations executed."""

    name = "counting"

    def __init__(self) -> None:
        self.compiled = self.executed = 0

    def compile(self, graph: Graph) -> Callable[[Mapping[str, Array]], Result]:
        self.compiled += 1

        def executable(inputs: Mapping[str, Array]) -> Result:
            self.executed += sum(graph.nodes[i].op not in ("input", "constant") for i in graph.live)
            return Result(*reference.run(graph, inputs))

        return executable


@pytest.fixture
def counting(numpy_device: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingDevice]:
    monkeypatch.setattr(pending.WAITING, "tensors", OrderedDict())  # what other tests left waiting is not counted here
    device = CountingDevice()
    with use_device(device):
        yield device


def arrays() -> set[int]:
    """The arrays that live expressions hold."""
    gc.collect()
    return {id(o.value) for o in gc.get_objects() if type(o) is Expr and o.value is not None and o.value.shape != ()}


X = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)

POSITIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], Callable[[Array, float], Array]]] = {
    "x + s": (lambda x, s: x + s, lambda x, s: x + s),
    "s + x": (lambda x, s: s + x, lambda x, s: s + x),
    "x - s": (lambda x, s: x - s, lambda x, s: x - s),
    "s - x": (lambda x, s: s - x, lambda x, s: s - x),
    "x * s": (lambda x, s: x * s, lambda x, s: x * s),
    "x / s": (lambda x, s: x / s, lambda x, s: x / s),
    "s / x": (lambda x, s: s / x, lambda x, s: s / x),
    "x < s": (lambda x, s: x < s, lambda x, s: x < s),
    "x >= s": (lambda x, s: x >= s, lambda x, s: x >= s),
    "x == s": (lambda x, s: x == s, lambda x, s: x == s),
    "maximum": (lambda x, s: x.maximum(s), lambda x, s: np.maximum(x, s)),
    "clamp": (lambda x, s: x.maximum(-s).minimum(s), lambda x, s: np.clip(x, -s, s)),
    "where": (lambda x, s: F.where(x > 0, s, x), lambda x, s: np.where(x > 0, s, x)),
    "full": (lambda x, s: F.full(x.shape, s) + x, lambda x, s: s + x),
    "mean": (lambda x, s: x.mean() * s, lambda x, s: x.mean() * s),
    "two of them": (lambda x, s: x * s + x * (s + 1), lambda x, s: x * s + x * (s + 1)),
}


@pytest.mark.parametrize(
    ("position", "dtype"),
    [
        (position, dtype)
        for position in POSITIONS
        for dtype in ("float32", "bfloat16", "int32", "int8")
        if position != "mean" or "float" in dtype
    ],
)
def test_a_number_that_changes_compiles_nothing_anew(counting: CountingDevice, position: str, dtype: str) -> None:
    ours, theirs = POSITIONS[position]
    whole = dtype.startswith("int")
    data = np.array([[3, 8], [5, 100]])
    x = tensor(data, dtype=dtype)
    for step in range(50):
        s = 11 + step if whole else 11.0 + step / 4
        if dtype == "int8" and "/" not in position:
            s = min(s, 60) // 8  # products stay within int8
            wanted = theirs(data.astype(np.int64), s).astype(np.int64).astype(np.int8)
        else:
            wanted = theirs(data.astype(np.float64), s)
        tolerance = 2**-6 if dtype == "bfloat16" else 1e-6
        np.testing.assert_allclose(ours(x, s).numpy().astype(np.float64), wanted, rtol=tolerance)
    special = 1 if dtype == "int8" and "/" not in position else 0  # the number 1 stays in the graph
    assert counting.compiled <= 1 + 2 * special


def test_special_numbers_stay_in_the_graph_for_the_rules_that_look_for_them(counting: CountingDevice) -> None:
    x = tensor([2.0, -3.0])
    for step in range(50):
        assert (x * (step - 25)).tolist() == [2.0 * (step - 25), -3.0 * (step - 25)]
    assert counting.compiled == 4  # by -1, 0 and 1, and by any other number


def test_a_schedule_compiles_nothing_anew(counting: CountingDevice) -> None:
    model = nn.Linear(6, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5, weight_decay=0.1)
    losses = []
    for step in range(50):
        optimizer.lr = 0.1 / (1 + step)
        optimizer.param_groups[0].update(momentum=0.5 + step / 1000, weight_decay=0.1 / (1 + step))
        loss = (model(tensor(X[step : step + 8])) ** 2).mean() * (1.5 + step * 1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    assert counting.compiled == 1
    assert losses[-1].item() < losses[0].item()


@pytest.mark.parametrize(
    "step",
    [
        lambda x, i: x[i],
        lambda x, i: x[i : i + 8],
        lambda x, i: x[i : i + 16 : 2, 1:3],
        lambda x, i: x[i].reshape(2, 3),
        lambda x, i: tensor(X[i]),
    ],
    ids=["row", "batch", "strided", "reshaped", "new tensor"],
)
def test_an_index_that_changes_compiles_nothing_anew(counting: CountingDevice, step: Callable[[Any, int], Any]) -> None:
    x, w = tensor(X), tensor(X[:1, :2].sum())
    for i in range(50):
        np.testing.assert_array_equal(step(x, i).numpy(), np.asarray(step(X, i)))
        (step(x, i) * w).sum().item()
    assert counting.compiled == 1


def test_a_read_computes_what_it_needs_and_no_more(counting: CountingDevice) -> None:
    x = tensor(X)
    other = (x * 3.5).exp().sum()
    state = tensor(0.0)
    state.assign(state + 2.5)
    wanted = (x + 0.25).sum(1)
    wanted.tolist()
    assert counting.executed == 3  # broadcast, add, sum
    assert other._expr.value is None
    assert state._expr.value is None
    assert state.item() == 2.5  # pending is not lost
    np.testing.assert_allclose(other.item(), np.exp(X * np.float32(3.5)).sum(), rtol=1e-5)


def test_what_lies_on_the_way_is_computed_once(counting: CountingDevice) -> None:
    x = tensor(X)
    logits = x * 3.5  # broadcast, mul
    loss, accuracy = logits.exp().sum(), logits.argmax(1)
    loss.item()
    executed = counting.executed
    accuracy.tolist()
    assert counting.executed == executed + 1


@pytest.mark.parametrize("read", [True, False], ids=["others are read", "nothing is read"])
@pytest.mark.parametrize("kind", ["assigned", "rebound", "collected"])
def test_pending_work_does_not_grow_in_a_loop(counting: CountingDevice, kind: str, read: bool) -> None:
    """A running average that nobody reads: its pending steps, and the data that they hold, stay bounded."""
    average, kept = tensor(np.zeros(6)), [tensor(0.0)]
    most = np.zeros(6)
    held = []
    for i in range(3000):
        x = tensor(X[i % 100])
        if kind == "assigned":
            average.assign(average * 0.5 + x)
        elif kind == "rebound":
            average = average * 0.5 + x
        else:
            kept = [*kept[-9:], (x * 0.5).exp()]
        most = most * 0.5 + X[i % 100]
        if read and i % 8 == 0:
            (x + 0.5).sum().item()
        if i % 600 == 599:
            held.append(len(arrays()))
    assert max(held) < 1100
    assert counting.compiled <= 6
    if kind != "collected":
        np.testing.assert_allclose(average.numpy(), most, rtol=1e-5)


def test_kept_losses_keep_no_weights(counting: CountingDevice) -> None:
    model = nn.Linear(6, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses, before = [], 0
    for step in range(40):
        loss = (model(tensor(X[:8])) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
        if step == 5:
            before = len(arrays())
    assert len(arrays()) == before
    assert losses[3]._expr.inputs == ()


def test_a_realised_tensor_does_not_keep_its_producers(counting: CountingDevice) -> None:
    x = tensor(X)
    y = x * 2.5 + 1.5
    source = weakref.ref(x._expr)
    del x
    y.numpy()
    gc.collect()
    assert source() is None


def test_a_gradient_is_computed_where_its_tensor_is(numpy_device: None) -> None:
    """Also one that depends on numbers alone."""
    device = CountingDevice()
    w = Tensor(np.ones(3), device=device).requires_grad_()
    (w * 2.5 + w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.5] * 3
    assert w.grad.device is device
    assert device.compiled == 1


def test_a_second_backward_needs_the_history(counting: CountingDevice) -> None:
    w = tensor([2.0, 3.0], requires_grad=True)
    h = w * w
    loss = h.sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [8, 12]
    with pytest.raises(GradientError, match="backward through the graph a second time") as error:
        (h * 2).sum().backward()
    assert f"{Path(__file__).name}:" in str(error.value)
    assert "retain_graph=True" in str(error.value)
    assert loss.item() == 13  # the values are there
    assert h.tolist() == [4, 9]
    with no_grad():
        assert (h + 1).tolist() == [5, 10]


def test_executables_are_bounded_by_count_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    recent: Recent[int, bytearray] = Recent(3, 100, len)
    for key in (1, 2, 3, 1, 4):
        recent.get(key, lambda: bytearray(10))
    made = recent.made
    recent.get(1, lambda: bytearray(10))
    assert (recent.made, made) == (4, 4)
    recent.get(2, lambda: bytearray(10))
    assert recent.made == 5
    recent.get(5, lambda: bytearray(200))  # larger than all: kept alone
    assert len(recent) == 1


def test_every_new_shape_compiles_and_the_number_kept_is_bounded(
    counting: CountingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_EXECUTABLES", Recent(8, 2**20, lambda executable: 0))
    for extent in range(1, 40):
        assert F.ones(extent).sum().item() == extent
    assert counting.compiled == 39
    assert len(devices._EXECUTABLES) == 8


def test_rows_that_are_written_one_after_the_other_are_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that a loop fills: each index is another place, not another program."""
    compiled: list[Graph] = []
    device = NumpyDevice()
    compile_graph = device.compile

    def noted(graph: Graph) -> Executable:
        compiled.append(graph)
        return compile_graph(graph)

    monkeypatch.setattr(device, "compile", noted)
    with use_device(device):
        filled, told = zeros(40, 2), zeros(40, 2)
        for i in range(40):
            filled[i] = tensor([1.0, 2.0]) * i
            told[i, 1:] = filled[i, :1] + told[i - 1, 1:]
        total = told.sum().item()
    assert total == sum(sum(range(i + 1)) for i in range(40))
    assert len(compiled) < 10
