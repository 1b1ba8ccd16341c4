"""What has no loop of its own on the CPU: functions of float64, computed by their primitive's reference."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.targets.cpu import host
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.graph import Graph


def _graph(shape: tuple[int, ...]) -> Graph:
    b = GraphBuilder()
    x = b.input("x", shape, "float64")
    turned = b.apply("permute", b.apply("exp", x), order=(1, 0))
    logs = b.apply("log", b.apply("add", turned, b.full(1.0, like=turned)))
    return b.build({"y": b.apply("sum", logs, axes=(0,), keepdims=False), "z": b.apply("tanh", turned)})


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 3), (5, 0)])
def test_functions_of_float64(shape: tuple[int, ...]) -> None:
    values = {"x": np.random.default_rng(0).normal(size=shape)}
    graph = _graph(shape)
    ours, numpys = (get_device(name).compile(graph)(values).outputs for name in ("cpu", "numpy"))
    for name in ("y", "z"):
        assert ours[name].dtype == np.float64
        np.testing.assert_allclose(ours[name], numpys[name], rtol=1e-15)
    np.testing.assert_allclose(ours["y"], np.log(np.exp(values["x"]) + 1).sum(1), rtol=1e-14)


def test_what_goes_wrong_in_a_host_call_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(host, "compute", fail)
    compiled = get_device("cpu").compile(_graph((2, 3)))
    with pytest.raises(RuntimeError, match="planted"):
        compiled({"x": np.ones((2, 3))})
    monkeypatch.undo()
    assert get_device("cpu").compile(_graph((2, 7)))({"x": np.ones((2, 7))}).outputs["y"].shape == (2,)
