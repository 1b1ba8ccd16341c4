"""Tests of matrix products: values in every orientation and shape, and how much of the array they use."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tests.compiler.accel.support import fast, image, sound
from weft.compiler.targets.accel.gemm import TYPES, gemm_program
from weft.framework.primitives.base import Array
from weft.isa.machine import load
from weft.isa.program import DTYPES
from weft.sim.engines import get_engine
from weft.sim.fast.plan import timing

ORIENTATIONS = [(False, False), (False, True), (True, False), (True, True)]
SHAPES = [(8, 8, 8), (5, 7, 3), (33, 20, 17), (1, 10, 5), (10, 1, 5), (6, 9, 1), (1, 1, 1), (64, 24, 130)]


def _operands(m: int, n: int, k: int, kind: str, ta: bool, tb: bool) -> dict[str, Array]:
    rng = np.random.default_rng(m * 1000 + n * 10 + k)
    shapes = {"a": (k, m) if ta else (m, k), "b": (n, k) if tb else (k, n)}
    if kind == "int8":
        return {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}
    return {name: rng.standard_normal(shape).astype(ml_dtypes.bfloat16) for name, shape in shapes.items()}


def _wanted(values: dict[str, Array], ta: bool, tb: bool) -> tuple[Array, Array]:
    a, b = (values[name].astype(np.float64) for name in "ab")
    a, b = a.T if ta else a, b.T if tb else b
    return a @ b, np.abs(a) @ np.abs(b)


@pytest.mark.parametrize("machine", ["nano", "edu"])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("ta", "tb"), ORIENTATIONS)
def test_products_of_all_shapes_are_right(machine: str, kind: str, ta: bool, tb: bool) -> None:
    for m, n, k in SHAPES:
        program = sound(gemm_program(load(machine), m, n, k, kind, ta, tb))
        values = _operands(m, n, k, kind, ta, tb)
        got = program.buffer("c").read(fast().run(program, image(program, values), trace=False).dram)
        exact, magnitude = _wanted(values, ta, tb)
        if kind == "int8":
            np.testing.assert_array_equal(got, exact)
        else:
            assert (np.abs(got - exact) <= 2 * k * 2.0**-24 * magnitude).all(), (m, n, k)


@pytest.mark.parametrize(("ta", "tb"), ORIENTATIONS)
def test_the_plain_interpreter_agrees(ta: bool, tb: bool) -> None:
    program = gemm_program(load("nano"), 9, 6, 7, "bf16", ta, tb)
    dram = image(program, _operands(9, 6, 7, "bf16", ta, tb))
    a, b = (engine.run(program, dram).dram for engine in (fast(), get_engine("interp")))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("ta", "tb"), ORIENTATIONS[:3], ids=["NN", "NT", "TN"])
def test_a_large_product_uses_most_of_the_array(kind: str, ta: bool, tb: bool) -> None:
    edu = load("edu")
    program = gemm_program(edu, 256, 256, 256, kind, ta, tb)
    used = program.meta["useful_macs"] / (timing(program).cycles * edu.dim**2)
    assert used >= 0.9
    assert program.buffer("c").dtype == TYPES[kind][1]
    assert set(DTYPES) >= {TYPES[kind][0]}
