"""The coefficient tables: pinned by digest, fit their widths, close to the functions they stand for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import pytest

from weft.isa.functions import (
    C0_BITS,
    C1_BITS,
    C2_BITS,
    DELTA_BITS,
    FRACTION_BITS,
    FUNCTIONS,
    INDEX_BITS,
    coefficients,
    interpolate,
)

DIGESTS = {
    "exp2": "032b56c6ef418bdd9a23f4359188ea41f2f4dd3a1a1cfed46b2dd1572735e9aa",
    "log2": "7faffc52cf317b246ad944b884be3d89e2f65f49f8e3121c2268e9f8a06dc55c",
    "reciprocal": "3723c7f8237a10176e53c3589b4c98212d9819c2e99099ca08aa79b068f14c76",
}


def _log2_over_t(u: float) -> float:
    t = u if u < 0.5 else (u - 1) / 2
    return math.log1p(t) / t / math.log(2) if t else 1 / math.log(2)


EXACT: dict[str, Callable[[float], float]] = {
    "exp2": lambda u: 2.0**u,
    "log2": _log2_over_t,
    "reciprocal": lambda u: 1 / (1 + u),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tables_are_pinned(name: str) -> None:
    assert hashlib.sha256(repr(coefficients(name)).encode()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_coefficients_fit_their_widths(name: str) -> None:
    table = coefficients(name)
    assert len(table) == 1 << INDEX_BITS
    for c0, c1, c2 in table:
        assert 0 <= c0 < 1 << C0_BITS
        assert -(1 << (C1_BITS - 1)) <= c1 < 1 << (C1_BITS - 1)
        assert 0 <= c2 < 1 << C2_BITS


@pytest.mark.parametrize(("name", "bound"), [("exp2", 1.1e-8), ("log2", 1.1e-8), ("reciprocal", 2.4e-8)])
def test_interpolation_error(name: str, bound: float) -> None:
    worst = 0.0
    for index in range(1 << INDEX_BITS):
        for delta in (*range(0, 1 << DELTA_BITS, 16001), (1 << DELTA_BITS) - 1):
            exact = EXACT[name]((index + delta / (1 << DELTA_BITS)) / (1 << INDEX_BITS))
            worst = max(worst, abs(interpolate(name, index, delta) / (1 << FRACTION_BITS) / exact - 1))
    assert worst < bound


def test_no_table() -> None:
    with pytest.raises(ValueError, match="no coefficient table for 'sin'; there is one for exp2"):
        coefficients("sin")
