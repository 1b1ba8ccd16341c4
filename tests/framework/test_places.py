"""Where values are: handles of a device with a memory of its own, and copies between devices with their gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from weft.framework import reference
from weft.framework.device import Device, DeviceArray, Executable, MemoryDevice, NumpyDevice, Result, Value, host
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.lazy import no_grad
from weft.framework.primitives.base import Array, Shape
from weft.framework.tensor import Tensor, tensor


class Box:
    """A handle: nobody but its device may look into it."""

    def __init__(self, device: Boxes, inside: Array) -> None:
        self.device, self._inside = device, inside

    @property
    def shape(self) -> Shape:
        return self._inside.shape

    @property
    def nbytes(self) -> int:
        return self._inside.nbytes


class Boxes:
    """A third party's device with a memory of its own: it counts what crosses."""

    name = "boxes"

    def __init__(self) -> None:
        self.puts = self.gets = 0

    def put(self, array: Array) -> Box:
        self.puts += 1
        return Box(self, array.copy())

    def get(self, handle: DeviceArray) -> Array:
        self.gets += 1
        assert isinstance(handle, Box)
        assert handle.device is self
        return handle._inside

    def compile(self, graph: Graph) -> Executable:
        return BoxExecutable(self, graph)


class BoxExecutable:
    """A compiled graph of the device."""

    def __init__(self, device: Boxes, graph: Graph) -> None:
        self.device, self.graph = device, graph

    def run(self, values: Sequence[Value]) -> Sequence[Value]:
        own = [v if isinstance(v, Box) and v.device is self.device else self.device.put(host(v)) for v in values]
        given = dict(zip(self.graph.input_names, (box._inside for box in own), strict=True))
        outputs, states = reference.run(self.graph, given)
        return [Box(self.device, value) for value in (*outputs.values(), *states.values())]

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        return Result(*reference.run(self.graph, inputs))


class Plain:
    """A third party's device that knows arrays and nothing else."""

    name = "plain"

    def compile(self, graph: Graph) -> Executable:
        def executable(inputs: Mapping[str, Array]) -> Result:
            assert all(type(value) is np.ndarray for value in inputs.values())
            return Result(*reference.run(graph, inputs))

        return executable


def counting(device: Device) -> tuple[Tensor, Callable[..., Tensor]]:
    total = tensor([1.0, 2.0], device=device)

    @jit
    def step(x: Tensor) -> Tensor:
        total.assign(total + x)
        return total.sum()

    return total, step


def test_state_stays_where_it_is() -> None:
    device = Boxes()
    total, step = counting(device)
    assert device.puts == 1
    x = tensor([1.0, 1.0], device=device)
    losses = [step(x) for _ in range(4)]
    assert (device.puts, device.gets) == (2, 0)
    assert isinstance(total._expr.value, Box)
    assert [loss.item() for loss in losses] == [5, 7, 9, 11]
    assert device.gets == 4
    (total * 2).realize()
    total[0].item()  # a slice is seen by the host
    assert (device.puts, device.gets) == (3, 5), "the number 2, and what was read"


def test_a_device_that_knows_arrays_alone_takes_part() -> None:
    total, step = counting(Plain())
    assert [step(tensor([1.0, 1.0])).item() for _ in range(2)] == [5, 7]
    moved = tensor([1.0, 2.0], device=Boxes()).to(total.device)
    assert (moved + total).tolist() == [4, 6]
    assert not isinstance(total.device, MemoryDevice)


def test_a_tensor_put_nowhere_goes_where_it_is_needed_and_comes_back() -> None:
    boxes, free = Boxes(), tensor([1.0, 2.0])
    on_boxes = (free + tensor([0.0, 0.0], device=boxes)).realize()
    assert isinstance(on_boxes._expr.value, Box)
    assert (on_boxes.to(NumpyDevice()) + free).tolist() == [2, 4]
    np.testing.assert_array_equal(on_boxes.numpy(), [1, 2])
    on_boxes.numpy()[0] = 9
    assert on_boxes.tolist() == [1, 2], "numpy() is a copy"


def test_a_gradient_comes_back_through_a_copy() -> None:
    first, second = Boxes(), Boxes()
    w = tensor([1.0, 2.0], device=first, requires_grad=True)
    x = tensor([3.0, 4.0], device=second)
    hidden = (w * 2).relu()
    loss = (hidden.to(second) * x).sum() + (w.to(second) * x).sum()
    loss.backward()
    assert w.grad is not None
    assert (w.grad.device, w.grad.tolist(), loss.item()) == (first, [9, 12], 33)
    assert loss.device is second
    w.grad = None
    (w.to(second) * x).sum().to(first).backward()
    assert w.grad is not None
    assert (w.grad.device, w.grad.tolist()) == (first, [3, 4])


def test_a_copy_is_as_pending_as_what_it_copies() -> None:
    first, second = Boxes(), Boxes()
    x = tensor([1.0, 2.0], device=first)
    there = (x + 1).to(second)
    back = ((there * 2).to(first) + x).to(second)
    assert there._expr.value is None
    assert back.tolist() == [5, 8]
    assert there.tolist() == [2, 3]
    assert isinstance(back._expr.value, Box)
    assert back._expr.value.device is second
    with pytest.raises(DeviceError, match="operands on different devices"):
        there + x
    assert x.to(first) is x


def test_a_copy_under_no_grad_has_no_history() -> None:
    w = tensor([1.0], requires_grad=True)
    with no_grad():
        assert not w.to(Boxes()).requires_grad
    moved = w.to(Boxes())
    assert (moved.requires_grad, moved.is_leaf) == (True, False)


@pytest.mark.parametrize("other", [NumpyDevice, Boxes, Plain])
def test_training_over_two_devices_is_training_on_one(other: Callable[[], Any]) -> None:
    def trained(where: Device | None) -> list[list[float]]:
        a, b = tensor([[0.5, -1.0]], requires_grad=True), tensor([[2.0], [1.0]], device=where, requires_grad=True)
        x = tensor([[1.0], [2.0], [3.0]])
        for _ in range(3):
            hidden = (x @ a).sigmoid()
            if where is not None:
                hidden = hidden.to(where)
            ((hidden @ b) ** 2).mean().backward()
            for p in (a, b):
                assert p.grad is not None
                p.assign(p - 0.1 * p.grad)
                p.grad = None
        return [a.flatten().tolist(), b.flatten().tolist()]

    assert trained(None) == trained(other())
