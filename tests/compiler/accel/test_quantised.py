"""Quantised inference: accelerator, CPU and the reference meaning of the compiled graph give the same bits."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from tests.compiler.accel.support import fast, image, results, sound
from tests.sampling import sampled
from weft.base.errors import MissingToolError
from weft.compiler.passes import pipeline
from weft.compiler.targets.accel.compile import compile
from weft.compiler.targets.accel.device import AccelDevice
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import nn, reference
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.framework.jit import jit
from weft.framework.primitives.base import Array
from weft.framework.quantisation import quantise
from weft.framework.random import Generator
from weft.framework.tensor import Tensor
from weft.isa.elements import ELEMENTS
from weft.isa.machine import Machine, load
from weft.isa.vector_ops import BINARY, UNARY
from weft.sim.interp import InterpEngine
from weft.sim.verify import verify

MACHINES = {
    **{name: load(name) for name in ("nano", "edu", "edge-int8")},
    **{name: load(f"tests/machines/{name}.toml") for name in ("odd", "bytes")},
    **{f"{name}, widest bus": load(name, {"bus.bytes": load(name).widest_bus}) for name in ("nano", "edge-int8")},
}


@dataclass(frozen=True)
class Case:
    """The graph of a quantised model on one batch, and the value of every input and state."""

    graph: Graph
    values: dict[str, Array]


def captured(model: nn.Module, x: Array) -> Case:
    """The graph of a call."""

    def run(x: Tensor) -> Tensor:
        result: Tensor = model(x)
        return result

    jitted = jit(run)
    return Case(jitted.lower(Tensor(x)), jitted.bind(Tensor(x)))


def random_case(seed: int) -> Case:
    """A random MLP: ragged layers of 1 to 70, with and without bias and ReLU, dead channels, biases far too large,
    constant inputs; and inputs of which many saturate."""
    rng, numbers, generator = random.Random(seed), np.random.default_rng(seed), Generator(seed)
    widths = [rng.choice((1, 8, 64, rng.randint(1, 70))) for _ in range(rng.randint(2, 4))]
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        linear = nn.Linear(a, b, bias=rng.random() < 0.8, generator=generator)
        if rng.random() < 0.3:
            weight = linear.weight.numpy().copy()
            weight[rng.randrange(b)] = 0
            linear.weight.assign(Tensor(weight))
        if linear.bias is not None and rng.random() < 0.2:
            linear.bias.assign(Tensor(linear.bias.numpy() * np.float32(1e5)))
        layers += [linear, *([nn.ReLU()] if rng.random() < 0.8 else [])]
    data = numbers.normal(0, rng.choice((1e-3, 1, 50)), (40, widths[0])).astype(np.float32)
    if rng.random() < 0.2:
        data[:] = rng.choice((0, 3.25))
    model = quantise(nn.Sequential(*layers), data, rng.choice(("minmax", "percentile")), rng.choice((50, 99)))
    batch = rng.choice((1, 2, 7, 13, 64, 65))
    x = numbers.normal(0, 3, (batch, widths[0])) * max(1e-3, np.abs(data).max())
    return captured(model, x.astype(np.float32))


def agree(case: Case, machine: Machine) -> None:
    """Equal bits on the CPU, on a machine, and by the reference meaning of the compiled graph; all in integers."""
    after = pipeline.run(case.graph, "cpu")
    assert {n.dtype.name for n in after.nodes if n.op == "matmul"} == {"int32"}
    expected = reference.run(after, case.values)[0]["output"]
    assert expected.dtype == np.float32
    cpu = CpuDevice().compile(case.graph)(case.values).outputs["output"]
    assert cpu.tobytes() == expected.tobytes()
    assert results(case.graph, machine, case.values)["output"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("chunk", range(2))
def test_random_networks_are_equal_bit_for_bit(name: str, chunk: int) -> None:
    machine = MACHINES[name]
    for seed in range(5 * chunk, 5 * chunk + 5):
        agree(random_case(seed), machine)


@pytest.mark.parametrize(("inputs", "batch"), [(1000, 1), (999, 3)])
def test_deep_products(inputs: int, batch: int) -> None:
    x = np.random.default_rng(0).normal(size=(batch, inputs)).astype(np.float32)
    model = nn.Sequential(nn.Linear(inputs, 11, generator=Generator(0)), nn.ReLU(), nn.Linear(11, 1))
    agree(captured(quantise(model, x), x), load("edu"))


EDGES = (0.5, 1.5, 2.5, -0.5, -1.5, -0.0, 126.5, 127.49, 127.5, 128.0, -127.5, -128.5, -129.0, 4194303.5, -4194304.5,
         8388609.0, -8388609.0, 12582911.0, -12582912.0, -12582913.0, -1e10, 1e10, 3e38, -3e38, np.inf, -np.inf,
         np.nan, 1e-39, 2.0**-126)  # fmt: skip


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("factor", [1.0, 0.25])
def test_rounding_at_every_edge(relu: bool, factor: float) -> None:
    b = GraphBuilder()
    x = b.input("x", (1, len(EDGES)), "float32")
    value = b.apply("maximum", x, b.full(0, like=x)) if relu else x
    graph = b.build({"q": b.apply("quantise", value, b.full(1 / factor, like=x))})
    values = {"x": np.asarray([EDGES], np.float32) * np.float32(factor)}
    expected = reference.run(graph, values)[0]["q"]
    clean = np.maximum(values["x"], 0) if relu else values["x"]
    scaled = np.asarray(clean, np.float64) / factor
    known = np.where(np.isnan(scaled), 127, np.clip(np.rint(scaled), -128, 127))
    assert expected.tolist() == known.astype(int).tolist()
    assert CpuDevice().compile(graph)(values).outputs["q"].tolist() == expected.tolist()
    for name in ("nano", "bytes"):
        machine = load(name if name == "nano" else f"tests/machines/{name}.toml")
        assert results(graph, machine, values)["q"].tolist() == expected.tolist()


def test_dequantising_rounds_the_integer_and_then_the_product() -> None:
    b = GraphBuilder()
    q = b.input("q", (1, 6), "int32")
    scale = b.apply("broadcast_to", b.constant(0.1, "float32"), shape=(1, 6))
    graph = b.build({"y": b.apply("dequantise", q, scale)})
    values = {"q": np.asarray([[2**24 + 1, 2**24 + 3, -(2**31), 2**31 - 1, 0, -7]], np.int32)}
    expected = values["q"].astype(np.float32) * np.float32(0.1)
    assert results(graph, load("nano"), values)["y"].tobytes() == expected.tobytes()
    assert CpuDevice().compile(graph)(values).outputs["y"].tobytes() == expected.tobytes()


def test_a_hidden_layer_takes_three_vector_passes() -> None:
    model = nn.Sequential(nn.Linear(8, 8, generator=Generator(0)), nn.ReLU(), nn.Linear(8, 8, generator=Generator(1)))
    x = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    case = captured(quantise(model, x), x)
    vectors = [i for i in compile(case.graph, load("edu")).instructions if i.name == "vector"]
    passes = [
        (BINARY[i["pre"]].name, UNARY[i["f"]].name, BINARY[i["then"]].name, ELEMENTS[i["d_type"]]) for i in vectors
    ]
    rounded = ("fadd", "identity", "isub", "int8")
    assert passes == [
        ("fmul", "identity", "fmax", "word"), rounded,  # the input
        ("fmul", "identity", "fmul", "word"),  # the row of factors of the hidden layer, once
        ("iadd", "i2f", "first", "word"), ("first", "relu", "fmul", "word"), rounded,  # the hidden layer
        ("fmul", "identity", "first", "word"), ("iadd", "i2f", "fmul", "word"),  # the last layer, and its row
    ]  # fmt: skip


@pytest.mark.rtl
@pytest.mark.parametrize("name", sampled(["nano", "edu", "tests/machines/odd.toml", "tests/machines/bytes.toml"], 2))
def test_the_hardware_agrees_in_every_cycle_and_bit(name: str) -> None:
    pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")
    from weft.sim.rtl.engine import RtlEngine
    from weft.sim.rtl.toolchain import find_toolchain

    try:
        find_toolchain()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    rtl = RtlEngine()
    for seed in range(3):
        case = random_case(seed)
        program = sound(compile(case.graph, load(name)))
        result = verify(program, [fast(), rtl, InterpEngine()], image(program, case.values))
        assert result.equal, (seed, result.differences[:3])


def test_numbers_that_are_none_become_the_same_integers_everywhere() -> None:
    """NaN counts as 127, infinities saturate, and no output is anything but finite."""
    generator = Generator(3)
    layers = [nn.Linear(9, 12, generator=generator), nn.ReLU(), nn.Linear(12, 5, generator=generator)]
    x = np.random.default_rng(3).normal(size=(20, 9)).astype(np.float32)
    model = quantise(nn.Sequential(*layers), x)
    odd, plain = x[:6].copy(), x[:6].copy()
    step = np.float32(model.state_dict()["0.input_scale"])
    for row, (value, instead) in enumerate(((np.nan, 127), (np.inf, 127), (-np.inf, -128))):
        odd[row, row : row + 4], plain[row, row : row + 4] = value, instead * step
    seen = []
    for device in (CpuDevice(), AccelDevice("nano", tune=False)):
        placed = copy.deepcopy(model).to(device)
        seen += [jit(lambda a, m=placed: m(a))(Tensor(values, device=device)).numpy() for values in (odd, plain)]
    assert np.isfinite(seen[0]).all()
    for other in seen[1:]:
        np.testing.assert_array_equal(other, seen[0])


def test_a_model_on_a_device_deep_copies() -> None:
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    for device in (CpuDevice(), AccelDevice("nano", tune=False)):
        model = nn.Sequential(nn.Linear(6, 3, generator=Generator(0))).to(device)
        for original in (model, quantise(model, x)):
            twin = copy.deepcopy(original)
            assert all(t.device is device for _, t in twin.named_state())
            placed = Tensor(x, device=device)
            np.testing.assert_array_equal(twin(placed).numpy(), original(placed).numpy())
