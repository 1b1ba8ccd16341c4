"""Reductions over windows: against what each window sees, finite differences, and torch's pooling to the last NaN."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from weft.compiler.check import check_nodes
from weft.compiler.errors import CompileError
from weft.compiler.targets.cpu import windows
from weft.compiler.targets.cpu.loops import LoopNest
from weft.compiler.targets.cpu.lower import lower
from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.graph import Graph
from weft.framework.reference import evaluate

Shape = tuple[int, ...]
EDGES = (math.nan, -math.inf, math.inf, -0.0)


def drawn(seed: int) -> tuple[Shape, dict[str, Any]]:
    """A shape and attributes: strides beyond the window, padding beyond the kernel, negative padding, dilations."""
    rng = random.Random(seed)
    axes = rng.choice((1, 2))

    def each(*pool: int) -> Shape:
        return tuple(rng.choice(pool) for _ in range(axes))

    lead = tuple(rng.choice((0, 1, 2, 2, 3)) for _ in range(rng.choice((0, 1, 2))))
    attrs = {
        "window": each(1, 2, 3), "stride": each(1, 1, 2, 4), "low": each(-1, 0, 0, 1, 3), "dilation": each(1, 1, 2),
        "input_dilation": each(1, 1, 2), "size": each(0, 1, 2, 3),
    }  # fmt: skip
    return (*lead, *each(1, 2, 4, 5)), attrs


def pooling(seed: int) -> tuple[Shape, dict[str, Any]]:
    """The same of a kind that torch has: every window sees an element."""
    rng = random.Random(seed)
    axes = rng.choice((1, 2))
    window, stride, dilation = (tuple(rng.choice(pool) for _ in range(axes)) for pool in ((1, 2, 3), (1, 2, 4), (1, 2)))
    low = tuple(rng.randint(0, k // 2) for k in window)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    extents = tuple(max(n - 2 * p, rng.choice((3, 4, 6))) for n, p in zip(reach, low, strict=True))
    size = tuple((x + 2 * p - n) // s + 1 for x, p, n, s in zip(extents, low, reach, stride, strict=True))
    sliding = {"stride": stride, "low": low, "dilation": dilation, "input_dilation": (1,) * axes}
    return (2, 2, *extents), {"window": window, "size": size, **sliding}


def values_of(shape: Shape, seed: int, edges: bool = False) -> np.ndarray:
    """Whole numbers, with many ties; ``edges``: NaN, infinities and zeros of both signs among them."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-3, 4, shape).astype(np.float64)
    return np.where(rng.random(shape) < 0.3, rng.choice(EDGES, shape), drawn) if edges else drawn


def seen(x: np.ndarray, attrs: dict[str, Any], window: Shape) -> list[tuple[Shape, Any]]:
    """The places of one window (by its indices) that lie on elements, in order: the element's indices and its value."""
    found, axes = [], len(attrs["window"])
    extents = x.shape[x.ndim - axes :]
    for place in np.ndindex(*attrs["window"]):
        index = []
        for d in range(axes):
            at = attrs["stride"][d] * window[d] + attrs["dilation"][d] * place[d] - attrs["low"][d]
            element, between = divmod(at, attrs["input_dilation"][d])
            if between or not 0 <= element < extents[d]:
                break
            index.append(element)
        else:
            found.append((tuple(index), x[(..., *index)]))
    return found


def built(op: str, shapes: list[Shape], attrs: dict[str, Any], dtype: str = "float32") -> tuple[GraphBuilder, int]:
    b = GraphBuilder()
    return b, b.apply(op, *(b.input(f"x{n}", shape, dtype) for n, shape in enumerate(shapes)), **attrs)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(("op", "reduce"), [("window_sum", np.sum), ("window_max", np.max)])
