"""The registry: devices are found by entry point, built once, and say why when they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import numpy as np
import pytest

from weft.framework import device as devices
from weft.framework.builder import GraphBuilder
from weft.framework.device import Device, NumpyDevice, compiled, default_device, get_device, known_devices, use_device
from weft.framework.errors import DeviceError
from weft.framework.origin import Origin


class Sized:
    """A device with an option."""

    def __init__(self, size: int = 1) -> None:
        self.name = f"sized{size}"

    def compile(self, graph: object) -> object:
        return graph


POINTS = {
    "sized": f"{__name__}:Sized",
    "broken": "no_such_module_anywhere:Device",
}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {name: metadata.EntryPoint(name, where, devices.GROUP) for name, where in POINTS.items()}
    monkeypatch.setattr(devices, "_entry_points", lambda: points)
    monkeypatch.setattr(devices, "_load", _load_here)


def _load_here(name: str, load: Callable[[str], object] = devices._load) -> object:
    return Sized if name == "sized" else load(name)


@pytest.mark.usefixtures("registered")
def test_a_third_partys_device() -> None:
    assert known_devices() == ("broken", "numpy", "sized")
    four = get_device("sized", size=4)
    assert four.name == "sized4"
    assert get_device("sized", size=4) is four
    assert get_device("sized") is not four
    assert get_device(four) is four
    assert isinstance(four, Device)
    with pytest.raises(DeviceError, match=r"device 'sized' does not take the options colour='red': .*; its options"):
        get_device("sized", colour="red")
    with pytest.raises(DeviceError, match=r"device 'broken' is registered but cannot be loaded: No module named"):
        get_device("broken")
    with pytest.raises(DeviceError, match="unknown device 'tpu'; known devices: broken, numpy, sized"):
        get_device("tpu")


def test_default() -> None:
    with use_device("numpy") as chosen:
        assert default_device() is chosen
        assert get_device() is chosen


def test_equal_graphs_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    device, count = NumpyDevice(), []
    original = NumpyDevice.compile
    monkeypatch.setattr(NumpyDevice, "compile", lambda self, g: count.append(1) or original(self, g))
    for value in (1.0, 2.0):
        b = GraphBuilder()
        with b.origin(Origin(f"line {value}")):
            x = b.input("x", (2,), "float32", "state")
            y = b.apply("add", x, x)
        result = compiled(device, b.build({"y": y}, {"x": y}))({"x": np.full(2, value), "more": np.zeros(1)})
        assert result.outputs["y"].tolist() == [2 * value] * 2
        assert result.state["x"].tolist() == [2 * value] * 2
    assert len(count) == 1
