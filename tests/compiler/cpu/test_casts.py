"""Casts to the bit: ties, limits and values that are no numbers, between all element types."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import reference
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import DTYPES

FLOATS = np.array(
    [
        *(0.0, -0.0, 0.5, -0.5, 1.9, -1.9, 127.5, -128.9, 300.0, -300.0, 2.0**31, -(2.0**31), 2.0**63),
        *(-(2.0**63), 3e38, -3e38, 1e-40),
        *(np.inf, -np.inf, np.nan),
        # halfway between two bfloat16 numbers, above an even and above an odd one, and next to halfway
        *(s * (1 + n * 2.0**-8 + d) for s in (1, -1) for n in (1, 3, 5) for d in (0.0, 2.0**-23, -(2.0**-23))),
        3.3961775e38,  # rounds to infinity in bfloat16
    ],
    np.float32,
)
INTS = np.array(
    [0, 1, -1, 127, -128, 128, -129, 255, 2**24 + 1, 2**31 - 1, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)], np.int64
)


@pytest.mark.parametrize(("source", "target"), list(itertools.product(DTYPES, DTYPES)))
def test_cast(source: str, target: str) -> None:
    values = FLOATS if DTYPES[source].is_float else INTS
    with np.errstate(all="ignore"):
        x = values.astype(DTYPES[source].numpy)
    b = GraphBuilder()
    graph = b.build({"y": b.apply("cast", b.input("x", x.shape, source), dtype=target)})
    got, wanted = CpuDevice().compile(graph)({"x": x}).outputs["y"], reference.run(graph, {"x": x})[0]["y"]
    assert got.dtype == wanted.dtype
    numbers = ~np.isnan(wanted.astype(np.float64))
    np.testing.assert_array_equal(np.isnan(got.astype(np.float64)), ~numbers)
    assert got[numbers].tobytes() == wanted[numbers].tobytes(), (got, wanted)
