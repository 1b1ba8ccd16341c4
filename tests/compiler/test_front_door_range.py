"""Every function and method that takes one tensor and gives one of its shape, over the whole range.

They are found, not listed: a new one joins by being public. The oracle is the very graph that it records, computed in
float64: what cancels, overflows or meets infinity times zero in float32 does not do so there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.compiler.sweep import errors, every_exponent
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.errors import FrameworkError
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.nn import functional
from weft.framework.operators import TensorOperators
from weft.framework.primitives.base import Array
from weft.framework.reference import evaluate, run
from weft.framework.refusals import public_names
from weft.framework.tensor import Tensor

ULP = {"x ** -3": 6, "x ** -2": 4, "x ** 3": 4}
"""Units in the last place allowed where it is not 3: a power is that many products."""


COMPOSED = {
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu6", "selu",
    "silu", "softmin", "softshrink", "softsign", "tanhshrink", "normalize",
}  # fmt: skip
"""Functions of several steps with a rounding each, which cancel or overflow somewhere; torch is their measure."""


def lowered(f: Callable[[Any], Any], x: Array) -> Graph:
    return jit(f).lower(Tensor(x))


def found() -> dict[str, Callable[[Any], Any]]:
    """Every function of one tensor and every method without arguments that keeps shape and computes."""
    names = public_names(vars(functional))
    candidates: dict[str, Callable[[Any], Any]] = {name: getattr(functional, name) for name in names}
    for name in dir(TensorOperators):
        if not name.startswith("_") and callable(getattr(TensorOperators, name)):
            candidates[f"Tensor.{name}"] = getattr(Tensor, name)
    kept = {}
    for name, f in candidates.items():
        if name in COMPOSED:
            continue
        try:
            graph = lowered(f, np.zeros((2, 4), np.float32))
        except (FrameworkError, TypeError, ValueError, AttributeError):
            continue
        result = graph.nodes[graph.outputs[0][1]] if len(graph.outputs) == 1 else None
        if result is not None and result.shape == (2, 4) and result.dtype.is_float and len(graph.live) > 1:
            kept[name] = f
    return kept


def power(n: float) -> Callable[[Any], Any]:
    return lambda x: x**n


FOUND = found() | {f"x ** {n}": power(n) for n in (-3, -2, -1, 0, 0.5, 1, 2, 3)}


@pytest.fixture(autouse=True)
def _all_numbers_are_meant() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def computed(f: Callable[[Any], Any], x: Array, cotangent: Array) -> Iterator[tuple[str, Array, Array]]:
    """(device and result, found, wanted) of the value and of the gradient for a cotangent."""
    graph = lowered(f, x)
    b = GraphBuilder(graph.nodes)
    (_, y), i = graph.outputs[0], graph.inputs[0]
    (d,) = gradients(b, y, [i], seed=b.constant(cotangent, "float32"))
    graph = b.build({"value": y, "gradient": d})
    given = {graph.nodes[i].attr("name"): x}
    values = evaluate(graph, given, float64=True)
    for device, outputs in (("numpy", run(graph, given)[0]), ("cpu", CpuDevice().compile(graph)(given).outputs)):
        for key, index in graph.outputs:
            yield f"{key} on {device}", outputs[key], values[index]


def test_they_are_found() -> None:
    assert len(FOUND) > 20
    assert {"sigmoid", "tanh", "softplus", "logsigmoid", "softmax", "Tensor.abs", "Tensor.log1p"} <= set(FOUND)


@pytest.mark.parametrize("name", [name for name in FOUND if "softmax" not in name])
def test_functions_of_elements(name: str) -> None:
    x = every_exponent(4)
    for what, got, wanted in computed(FOUND[name], x, np.ones(x.shape)):
        off = errors(got, wanted, "float32")
        at = np.unravel_index(int(off.argmax()), off.shape)
        assert off[at] <= ULP.get(name, 3), f"{what}, of {x[at]}: {got[at]}, not {wanted[at]}: {off[at]:.3g} units"


@pytest.mark.parametrize("name", [name for name in FOUND if "softmax" in name])
def test_functions_of_rows(name: str) -> None:
    """Rows whose elements lie close to each other anywhere, or far apart; errors relative to 1, or what is larger."""
    rng = np.random.default_rng(0)
    base, spread = (np.ldexp(1.0, rng.integers(*span, 400))[:, None] for span in ((-120, 120), (-20, 120)))
    x = (rng.choice((-1.0, 1.0), (400, 1)) * base + rng.uniform(-0.5, 0.5, (400, 4)) * spread).astype(np.float32)
    for what, got, wanted in computed(FOUND[name], x, rng.normal(size=x.shape)):
        off = np.abs(got - wanted) / np.maximum(np.abs(wanted), 1)
        assert off.max() <= 4 * 2.0**-23, f"{what}: {off.max():.3g} at {x[off.max(1).argmax()]}"


TARGETS = (np.arange(len(every_exponent(4)) * 64) % 2).reshape(-1, 64).astype(np.float32)


def test_binary_cross_entropy() -> None:
    """Values and gradients for targets 0 and 1, closed forms of which are softplus and sigmoid of ±x."""
    x = every_exponent(4)
    t = Tensor(x, requires_grad=True)
    losses = functional.binary_cross_entropy_with_logits(t, Tensor(TARGETS), reduction="none")
    losses.sum().backward()
    signed = np.where(TARGETS == 1, -x, x).astype(np.float64)
    z = np.exp(-np.abs(signed))
    value = np.maximum(signed, 0) + np.log1p(z)
    slope = np.where(signed < 0, z, 1) / (1 + z) * np.where(TARGETS == 1, -1, 1)
    finite = np.isfinite(x)  # 0 · infinity is no number
    assert errors(losses.numpy(), value, "float32")[finite].max() <= 2
    assert t.grad is not None
    assert errors(t.grad.numpy(), slope, "float32")[finite].max() <= 2
