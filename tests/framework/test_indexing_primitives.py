"""Gather, scatter, dynamic slices, concatenation, sorting and running extrema: meaning, gradients, second gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.framework.test_primitives import TESTED_APART
from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.dtypes import as_dtype
from weft.framework.errors import DTypeError, GraphError, ShapeError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array
from weft.framework.reference import evaluate

Make = Callable[[GraphBuilder, Sequence[int], int], int]
"""From the float operands and the index operand (-1: there is none) to one float result."""
INDEX = np.array([[0, 2, 2], [1, 0, 1], [-1, 2, 0], [2, 2, 2]], np.int32)  # duplicates, and one from the end
CHOSEN = np.array([1, 0, -3, 2], np.int32)
STARTS = np.array([1, -3], np.int32)


def _first(op: str, **attrs: Any) -> Make:
    return lambda b, x, i: b.results(op, *x, **attrs)[0]


def _scatter(mode: str) -> Make:
    return lambda b, x, i: b.apply("scatter", x[0], i, x[1], axis=1, mode=mode)


CASES: dict[str, tuple[Make, tuple[tuple[int, ...], ...], Array | None]] = {
    "gather": (lambda b, x, i: b.apply("gather", x[0], i, axis=0), ((3, 3),), INDEX),
    "gather of rows": (lambda b, x, i: b.apply("gather", x[0], i, axis=1), ((4, 5),), INDEX),
    **{f"scatter {mode}": (_scatter(mode), ((4, 5), (4, 3)), INDEX) for mode in ("add", "set", "max")},
    "dynamic_slice": (lambda b, x, i: b.apply("dynamic_slice", x[0], i, sizes=(2, 3)), ((4, 5),), STARTS),
    "dynamic_update": (lambda b, x, i: b.apply("dynamic_update", x[0], x[1], i), ((4, 5), (2, 2)), STARTS),
    "concatenate": (lambda b, x, i: b.apply("concatenate", *x, axis=1), ((2, 3), (2, 1), (2, 0), (2, 4)), None),
    "concatenate one": (lambda b, x, i: b.apply("concatenate", *x, axis=0), ((2, 3),), None),
    "sort": (_first("sort", axis=1, descending=False), ((3, 5),), None),
    "sort down": (_first("sort", axis=0, descending=True), ((4, 2),), None),
    "cummax": (_first("cummax", axis=1), ((3, 6),), None),
    "select": (lambda b, x, i: b.apply("select", b.apply("ne", i, b.full(0, like=i)), *x), ((4,), (4,)), CHOSEN),
    "barrier": (lambda b, x, i: b.apply("barrier", *x), ((2, 3), (2, 3)), None),
}


def test_whatever_is_not_in_the_table_of_floats_is_in_one() -> None:
    """Second gradients of ``window_pick`` are with those of the windows, of ``dequantise`` with its first ones."""
    assert TESTED_APART - {node.op for name in CASES for node in _graph(name)[0].nodes} == {"window_pick", "dequantise"}


def _graph(name: str) -> tuple[Graph, dict[str, Array], list[str]]:
    """A loss, quadratic in the result so that its second gradient is not zero, its gradients, and theirs."""
    make, shapes, index = CASES[name]
    rng, b = np.random.default_rng(3), GraphBuilder()
    x = [b.input(f"x{k}", shape, "float64") for k, shape in enumerate(shapes)]
    i = -1 if index is None else b.input("i", index.shape, "int32")
    y = make(b, x, i)

    def loss_of(index: int) -> int:
        weights = b.constant(rng.normal(size=b.shape(index)), "float64")
        axes = tuple(range(len(b.shape(index))))
        square = b.apply("mul", b.apply("mul", index, index), weights)
        return b.apply("sum", square, axes=axes, keepdims=False)

    loss = loss_of(y)
    first = gradients(b, loss, x)
    slope = loss_of(first[0])
    second = gradients(b, slope, x)
    outputs = {"loss": loss, "slope": slope}
    outputs |= {f"loss{k}": g for k, g in enumerate(first)} | {f"slope{k}": g for k, g in enumerate(second)}
    values: dict[str, Array] = {f"x{k}": rng.normal(size=shape) for k, shape in enumerate(shapes)}
    if index is not None:
        values["i"] = index
    return b.build(outputs), values, [f"x{k}" for k in range(len(shapes))]


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_their_gradients_against_finite_differences(name: str) -> None:
    graph, values, wanted = _graph(name)
    graph.validate()
    found = dict(zip(dict(graph.outputs), (evaluate(graph, values)[i] for _, i in graph.outputs), strict=True))
    for of in ("loss", "slope"):
        for k, x in enumerate(wanted):
            numeric = np.zeros(values[x].shape)
            for at in np.ndindex(values[x].shape):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = values[x].copy()
                    moved[at] += step
                    ends.append(evaluate(graph, {**values, x: moved})[dict(graph.outputs)[of]])
                numeric[at] = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose(found[f"{of}{k}"], numeric, rtol=1e-5, atol=1e-7, err_msg=f"d {of} / d {x}")


@pytest.mark.parametrize("name", CASES)
def test_the_cpu_computes_the_same(name: str) -> None:
    graph, values, _ = _graph(name)
    ours, theirs = (get_device(device).compile(graph)(values).outputs for device in ("cpu", "numpy"))
    for output in theirs:
        np.testing.assert_allclose(ours[output], theirs[output], rtol=1e-13, atol=1e-13)


def _value(op: str, *operands: Any, results: bool = False, **attrs: Any) -> list[Any]:
    b = GraphBuilder()
    inputs = [b.constant(np.asarray(o), as_dtype(np.asarray(o).dtype)) for o in operands]
    made = b.results(op, *inputs, **attrs) if results else (b.apply(op, *inputs, **attrs),)
    graph = b.build({f"y{k}": i for k, i in enumerate(made)})
    values = evaluate(graph, {})
    return [values[i].tolist() for i in made]


@pytest.mark.parametrize(
    ("shape", "chosen", "axis"),
    [((4, 5), (4, 3), 1), ((4, 5), (7, 5), 0), ((2, 3, 4), (2, 6, 4), 1), ((3,), (9,), 0), ((3, 4), (0, 4), 0),
     ((0, 4), (0, 4), 1), ((3, 4), (3, 0), 1)],
)  # fmt: skip
def test_gathering_is_numpys_also_by_whole_rows(shape: tuple[int, ...], chosen: tuple[int, ...], axis: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    index = rng.integers(-shape[axis], shape[axis], chosen).astype(np.int32)
    one = index[tuple(slice(None) if d == axis else slice(0, 1) for d in range(len(shape)))]
    gather = PRIMITIVES["gather"]
    for given in (index, np.broadcast_to(one, chosen)):
        made = gather.result([x, given], {"axis": axis}, np.dtype(np.float32))
        np.testing.assert_array_equal(made, np.take_along_axis(x, given, axis))


def test_equal_elements_keep_their_order_and_nan_is_largest() -> None:
    x = np.array([2, np.nan, 1, 2, -np.inf, 1], np.float32)
    values, order = _value("sort", x, results=True, axis=0, descending=False)
    assert order == [4, 2, 5, 0, 3, 1]
    assert np.isnan(values[-1])
    assert _value("sort", x, results=True, axis=0, descending=True)[1] == [1, 0, 3, 2, 5, 4]
    whole = np.array([-(2**31), 2**31 - 1, 0, -(2**31)], np.int32)
    assert _value("sort", whole, results=True, axis=0, descending=True)[1] == [1, 2, 0, 3]


def test_running_maxima_are_torchs() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of ties and NaN")
    x = np.array([[1, 3, 3, 2, np.nan, 5, np.nan], [0, -0.0, 0, 1, 1, 1, -2]], np.float32)
    values, index = _value("cummax", x, results=True, axis=1)
    expected = torch.cummax(torch.tensor(x), 1)
    np.testing.assert_array_equal(values, expected.values.numpy())
    assert index == expected.indices.tolist()


def test_an_index_from_the_end_and_one_outside() -> None:
    x = np.array([10, 20, 30], np.int32)
    assert _value("gather", x, np.array([-1, -3, 7, -9], np.int32), axis=0) == [[30, 10, 30, 10]]
    updates = np.array([1, 2, 3], np.int32)
    assert _value("scatter", x, np.array([-1, 0, 0], np.int64), updates, axis=0, mode="set") == [[3, 20, 1]]
    assert _value("scatter", x, np.array([-1, 0, 0], np.int64), updates, axis=0, mode="add") == [[15, 20, 31]]
    assert _value("dynamic_slice", x, np.array([9], np.int32), sizes=(2,)) == [[20, 30]]


def test_what_does_not_fit_is_refused() -> None:
    b = GraphBuilder()
    x, i = b.input("x", (2, 3), "float32"), b.input("i", (2, 2), "int32")
    with pytest.raises(ShapeError, match=r"gather: shapes \[2, 3\] and \[2, 2\] differ in another axis than 0"):
        b.apply("gather", x, i, axis=0)
    with pytest.raises(DTypeError, match="gather: indices are integers, not float32"):
        b.apply("gather", x, x, axis=0)
    with pytest.raises(ShapeError, match=r"concatenate: shapes \[2, 3\] and \[2, 2\] differ in another axis than 0"):
        b.apply("concatenate", x, b.apply("cast", i, dtype="float32"), axis=0)
    with pytest.raises(GraphError, match="concatenate takes one or more inputs, not 0"):
        b.apply("concatenate", axis=0)
    with pytest.raises(ShapeError, match=r"gather: there is nothing to choose along axis 0 of \[0, 2\]"):
        b.apply("gather", b.input("e", (0, 2), "float32"), i, axis=0)
    both = b.apply("sort", x, axis=0, descending=False)
    with pytest.raises(GraphError, match="neg reads a node of several results; read one of them with result"):
        b.apply("neg", both)
    with pytest.raises(ShapeError, match="result: there is no result 2 of 2"):
        b.apply("result", both, index=2)
    with pytest.raises(ShapeError, match="result: its operand has one result"):
        b.apply("result", x, index=0)
    with pytest.raises(GraphError, match="'y' names %4, which has several results"):
        b.build({"y": both})
