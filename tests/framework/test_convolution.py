"""Convolutions of every kind: against the sum that defines them, against finite differences, and against torch."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from weft.compiler.check import check_nodes
from weft.compiler.errors import CompileError
from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.graph import Graph
from weft.framework.primitives import sliding
from weft.framework.primitives.contraction import ACCUMULATION
from weft.framework.primitives.convolution import OPERANDS
from weft.framework.reference import evaluate

Shapes = dict[str, tuple[int, ...]]
RESULTS = tuple(OPERANDS)


def drawn(seed: int) -> tuple[Shapes, dict[str, Any]]:
    """Shapes of input, kernel and output, and attributes: any strides, padding (negative too), dilations, groups."""
    rng = random.Random(seed)
    axes = rng.choice((1, 2))

    def each(*pool: int) -> tuple[int, ...]:
        return tuple(rng.choice(pool) for _ in range(axes))

    batch, groups, channels, features = (rng.choice(pool) for pool in ((0, 1, 2, 3), (1, 2, 3), (1, 2), (1, 2)))
    shapes = {
        "input": (batch, groups * channels, *each(0, 1, 2, 4, 5)),
        "kernel": (groups * features, channels, *each(1, 2, 3)),
        "output": (batch, groups * features, *each(0, 1, 2, 3)),
    }
    distances = {"stride": each(1, 1, 2, 3), "low": each(-2, 0, 0, 1, 4), "dilation": each(1, 2, 3)}
    return shapes, {"groups": groups, "input_dilation": each(1, 1, 2), **distances}


def by_definition(result: str, arrays: dict[str, np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    """The sum over all indices that the relation holds for, one product after the other."""
    x, w, y = (arrays[name] for name in ("input", "kernel", "output"))
    made, groups, channels, features = arrays[result], attrs["groups"], w.shape[1], w.shape[0] // attrs["groups"]
    axes = list(zip(*(attrs[name] for name in ("input_dilation", "low", "stride", "dilation")), strict=True))
    met = [
        (i, j, k)
        for i, j, k in itertools.product(*(tuple(np.ndindex(*a.shape[2:])) for a in (x, y, w)))
        if all(a * i[d] + low == s * j[d] + b * k[d] for d, (a, low, s, b) in enumerate(axes))
    ]
    for n, g, c, f in itertools.product(range(x.shape[0]), range(groups), range(channels), range(features)):
        for i, j, k in met:
            places = {
                "input": (n, g * channels + c, *i), "kernel": (g * features + f, c, *k),
                "output": (n, g * features + f, *j),
            }  # fmt: skip
            first, second = OPERANDS[result]
            made[places[result]] += arrays[first][places[first]] * arrays[second][places[second]]
    return made


def built(result: str, shapes: Shapes, attrs: dict[str, Any], dtype: str = "float32") -> tuple[GraphBuilder, int]:
    b = GraphBuilder()
    operands = [b.input(name, shapes[name], dtype) for name in OPERANDS[result]]
    size, accumulate = shapes[result][2:], ACCUMULATION[dtype]
    return b, b.apply("conv", *operands, result=result, size=size, accumulate=accumulate, **attrs)


def whole_numbers(shapes: Shapes, names: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(-4, 5, shapes[name]).astype(np.float64) for name in names}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("result", RESULTS)
def test_each_result_is_the_sum_that_defines_it(result: str, seed: int) -> None:
    shapes, attrs = drawn(seed)
    values = whole_numbers(shapes, OPERANDS[result], seed)
    wanted = by_definition(result, {**values, result: np.zeros(shapes[result])}, attrs)
    for dtype in ACCUMULATION:
        b, y = built(result, shapes, attrs, dtype)
        graph = b.build({"y": y})
        graph.validate()
        found = evaluate(graph, values)[y]
        assert found.dtype == graph.nodes[y].dtype.numpy
        np.testing.assert_array_equal(found, wanted)


def test_integers_wrap_and_wide_ones_lose_no_bit() -> None:
    shapes: Shapes = {"input": (1, 1, 2), "kernel": (1, 1, 2), "output": (1, 1, 1)}
    attrs = {"groups": 1, **dict.fromkeys(("stride", "input_dilation", "dilation"), (1,)), "low": (0,)}
    for dtype, number in (("int32", 2**31 - 1), ("int64", 2**53 + 1)):
        b, y = built("output", shapes, attrs, dtype)
        graph, kernel = b.build({"y": y}), np.array([[[1, 1 if dtype == "int32" else 0]]])
        values = {"input": np.array([[[number, 1]]]), "kernel": kernel}
        wanted = number if dtype == "int64" else -(2**31)
        assert evaluate(graph, values)[y].tolist() == on("cpu", graph, values).tolist() == [[[wanted]]]


def summed(b: GraphBuilder, node: int, power: int) -> int:
    """Σ of a power of a node."""
    raised = node
    for _ in range(power - 1):
        raised = b.apply("mul", raised, node)
    return b.apply("sum", raised, axes=tuple(range(len(b.shape(node)))), keepdims=False)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("result", RESULTS)
def test_first_and_second_gradients_against_finite_differences(result: str, seed: int) -> None:
    shapes, attrs = drawn(seed)
    b, y = built(result, shapes, attrs)
    operands = list(b[y].inputs)
    loss = summed(b, y, power=3)
    first = gradients(b, loss, operands)
    slopes = b.apply("add", *(summed(b, g, power=2) for g in first))
    found = {loss: first, slopes: gradients(b, slopes, operands)}
    graph = b.build({"y": y})
    graph.validate()
    rng = np.random.default_rng(seed)
    # Of few bits, so that what is moved by a power of two stays exact in float32.
    values = {n: np.round(rng.normal(size=shapes[n]) * 16) / 16 for n in OPERANDS[result]}
    exact = evaluate(graph, values, float64=True)
    for (scalar, of_it), (k, name) in itertools.product(found.items(), enumerate(OPERANDS[result])):
        direction = np.sign(rng.normal(size=shapes[name]))
        up, down = (
            evaluate(graph, {**values, name: values[name] + step * direction}, float64=True)[scalar]
            for step in (2.0**-8, -(2.0**-8))
        )
        slope = np.sum(exact[of_it[k]] * direction)
        room = 1e-2 * (1 + math.sqrt(abs(float(exact[scalar]))))
        np.testing.assert_allclose(slope, (up - down) / 2.0**-7, rtol=1e-3, atol=room)


@pytest.mark.parametrize("result", RESULTS)
def test_both_gradients_are_one_convolution_with_the_same_attributes(result: str) -> None:
    shapes, attrs = drawn(3)
    b, y = built(result, shapes, attrs)
    cotangent = b.input("g", b.shape(y), "float32")
    before = len(b)
    for wanted, g in zip(OPERANDS[result], gradients(b, y, list(b[y].inputs), seed=cotangent), strict=True):
        assert b[g].op == "conv"
        assert b[g].attributes | {"size": ()} == b[y].attributes | {"size": (), "result": wanted}
    assert len(b) == before + 2


def against_torch(seed: int) -> tuple[Shapes, dict[str, Any]]:
    """What torch has too: no input dilation, and equal padding on both sides."""
    shapes, attrs = drawn(seed)
    attrs |= {"input_dilation": (1,) * len(attrs["low"]), "low": tuple(abs(n) for n in attrs["low"])}
    window = shapes["kernel"][2:]
    reach = [d * (k - 1) + 1 for d, k in zip(attrs["dilation"], window, strict=True)]
    extents = [max(n, r - 2 * p, 1) for n, r, p in zip(shapes["input"][2:], reach, attrs["low"], strict=True)]
    size = [(n + 2 * p - r) // s + 1
            for n, p, r, s in zip(extents, attrs["low"], reach, attrs["stride"], strict=True)]  # fmt: skip
    shapes |= {"input": (*shapes["input"][:2], *extents), "output": (*shapes["output"][:2], *size)}
    return shapes, attrs


@pytest.mark.parametrize("seed", range(60))
def test_values_and_both_gradients_are_those_of_torch(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of convolutions")
    shapes, attrs = against_torch(seed)
    values = whole_numbers(shapes, RESULTS, seed)
    options = {name: attrs[key] for name, key in
               (("stride", "stride"), ("padding", "low"), ("dilation", "dilation"), ("groups", "groups"))}  # fmt: skip
    conv = torch.nn.functional.conv1d if len(attrs["low"]) == 1 else torch.nn.functional.conv2d
    x, w = (torch.tensor(values[name], requires_grad=True) for name in ("input", "kernel"))
    y = conv(x, w, **options)
    y.backward(torch.tensor(values["output"]))
    for result, wanted in (("output", y.detach()), ("input", x.grad), ("kernel", w.grad)):
        b, made = built(result, shapes, attrs)
        np.testing.assert_array_equal(evaluate(b.build({"y": made}), values)[made], wanted.numpy())


def on(device: str, graph: Graph, values: dict[str, np.ndarray]) -> np.ndarray:
    named = {graph.nodes[i].attr("name"): graph.nodes[i].dtype.numpy for i in graph.inputs}
    given = {name: values[name].astype(stored) for name, stored in named.items()}
    return np.asarray(get_device(device).compile(graph)(given).outputs["y"])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("result", RESULTS)
def test_the_cpu_gives_the_same(result: str, seed: int) -> None:
    shapes, attrs = drawn(100 + seed)
    dtype = tuple(ACCUMULATION)[seed % len(ACCUMULATION)]
    b, y = built(result, shapes, attrs, dtype)
    graph = b.build({"y": y})
    values = whole_numbers(shapes, OPERANDS[result], seed)
    np.testing.assert_array_equal(on("cpu", graph, values), evaluate(graph, values)[y])


def test_a_wrong_convolution_is_found_by_the_judge() -> None:
    shapes, attrs = against_torch(4)
    rng = np.random.default_rng(0)
    for result in RESULTS:
        b, y = built(result, shapes, attrs)
        graph = b.build({"y": y})
        values = [rng.normal(size=shapes[name]).astype(np.float32) for name in OPERANDS[result]]
        right = evaluate(graph, dict(zip(OPERANDS[result], values, strict=True)))[y]
        known = dict(enumerate(values))
        assert check_nodes(graph, {**known, y: right}) == []
        assert check_nodes(graph, {**known, y: right + np.float32(1e-4)}) != []


def test_a_planted_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The padding of the turned relation counted from the wrong end."""

    def wrong(axis: sliding.SlidingAxis, places: int) -> sliding.SlidingAxis:
        return sliding.SlidingAxis(axis.input_dilation, -axis.low, axis.stride, axis.dilation)

    shapes, attrs = against_torch(7)
    b, y = built("input", shapes, attrs)
    graph, values = b.build({"y": y}), whole_numbers(shapes, OPERANDS["input"], 1)
    monkeypatch.setattr(sliding.SlidingAxis, "turned", wrong)
    assert not np.array_equal(on("cpu", graph, values), evaluate(graph, values)[y])