def test_each_window_reduces_what_it_sees(op: str, reduce: Any, seed: int) -> None:
    shape, attrs = drawn(seed)
    axes = len(attrs["window"])
    for dtype in ("float32", "bfloat16", "int32"):
        x = values_of(shape, seed, edges=dtype == "float32" and seed % 2 == 0)
        wanted = np.zeros((*shape[: len(shape) - axes], *attrs["size"]))
        blind = False
        for window in np.ndindex(*attrs["size"]):
            parts = [part for _, part in seen(x, attrs, window)]
            blind |= not parts
            with np.errstate(invalid="ignore"):
                wanted[(..., *window)] = reduce(parts, axis=0) if parts else 0
        if blind and op == "window_max":
            with pytest.raises(ShapeError, match=r"window \d+ along axis \d .*sees no element"):
                built(op, [shape], attrs)
            return
        b, y = built(op, [shape], attrs, dtype)
        graph = b.build({"y": y})
        graph.validate()
        np.testing.assert_array_equal(evaluate(graph, {"x0": x})[y].astype(np.float64), wanted)


@pytest.mark.parametrize("seed", range(60))
def test_maxima_and_both_of_their_gradients_are_torchs(seed: int) -> None:
    """NaN, infinities and ties included: which element a window takes shows in where its cotangent goes."""
    torch = pytest.importorskip("torch", reason="torch is the oracle of pooling")
    shape, attrs = pooling(seed)
    pool = torch.nn.functional.max_pool1d if len(attrs["window"]) == 1 else torch.nn.functional.max_pool2d
    b, y = built("window_max", [shape], attrs)
    g, h = b.input("g", b.shape(y), "float32"), b.input("h", shape, "float32")
    (dx,) = gradients(b, y, [0], seed=g)
    (dg,) = gradients(b, dx, [g], seed=h)
    graph = b.build({"y": y})
    given = {"x0": values_of(shape, seed, edges=seed % 3 == 0), "g": values_of(b.shape(y), seed + 1),
             "h": values_of(shape, seed + 2)}  # fmt: skip
    found = evaluate(graph, given)
    x, cotangent = (torch.tensor(given[name], requires_grad=True) for name in ("x0", "g"))
    theirs = pool(x, attrs["window"], attrs["stride"], attrs["low"], attrs["dilation"])
    (first,) = torch.autograd.grad(theirs, x, cotangent, create_graph=True)
    (second,) = torch.autograd.grad(first, cotangent, torch.tensor(given["h"]))
    np.testing.assert_array_equal(found[y], theirs.detach().numpy())
    np.testing.assert_array_equal(found[dx], first.detach().numpy())
    np.testing.assert_array_equal(found[dg], second.numpy())


def pick(result: str, shape: Shape, attrs: dict[str, Any]) -> tuple[GraphBuilder, int]:
    reduced = (*shape[: len(shape) - len(attrs["size"])], *attrs["size"])
    return built("window_pick", [shape, shape if result == "windows" else reduced], {**attrs, "result": result})


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("op", ["window_sum", "window_max", "windows", "input"])
def test_first_and_second_gradients_against_finite_differences(op: str, seed: int) -> None:
    shape, attrs = drawn(seed) if op == "window_sum" else pooling(seed)
    b, y = pick(op, shape, attrs) if op in ("windows", "input") else built(op, [shape], attrs)
    operand = b[y].inputs[-1]

    def summed(node: int, power: int) -> int:
        raised = node
        for _ in range(power - 1):
            raised = b.apply("mul", raised, node)
        return b.apply("sum", raised, axes=tuple(range(len(b.shape(node)))), keepdims=False)

    loss = summed(y, power=3)
    first = gradients(b, loss, [operand])
    slope = summed(first[0], power=2)
    found = {loss: first[0], slope: gradients(b, slope, [operand])[0]}
    graph = b.build({"y": y})
    graph.validate()
    rng = np.random.default_rng(seed)
    # All different by 1/8, so that no step changes which is the largest.
    given = {b[i].attr("name"): rng.permutation(math.prod(b.shape(i))).reshape(b.shape(i)) / 8 - 2 for i in b[y].inputs}
    exact = evaluate(graph, given, float64=True)
    name = b[operand].attr("name")
    for scalar, of_it in found.items():
        direction = np.sign(rng.normal(size=b.shape(operand)))
        up, down = (
            evaluate(graph, {**given, name: given[name] + step * direction}, float64=True)[scalar]
            for step in (2.0**-8, -(2.0**-8))
        )
        room = 1e-2 * (1 + math.sqrt(abs(float(exact[scalar]))))
        np.testing.assert_allclose(np.sum(exact[of_it] * direction), (up - down) / 2.0**-7, rtol=1e-3, atol=room)


