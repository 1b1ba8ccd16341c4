"""The vectorised tile kernels equal the step-by-step sums of the exact oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests import oracle_arith as oracle
from weft.sim.fast import tile

SHAPES = ((1, 1, 1), (4, 8, 8), (5, 7, 3), (9, 16, 16), (3, 17, 5))
Halves = npt.NDArray[np.uint16]
Words = npt.NDArray[np.uint32]


def _sums(kind: str, a: Words, w: Words) -> Words:
    """The sums of ``a`` [m, k] and ``w`` [k, n], words, through buffers with room for whole blocks."""
    (m, k), n = a.shape, w.shape[1]
    rows, pitch = -m % tile.ROWS + m, max(-n % tile.COLUMNS + n, k)
    wide_a, wide_w, sums = (np.zeros((height, pitch), np.uint32) for height in (rows, k, rows))
    wide_a[:m, :k], wide_w[:, :n] = a, w
    places = (array.ctypes.data for array in (wide_a, wide_w, sums))
    tile.tile(kind).ctypes(*places, 4 * pitch, m, n, k)
    return sums[:m, :n]


def _widened(halves: Halves) -> Words:
    """The fp32 words of bf16 patterns, subnormals flushed."""
    words = halves.astype(np.uint32) << 16
    return np.where(words & 0x7F800000, words, words & 0x80000000).astype(np.uint32)


def _check(a: Halves, w: Halves) -> None:
    got = _sums("bf16", _widened(a), _widened(w))
    for i in range(a.shape[0]):
        for j in range(w.shape[1]):
            total = 0
            for k in range(a.shape[1]):
                total = oracle.fma_bf16(int(a[i, k]), int(w[k, j]), total)
            assert got[i, j] == total, (i, j, hex(got[i, j]), hex(total))


def _numbers(rng: np.random.Generator, shape: tuple[int, int], low: int, high: int) -> Halves:
    """bf16 of random sign and fraction, exponent field from ``low`` to ``high`` inclusive."""
    fields = rng.integers(low, high + 1, shape)
    return (rng.integers(0, 2, shape) << 15 | fields << 7 | rng.integers(0, 128, shape)).astype(np.uint16)


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
@pytest.mark.parametrize(
    ("low", "high"),
    [(120, 130), (60, 66), (0, 64), (0, 255), (190, 255)],
    ids=["ordinary", "flushed", "small", "any", "overflow"],
)
def test_bf16(m: int, n: int, k: int, low: int, high: int) -> None:
    rng = np.random.default_rng(m * 1000 + n * 100 + k + low)
    _check(_numbers(rng, (m, k), low, high), _numbers(rng, (k, n), low, high))


def test_one_tiny_row_leaves_the_others_alone() -> None:
    rng = np.random.default_rng(3)
    a, w = _numbers(rng, (8, 6), 125, 128), _numbers(rng, (6, 8), 70, 73)
    a[5] = _numbers(rng, (1, 6), 55, 57)[0]
    _check(a, w)


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_int8(m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(m + n + k)
    a, w = (rng.integers(-128, 128, shape).astype(np.int32) for shape in ((m, k), (k, n)))
    sums = _sums("int8", a.view(np.uint32), w.view(np.uint32))
    assert np.array_equal(sums.view(np.int32), a @ w)