OK: dict[str, Any] = {
    "result": "output", "stride": (1,), "low": (0,), "input_dilation": (1,), "dilation": (1,), "size": (2,),
    "groups": 1, "accumulate": "float32",
}  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "attrs", "message"),
    [
        ((1, 2, 4), (3, 1, 2), {}, r"input .* has 2 channels, but kernel \[3, 1, 2\] takes 1 in each of 1 groups"),
        ((1, 3, 4), (2, 1, 2), {"groups": 2}, r"input \[1, 3, 4\] has 3 channels, not 2 equal groups"),
        ((1, 2, 4), (3, 1, 2), {"groups": 2}, r"kernel \[3, 1, 2\] has 3 channels, not 2 equal groups"),
        ((1, 2, 4), (3, 2, 2), {"result": "input"}, r"output \[1, 2, 4\] has 2 channels, but kernel .* makes 3"),
        ((1, 2, 4), (3, 2, 2), {"result": "kernel"}, r"input \[1, 2, 4\] and output \[3, 2, 2\] are not equally many"),
        ((1, 2, 4), (3, 2, 2), {"result": "weight"}, r"result is output, input, kernel, not 'weight'"),
        ((2, 4), (3, 2, 2), {}, r"input \[2, 4\] needs two axes before those of size \[2\]"),
        ((1, 2, 4), (3, 2, 2), {"stride": (1, 1)}, r"stride \[1, 1\] needs one number for each extent of size \[2\]"),
        ((1, 2, 4), (3, 2, 2), {"stride": (0,)}, r"stride \[0\] must not have a number below 1"),
        ((1, 2, 4), (3, 2, 2), {"size": (-1,)}, r"size \[-1\] must not have a number below 0"),
    ],
)
def test_what_does_not_fit_is_said(
    a: tuple[int, ...], b: tuple[int, ...], attrs: dict[str, Any], message: str
) -> None:
    builder = GraphBuilder()
    first, second = builder.input("a", a, "float32"), builder.input("b", b, "float32")
    with pytest.raises(ShapeError, match=f"conv: {message}"):
        builder.apply("conv", first, second, **{**OK, **attrs})


def test_the_accumulation_type_is_checked() -> None:
    builder = GraphBuilder()
    first, second = builder.input("a", (1, 1, 4), "int8"), builder.input("b", (1, 1, 3), "int8")
    with pytest.raises(DTypeError, match="no product int8·int8 → float32"):
        builder.apply("conv", first, second, **OK)


def test_the_accelerator_says_what_it_would_take() -> None:
    builder = GraphBuilder()
    first, second = builder.input("a", (1, 1, 4), "float32"), builder.input("b", (1, 1, 3), "float32")
    graph = builder.build({"y": builder.apply("conv", first, second, **OK)})
    with pytest.raises(CompileError, match=r"%2 .*: the vector unit has no conv of float32; nearest: device='cpu'"):
        get_device("accel").compile(graph)
