"""Every elementwise primitive of floats and its gradient over the whole range, on every device, against float64.

A new primitive joins by standing in the table of primitives: without its mathematics in `calculus.py` the first test
fails. What is allowed is half a unit in the last place, or what `compiler/accuracy.py` states.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest

from tests.compiler.calculus import BINARY, UNARY, VALUES_OF_TWO
from tests.compiler.sweep import errors, every_bfloat16, every_exponent, flushed, graph_of, pairs, significand
from weft.compiler.accuracy import ACCEL_UNITS, CPU_ULP, GRADIENT_ULP, gradient_units
from weft.compiler.errors import CompileError
from weft.compiler.targets.accel.capabilities import CAPABILITIES
from weft.compiler.targets.accel.device import AccelDevice
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework.autodiff import gradients
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import float32
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Array
from weft.framework.reference import run

DEVICES = ("numpy", "cpu", "accel")
RANGE = {"float32": every_exponent, "bfloat16": every_bfloat16}
EVERY = {"numpy": 1, "cpu": 1, "accel": 7}
"""Of how many numbers one is taken: the simulator is slower."""
OF_FLOATS = {
    name for name, p in PRIMITIVES.items()
    if p.group == "elementwise" and not p.attributes and any(p.gradients) and name not in ("select", "dequantise")
}  # fmt: skip


@pytest.fixture(autouse=True)
def _all_numbers_are_meant() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@functools.cache
def accelerator() -> AccelDevice:
    return AccelDevice("edu", tune=False, trace=False)


def outputs(device: str, graph: Graph, **values: Array) -> dict[str, Array]:
    if device == "numpy":
        return run(graph, values)[0]
    compiled = (accelerator() if device == "accel" else CpuDevice()).compile(graph)
    return dict(compiled(values).outputs)


def check(got: Array, wanted: Array, dtype: str, allowed: Array | float, x: tuple[Array, ...], below: float) -> None:
    """Every element within ``allowed`` units in the last place, and below ``below`` either itself or zero."""
    off = errors(got, wanted, dtype, below) - allowed
    at = np.unravel_index(int(off.argmax()), off.shape)
    operands = ", ".join(str(v[at]) for v in x)
    assert off[at] <= 1e-3, f"of {operands}: {got[at]}, not {wanted[at]}: {off[at]:.3g} units more than allowed"


def test_all_primitives_of_floats_are_swept() -> None:
    assert {*UNARY, *BINARY, *VALUES_OF_TWO} == OF_FLOATS


@pytest.mark.parametrize("op", UNARY)
def test_the_oracle_is_mathematics(op: str) -> None:
    """The float64 values against 50 digits, and derivatives against differences of them."""
    exact = {
        "neg": lambda x: -x, "abs": abs, "reciprocal": lambda x: 1 / x,
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
        "round": mpmath.nint,
    }.get(op) or getattr(mpmath, op)  # fmt: skip
    rng = np.random.default_rng(0)
    x = np.ldexp(rng.uniform(1, 2, 400), rng.integers(-40, 7, 400)) * rng.choice((-1, 1), 400)
    if op in ("log", "log1p", "sqrt"):
        x = np.where(x < 0, np.maximum(x, -0.9) + (op != "log1p"), x)
    value, derivative = (f(x) for f in UNARY[op])
    with mpmath.workdps(400):
        for k, point in enumerate(map(mpmath.mpf, x)):
            step = abs(point) * mpmath.mpf(10) ** -60
            slope = (exact(point + step) - exact(point - step)) / (2 * step)
            for got, wanted in ((value[k], exact(point)), (derivative[k], slope)):
                assert abs(got - wanted) <= abs(wanted) * mpmath.mpf(1e-13) + mpmath.mpf(1e-300), float(point)


@pytest.mark.parametrize("dtype", RANGE)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", UNARY)
def test_functions_of_one(op: str, device: str, dtype: str) -> None:
    x = RANGE[dtype](EVERY[device])
    if device == "accel" and op not in CAPABILITIES.table:
        with pytest.raises(CompileError, match=f"the vector unit has no {op} of"):
            outputs(device, graph_of(op, dtype, x.shape, 1), x0=x)
        return
    seen = flushed(x) if device == "accel" else x.astype(np.float64)
    found = outputs(device, graph_of(op, dtype, x.shape, 1), x0=x)
    value, slope = (f(seen) for f in UNARY[op])
    scale = significand(slope, dtype) * 2.0**-24
    if device == "accel":
        own = ACCEL_UNITS[op].of(seen) * significand(value, dtype) * 2.0**-24 if op in ACCEL_UNITS else 0.0
        check(found["y"], value, dtype, 0.5 + np.nan_to_num(own, posinf=0.0), (x,), 2.0**-126)
        allowed = GRADIENT_ULP + np.nan_to_num(gradient_units(op, seen) * scale, posinf=0.0)
        check(found["d0"], slope, dtype, allowed, (x,), 2.0**-124)
    else:
        own = (CPU_ULP.get(op, 0.5) - 0.5) if device == "cpu" else 0.0
        check(found["y"], value, dtype, 0.5 + own * (1.0 if dtype == "float32" else 2.0**-16), (x,), 0.0)
        check(found["d0"], slope, dtype, GRADIENT_ULP, (x,), 0.0)
    zero = seen == 0
    assert (np.signbit(found["y"][zero].astype(np.float32)) == np.signbit(value[zero])).all(), "the sign of zero"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", BINARY)
def test_functions_of_two(op: str, device: str) -> None:
    a, b = pairs(20_000)
    seen = tuple(flushed(x) if device == "accel" else x.astype(np.float64) for x in (a, b))
    found = outputs(device, graph_of(op, "float32", a.shape, 2), x0=a, x1=b)
    flushing = device == "accel"
    value, *slopes = (f(*seen) for f in BINARY[op])
    own = ACCEL_UNITS[op].constant / 2 if flushing and op in ACCEL_UNITS else 0.5
    check(found["y"], value, "float32", own, (a, b), 2.0**-126 if flushing else 0.0)
    for key, slope in zip(("d0", "d1"), slopes, strict=True):
        check(found[key], slope, "float32", GRADIENT_ULP, (a, b), 2.0**-124 if flushing else 0.0)
    zero = (value == 0) & (op in ("maximum", "minimum"))
    assert (np.signbit(found["y"][zero]) == np.signbit(value[zero])).all(), "-0 < +0"


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize("op", VALUES_OF_TWO)
def test_values_of_two(op: str, device: str) -> None:
    a, b = pairs(20_000)
    found = outputs(device, graph_of(op, "float32", a.shape, 2), x0=a, x1=b)
    wide = a.astype(np.float64), b.astype(np.float64)
    check(found["y"], VALUES_OF_TWO[op](*wide), "float32", 0.5, (a, b), 0.0)


@pytest.mark.parametrize("device", DEVICES)
def test_reductions_to_the_largest_order_zeros_and_spread_nan(device: str) -> None:
    b = GraphBuilder()
    x = b.input("x", (4, 3), float32)
    graph = b.build({"y": b.apply("max", x, axes=(1,), keepdims=False)})
    rows = np.array([[-0.0, 0.0, -1], [0.0, -0.0, -2], [-0.0, -0.0, -3], [1, np.nan, 2]], np.float32)
    found = outputs(device, graph, x=rows)["y"]
    np.testing.assert_array_equal(found, np.array([0, 0, 0, np.nan], np.float32))
    assert np.signbit(found[:3]).tolist() == [False, False, True]


@pytest.mark.parametrize("op", [op for op in UNARY if op not in ("neg", "abs", "floor", "round")])
def test_gradients_have_gradients(op: str) -> None:
    """The second derivative against differences of the first; and never NaN where the function is flat."""
    x = np.ldexp(np.linspace(1, 2, 32), np.arange(-8, 1).repeat(4)[:32]).reshape(1, -1).astype(np.float32)
    b = GraphBuilder()
    i = b.input("x", x.shape, float32)
    (first,) = gradients(b, (y := b.apply(op, i)), [i], seed=b.full(1, like=y))
    (second,) = gradients(b, first, [i], seed=b.full(1, like=first))
    graph, slope, wide = b.build({"second": second}), UNARY[op][1], x.astype(np.float64)
    step = np.abs(wide) * 1e-5
    wanted = (slope(wide + step) - slope(wide - step)) / (2 * step)
    for device in ("numpy", "cpu"):
        np.testing.assert_allclose(outputs(device, graph, x=x)["second"], wanted, rtol=2e-5, atol=1e-6)
    if op in ("sigmoid", "tanh", "softplus", "erf"):
        far = np.resize(every_exponent()[np.isfinite(every_exponent())], x.size).reshape(x.shape)
        assert np.isfinite(outputs("cpu", graph, x=far)["second"]).all()


@pytest.mark.parametrize("op", ["tanh", "log1p", "expm1", "softplus"])
def test_the_sweep_sees_a_form_that_cancels(op: str) -> None:
    b, x = GraphBuilder(), every_exponent()
    i = b.input("x", x.shape, float32)
    one, two = b.full(1, like=i), b.full(2, like=i)
    y = {
        "tanh": lambda: b.apply("sub", b.apply("mul", two, b.apply("sigmoid", b.apply("mul", two, i))), one),
        "log1p": lambda: b.apply("log", b.apply("add", one, i)),
        "expm1": lambda: b.apply("sub", b.apply("exp", i), one),
        "softplus": lambda: b.apply("log", b.apply("add", one, b.apply("exp", i))),
    }[op]()
    found = outputs("cpu", b.build({"y": y}), x=x)["y"]
    assert errors(found, UNARY[op][0](x.astype(np.float64)), "float32").max() > 1e6
