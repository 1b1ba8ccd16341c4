"""Steps whose places are values, on the CPU: bit for bit what the reference gives, at every edge of the indices."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import DTYPES
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

SHAPES = [
    ((5,), 0, (9,)), ((4, 3), 0, (6, 3)), ((4, 3), 1, (4, 7)), ((2, 5, 3), 1, (2, 0, 3)), ((3, 1, 2), 0, (40, 1, 2)),
]  # fmt: skip
"""Shape of what is chosen from, axis, shape of the index."""
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, 3e38]


def _rng(*of: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(of).encode()))


def _values(shape: tuple[int, ...], dtype: str) -> Array:
    rng = _rng(shape, dtype)
    kind = DTYPES[dtype]
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if not kind.is_float:
        low, high = np.iinfo(kind.numpy).min, np.iinfo(kind.numpy).max
        return rng.integers(low, high, shape, dtype=kind.numpy, endpoint=True)
    values = rng.normal(size=shape) * 4
    return np.where(rng.random(shape) < 0.2, rng.choice(SPECIAL, shape), values).astype(kind.numpy)


def _indices(shape: tuple[int, ...], dtype: str, extent: int) -> Array:
    """Inside, from the end, at both edges, and far outside."""
    rng = _rng(shape, dtype, extent)
    info = np.iinfo(DTYPES[dtype].numpy)
    wanted = [0, -1, extent - 1, -extent, extent, -extent - 1, 1, 2, int(info.min), int(info.max)]
    held = [n for n in wanted if info.min <= n <= info.max]
    return rng.choice(np.array(held, DTYPES[dtype].numpy), shape)


def _run(graph: Graph, values: dict[str, Array]) -> None:
    wanted, _ = reference.run(graph, values)
    kept = {name: value.copy() for name, value in values.items()}
    for threads in (1, None):
        found = CpuDevice(threads).compile(graph)(values).outputs
        for name, value in wanted.items():
            assert found[name].dtype == value.dtype
            seen, meant = (_plain(y).view(np.uint8) for y in (found[name], value))
            np.testing.assert_array_equal(seen, meant, err_msg=name)
    for name, value in kept.items():
        np.testing.assert_array_equal(values[name].view(np.uint8), value.view(np.uint8))


def _plain(array: Array) -> Array:
    """One canonical NaN, so that bits can be compared."""
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind not in "biu" else array


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis", "chosen"), SHAPES)
def test_gather(shape: tuple[int, ...], axis: int, chosen: tuple[int, ...], dtype: str) -> None:
    for index_dtype in ("int32", "int64", "uint8"):
        b = GraphBuilder()
        x, index = b.input("x", shape, dtype), b.input("index", chosen, index_dtype)
        graph = b.build({"y": b.apply("gather", x, index, axis=axis)})
        _run(graph, {"x": _values(shape, dtype), "index": _indices(chosen, index_dtype, shape[axis])})


@pytest.mark.parametrize("mode", ["add", "max", "set"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis", "chosen"), SHAPES)
def test_scatter(shape: tuple[int, ...], axis: int, chosen: tuple[int, ...], dtype: str, mode: str) -> None:
    if dtype == "bool" and mode != "set":
        pytest.skip("bools are only set")
    for index_dtype in ("int32", "int8"):
        for filled in (False, True):
            b = GraphBuilder()
            index, updates = b.input("index", chosen, index_dtype), b.input("updates", chosen, dtype)
            x = b.full(0, like=b.input("x", shape, dtype)) if filled else b.input("x", shape, dtype)
            graph = b.build({"y": b.apply("scatter", x, index, updates, axis=axis, mode=mode)})
            values = {
                "index": _indices(chosen, index_dtype, shape[axis]), "updates": _values(chosen, dtype),
                "x": _values(shape, dtype),
            }  # fmt: skip
            if mode == "max" and DTYPES[dtype].is_float:  # which of two zeros is largest, NumPy does not say
                values = {name: value + value.dtype.type(0) for name, value in values.items()}
            _run(graph, {name: _plain(value) for name, value in values.items()})


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_that_many_indices_choose_is_chosen_whole(dtype: str) -> None:
    """The index repeated along the row: the table of an embedding, and its gradient with duplicates."""
    b = GraphBuilder()
    table, rows = b.input("table", (7, 33), dtype), b.input("rows", (20, 1), "int64")
    index = b.apply("broadcast_to", rows, shape=(20, 33))
    chosen = b.apply("gather", table, index, axis=0)
    outputs = {"chosen": chosen}
    if dtype != "bool":
        outputs["summed"] = b.apply("scatter", b.full(0, like=table), index, chosen, axis=0, mode="add")
    values = np.round(_values((7, 33), dtype).astype(np.float64)) if DTYPES[dtype].is_float else _values((7, 33), dtype)
    values = np.nan_to_num(values, posinf=3, neginf=-3) if DTYPES[dtype].is_float else values
    _run(b.build(outputs), {"table": values.astype(DTYPES[dtype].numpy), "rows": _indices((20, 1), "int64", 7)})


STARTS = [[0, 0], [1, 2], [-5, 99], [2, 1], [2**31 - 1, -(2**31)]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("part", [(2, 3), (4, 5), (0, 2), (1, 1)])
def test_parts_that_begin_at_a_value(part: tuple[int, int], start: list[int], dtype: str) -> None:
    b = GraphBuilder()
    x, starts, put = b.input("x", (4, 5), dtype), b.input("starts", (2,), "int32"), b.input("part", part, dtype)
    outputs = {
        "read": b.apply("dynamic_slice", x, starts, sizes=part),
        "written": b.apply("dynamic_update", x, put, starts),
        "onto one number": b.apply("dynamic_update", b.full(1, like=x), put, starts),
    }
    values = {"x": _values((4, 5), dtype), "starts": np.array(start, np.int32), "part": _values(part, dtype)}
    _run(b.build(outputs), values)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bool"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 0, 2), (1, 1, 1)])
def test_sums_up_to_each_element(shape: tuple[int, ...], reverse: bool, axis: int, dtype: str) -> None:
    b = GraphBuilder()
    graph = b.build({"y": b.apply("cumsum", b.input("x", shape, dtype), axis=axis, reverse=reverse)})
    values = _values(shape, dtype)
    _run(graph, {"x": np.where(np.isnan(values), 2, values).astype(values.dtype) if DTYPES[dtype].is_float else values})


def test_what_is_chosen_by_a_grid_and_from_a_number() -> None:
    """Operands that lie nowhere: an index grid, and one number repeated."""
    b = GraphBuilder()
    x = b.input("x", (4, 3), "float32")
    turned = b.apply("permute", x, order=(1, 0))
    grid, number = b.apply("iota", shape=(2, 3), axis=0), b.full(2, like=x)
    outputs = {
        "by a grid": b.apply("gather", x, grid, axis=0),
        "from a number": b.apply("gather", number, grid, axis=0),
        "of a view": b.apply("gather", turned, b.apply("iota", shape=(3, 2), axis=0), axis=1),
    }
    _run(b.build(outputs), {"x": _values((4, 3), "float32")})
