"""The compiled scalar arithmetic equals the exact oracle, bit for bit."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
import pytest

from tests import oracle_arith as oracle
from weft.isa.functions import MAX_ULP
from weft.isa.vector_ops import BINARY, UNARY
from weft.sim.fast import scalar

njit: Any = numba.njit
Words = npt.NDArray[Any]
Loop = Callable[..., Words]
SEED = 20240


def _over_arrays(function: Callable[..., Any], arguments: int, result: str = "uint32") -> Loop:
    """A compiled loop of ``function`` over equally long arrays."""
    kind = np.dtype(result).type
    if arguments == 1:

        @njit
        def one(a: Words) -> Words:
            out = np.empty(a.size, kind)
            for i in range(a.size):
                out[i] = function(a[i])
            return out

        return cast(Loop, one)
    if arguments == 2:

        @njit
        def two(a: Words, b: Words) -> Words:
            out = np.empty(a.size, kind)
            for i in range(a.size):
                out[i] = function(a[i], b[i])
            return out

        return cast(Loop, two)

    @njit
    def three(a: Words, b: Words, c: Words) -> Words:
        out = np.empty(a.size, kind)
        for i in range(a.size):
            out[i] = function(a[i], b[i], c[i])
        return out

    return cast(Loop, three)


def _check(name: str, got: Words, want: list[int], *arguments: list[int]) -> None:
    for values in zip(got.tolist(), want, *arguments, strict=True):
        assert values[0] == values[1], f"{name}({', '.join(f'{v:#010x}' for v in values[2:])}): {values[:2]}"


def _pairs() -> tuple[list[int], list[int]]:
    rng = random.Random(SEED)
    pairs = list(itertools.product(oracle.SPECIAL, repeat=2))
    words = oracle.random_words(rng, 8000)
    pairs += itertools.pairwise(words)
    pairs += [(w, w ^ 0x80000000 ^ rng.getrandbits(3)) for w in words[:1000]]  # near cancellation
    # Products around 2^-126, where flushing after rounding differs from gradual underflow.
    for _ in range(2000):
        e = rng.randint(20, 108)
        a = e << 23 | rng.choice((0x7FFFFF, 0, 1, 0x7FFFFE, rng.getrandbits(23)))
        pairs.append((a, (127 - e + rng.randint(0, 1)) << 23 | rng.choice((0x7FFFFF, 0, 1, 0x7FFFFE))))
    return [a for a, _ in pairs], [b for _, b in pairs]


PAIRS = _pairs()
SINGLES = sorted(set(PAIRS[0]))


@pytest.mark.parametrize("name", sorted(oracle.BINARY.keys() & scalar.BINARY.keys()))
def test_operations_of_two_words(name: str) -> None:
    a, b = PAIRS
    got = _over_arrays(scalar.BINARY[name], 2)(np.array(a, np.uint32), np.array(b, np.uint32))
    _check(name, got, [oracle.BINARY[name](x, y) for x, y in zip(a, b, strict=True)], a, b)


@pytest.mark.parametrize("name", list(scalar.UNARY))
def test_operations_of_one_word(name: str) -> None:
    got = _over_arrays(scalar.UNARY[name], 1)(np.array(SINGLES, np.uint32))
    _check(name, got, [oracle.UNARY[name](t) for t in SINGLES], SINGLES)


def test_every_built_operation_is_there() -> None:
    assert {op.name for op in BINARY if op.built} <= scalar.BINARY.keys()
    assert {op.name for op in UNARY if op.built} <= scalar.UNARY.keys()


def test_casts() -> None:
    words = np.array(SINGLES, np.uint32)
    _check("f2bf", _over_arrays(scalar.f2bf, 1, "uint16")(words), [oracle.f2bf(t) for t in SINGLES], SINGLES)
    saturated = _over_arrays(scalar.i32_to_i8, 1, "int8")(words).view(np.uint8)
    _check("i32_to_i8", saturated, [oracle.i32_to_i8(t) for t in SINGLES], SINGLES)
    halves = list(range(1 << 16))
    widened = _over_arrays(scalar.bf2f, 1)(np.array(halves, np.uint16))
    _check("bf2f", widened, [oracle.bf2f(h) for h in halves], halves)
    octets = list(range(256))
    extended = _over_arrays(scalar.i8_to_i32, 1)(np.array(octets, np.uint8).view(np.int8))
    _check("i8_to_i32", extended, [oracle.i8_to_i32(o) for o in octets], octets)


def fma_cases() -> list[tuple[int, int, int]]:
    """bf16, bf16, fp32 triples: special ones, random ones, and the sliver just below 2^-126."""
    rng = random.Random(SEED)
    halves = sorted({w >> 16 for w in oracle.SPECIAL})
    cases = list(itertools.product(halves[::2], halves, oracle.SPECIAL[::3]))
    words = oracle.random_words(rng, 12000)
    cases += [(words[i] >> 16, words[i + 1] >> 16, words[i + 2]) for i in range(len(words) - 2)]
    for _ in range(3000):  # the addend nearly cancels the product
        a, b = (rng.getrandbits(1) << 15 | rng.randint(100, 150) << 7 | rng.getrandbits(7) for _ in "ab")
        near = oracle.fma_bf16(a, b, 0) ^ 0x80000000
        cases.append((a, b, near + rng.randint(-2, 2) + (rng.randint(-3, 3) << 23) & 0xFFFFFFFF))
    for _ in range(4000):  # +-2^-126 less a product from 2^-152 to 2^-148
        e = rng.randint(20, 90)
        a = rng.getrandbits(1) << 15 | e << 7 | rng.choice((0, 0, 1, 127, rng.getrandbits(7)))
        b = rng.getrandbits(1) << 15 | (254 - e - rng.randint(148, 152)) << 7 | rng.choice((0, 0, 1, 127))
        cases.append((a, b, rng.getrandbits(1) << 31 | 0x00800000))
    return [case for case in cases if case[1] < 1 << 16]


def test_the_matrix_element() -> None:
    cases = fma_cases()
    a, b, c = ([case[i] for case in cases] for i in range(3))
    got = _over_arrays(scalar.fma_bf16, 3)(np.array(a, np.uint16), np.array(b, np.uint16), np.array(c, np.uint32))
    want = [oracle.fma_bf16(*case) for case in cases]
    _check("fma_bf16", got, want, a, b, c)
    with np.errstate(all="ignore"):
        gradual = np.array([w << 16 for w in a], np.uint32).view(np.float32).astype(np.float64)
        gradual = gradual * np.array([w << 16 for w in b], np.uint32).view(np.float32)
        gradual = (gradual + np.array(c, np.uint32).view(np.float32)).astype(np.float32)
    sliver = (np.abs(gradual) == np.float32(2.0**-126)) & ((got & 0x7FFFFFFF) == 0)
    assert sliver.sum() > 50, "the cases must meet the sliver where flushing and gradual underflow differ"


EXACT: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "exp2": np.exp2,
    "log2": lambda x: np.where(np.abs(x - 1) < 0.3, np.log1p(x - 1) / np.log(2), np.log2(x)),
    "reciprocal": lambda x: 1 / x,
}


@pytest.mark.parametrize("name", list(MAX_ULP))
def test_error_of_functions(name: str) -> None:
    low, high = {"exp2": (100, 134), "log2": (100, 150), "reciprocal": (1, 253)}[name]
    words = np.arange(low << 23, high << 23, 331, dtype=np.uint32)
    if name == "exp2":
        words = np.concatenate([words, words | 0x80000000])
    results = _over_arrays(scalar.UNARY[name], 1)(words)
    field = results >> 23 & 0xFF
    normal = (field > 0) & (field < 255)
    exact = EXACT[name](words[normal].view(np.float32).astype(np.float64))
    error = np.abs(results[normal].view(np.float32) - exact) / np.exp2(field[normal].astype(np.float64) - 150)
    assert 0.5 < error.max() <= MAX_ULP[name]
    assert normal.mean() > 0.8