def test_every_gradient_is_one_node() -> None:
    shape, attrs = pooling(7)
    wanted = {"window_sum": "window_sum", "window_max": "window_pick", "windows": "window_pick", "input": "window_pick"}
    for op, found in wanted.items():
        b, y = pick(op, shape, attrs) if op in ("windows", "input") else built(op, [shape], attrs)
        g, before = b.input("g", b.shape(y), "float32"), len(b)
        (dx,) = gradients(b, y, [b[y].inputs[-1]], seed=g)
        assert (b[dx].op, len(b)) == (found, before + 1)


def on_cpu(graph: Graph, given: dict[str, np.ndarray]) -> np.ndarray:
    typed = {graph.nodes[i].attr("name"): graph.nodes[i].dtype.numpy for i in graph.inputs}
    result = get_device("cpu").compile(graph)({name: value.astype(typed[name]) for name, value in given.items()})
    return np.asarray(result.outputs["y"])


@pytest.mark.parametrize("unrolled", [windows.UNROLLED, 0])
@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("op", ["window_sum", "window_max", "windows", "input"])
def test_the_cpu_gives_the_same(op: str, seed: int, unrolled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In loops whose body names each place of a window, and in loops over the places."""
    monkeypatch.setattr(windows, "UNROLLED", unrolled)
    shape, attrs = drawn(seed) if op == "window_sum" else pooling(seed)
    dtype = ("float32", "bfloat16", "int32", "int8")[seed % 4]
    b, y = pick(op, shape, attrs) if op in ("windows", "input") else built(op, [shape], attrs, dtype)
    graph = b.build({"y": y})
    given = {b[i].attr("name"): values_of(b.shape(i), seed + i, edges=b[i].dtype.is_float and i == 0 and seed % 2 == 0
                                          and op != "window_sum") for i in b[y].inputs}  # fmt: skip
    np.testing.assert_array_equal(on_cpu(graph, given).astype(np.float64), evaluate(graph, given)[y].astype(float))


def test_a_wrong_reduction_is_found_by_the_judge() -> None:
    shape, attrs = pooling(9)
    rng = np.random.default_rng(0)
    for op in ("window_sum", "window_max", "windows", "input"):
        b, y = pick(op, shape, attrs) if op in ("windows", "input") else built(op, [shape], attrs)
        graph = b.build({"y": y})
        values = [rng.normal(size=b.shape(i)).astype(np.float32) for i in b[y].inputs]
        right = evaluate(graph, {f"x{n}": value for n, value in enumerate(values)})[y]
        known = dict(enumerate(values))
        assert check_nodes(graph, {**known, y: right}) == []
        assert check_nodes(graph, {**known, y: right + np.float32(1e-5)}) != []


@pytest.mark.parametrize(
    ("plant", "unrolled"), [("first NaN", 0), ("places backwards", 25), ("padding", 0), ("padding", 25)]
)
def test_a_planted_fault_is_seen(plant: str, unrolled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU takes the first NaN instead of the last, or the padding where all that is seen is -inf."""
    monkeypatch.setattr(windows, "UNROLLED", unrolled)
    if plant == "places backwards":
        x, low, shown = np.array([math.nan, 1, math.nan]), 0, windows._places
        monkeypatch.setattr(windows, "_places", lambda seen, window: shown(seen, window)[::-1])
    elif plant == "first NaN":
        x, low, place = np.array([math.nan, 1, math.nan]), 0, windows._place
        monkeypatch.setattr(windows, "_place", lambda space, window, first, step: place(
            space, window, first if first >= 0 and step > 0 else -1 - len(window), abs(step)))  # fmt: skip
    else:
        x, low, show = np.array([-math.inf, -math.inf, -math.inf]), 1, windows.WindowLowering._seen
        monkeypatch.setattr(windows.WindowLowering, "_seen", lambda self, source, node, fill: show(
            self, source, node, fill or source.dtype == "bool"))  # fmt: skip
    attrs = dict.fromkeys(("stride", "dilation", "input_dilation", "size"), (1,)) | {"window": (3,), "low": (low,)}
    b, y = pick("windows", (3,), attrs)
    graph, given = b.build({"y": y}), {"x0": x, "x1": np.array([5.0, 6, 7])}
    assert on_cpu(graph, given).tolist() != evaluate(graph, given)[y].tolist()


OK: dict[str, Any] = {
    "window": (2,), "stride": (1,), "low": (0,), "input_dilation": (1,), "dilation": (1,), "size": (2,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("op", "attrs", "message"),
    [
        ("window_sum", {"window": (0,)}, r"window \[0\] must not have a number below 1"),
        ("window_sum", {"window": (2, 2)}, r"window \[2, 2\] needs one number for each extent of size \[2\]"),
        ("window_sum", dict.fromkeys(OK, (1, 1)), r"\[3\] has not the 2 axes that the windows slide over"),
        ("window_max", {"size": (5,)}, r"window 3 along axis 0 of \[3\] sees no element"),
        ("window_max", {"low": (2,)}, r"window 0 along axis 0 of \[3\] sees no element"),
    ],
)
def test_what_does_not_fit_is_said(op: str, attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=f"{op}: {message}"):
        built(op, [(3,)], OK | attrs)


def test_a_pick_checks_its_values() -> None:
    with pytest.raises(ShapeError, match=r"window_pick: values \[3\] do not fit, of input \[3\] they are \[2\]"):
        built("window_pick", [(3,), (3,)], OK | {"result": "input"})
    with pytest.raises(ShapeError, match="window_pick: result is windows or input, not 'output'"):
        built("window_pick", [(3,), (3,)], OK | {"result": "output"})
    with pytest.raises(DTypeError, match="window_pick: takes int or float values, not bool"):
        built("window_pick", [(3,), (3,)], OK | {"result": "windows"}, "bool")


@pytest.mark.parametrize("op", ["window_sum", "window_max"])
def test_the_accelerator_says_what_it_would_take(op: str) -> None:
    b, y = built(op, [(3,)], OK)
    with pytest.raises(CompileError, match=rf"%1 .*: the vector unit has no {op} of float32; nearest: device='cpu'"):
        get_device("accel").compile(b.build({"y": y}))


def test_pooling_whose_windows_lie_apart_writes_its_gradient_once() -> None:
    """A pick of the input needs no padded copies there, and none of its loops runs over the places of a window."""
    attrs = {"window": (2, 2), "stride": (2, 2), "low": (0, 0), "input_dilation": (1, 1), "dilation": (1, 1)}
    b, y = pick("input", (3, 4, 8, 6), attrs | {"size": (4, 3)})
    lowered = lower(b.build({"y": y}), True)
    assert [len(step.shape) for step in lowered.steps if isinstance(step, LoopNest)] == [4, 4]
    b, y = pick("input", (3, 4, 9, 6), attrs | {"size": (4, 3)})
    assert len(lower(b.build({"y": y}), True).steps) == 3, "elements of no window are zeros"
