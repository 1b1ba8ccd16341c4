"""The combinational blocks equal the exact oracle, bit for bit, in Amaranth's simulator."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tests import oracle_arith as oracle
from weft.isa.vector_ops import BINARY, UNARY
from weft.rtl import arith
from weft.rtl.arith import Bf16Fma, Binary, Delay, Fp32Add, Fp32Mul, Unary

SEED = 77


def _check(
    block: Any, ports: Sequence[str], cases: Sequence[tuple[int, ...]], want: Callable[..., int], output: str = "y"
) -> None:
    """Drive ``ports`` with each case and compare the output."""

    async def bench(context: Any) -> None:
        for case in cases:
            for port, value in zip(ports, case, strict=True):
                context.set(getattr(block, port), value)
            got, expected = context.get(getattr(block, output)), want(*case)
            assert got == expected, f"{[f'{v:#x}' for v in case]}: got {got:#010x}, want {expected:#010x}"

    simulator = Simulator(block)
    simulator.add_testbench(bench)
    simulator.run()


def _pairs(randoms: int) -> list[tuple[int, int]]:
    rng = random.Random(SEED)
    words = oracle.random_words(rng, randoms)
    near = [(w, w ^ 0x80000000 ^ rng.getrandbits(2)) for w in words[: randoms // 8]]
    special = [(a, b) for a in oracle.SPECIAL for b in oracle.SPECIAL]
    return special + list(itertools.pairwise(words)) + near


def _triples(randoms: int) -> list[tuple[int, int, int]]:
    rng = random.Random(SEED)
    halves = sorted({w >> 16 for w in oracle.SPECIAL})
    cases = list(itertools.product(halves[::2], halves[1::2], oracle.SPECIAL[::3]))
    words = oracle.random_words(rng, randoms)
    cases += [(words[i] >> 16, words[i + 1] >> 16, words[i + 2]) for i in range(len(words) - 2)]
    for _ in range(randoms // 2):  # the addend nearly cancels the product
        a, b = (rng.getrandbits(1) << 15 | rng.randint(100, 150) << 7 | rng.getrandbits(7) for _ in "ab")
        near = oracle.fma_bf16(a, b, 0) ^ 0x80000000
        cases.append((a, b, near + rng.randint(-2, 2) + (rng.randint(-3, 3) << 23) & oracle.MASK))
    for _ in range(randoms // 8):  # 2^-126 less a tiny product
        e = rng.randint(20, 90)
        b = (254 - e - rng.randint(148, 152)) << 7 | rng.choice((0, 0, 1, 127))
        cases.append((rng.getrandbits(1) << 15 | e << 7, b, rng.getrandbits(1) << 31 | 0x00800000))
    return cases


def test_bf16_fma() -> None:
    _check(Bf16Fma(), "abc", _triples(1500), oracle.fma_bf16)


@pytest.mark.parametrize(("block", "want"), [(Fp32Add, oracle.fadd), (Fp32Mul, oracle.fmul)])
def test_fp32(block: Callable[[], Any], want: Callable[[int, int], int]) -> None:
    _check(block(), "ab", _pairs(1500), want)


class Casts(wiring.Component):
    """The conversions at memory, one beside the other."""

    def __init__(self) -> None:
        super().__init__({"w": In(32), "f2bf": Out(16), "bf2f": Out(32), "i32_to_i8": Out(8), "i8_to_i32": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.f2bf.eq(arith.f2bf(m, self.w)),
            self.bf2f.eq(arith.bf2f(self.w[:16])),
            self.i32_to_i8.eq(arith.i32_to_i8(self.w)),
            self.i8_to_i32.eq(arith.i8_to_i32(self.w[:8])),
        ]
        return m


@pytest.mark.parametrize(("port", "bits"), [("f2bf", 32), ("bf2f", 16), ("i32_to_i8", 32), ("i8_to_i32", 8)])
def test_casts(port: str, bits: int) -> None:
    words = [*oracle.SPECIAL, *oracle.random_words(random.Random(SEED), 400), *(w >> 16 for w in oracle.SPECIAL)]
    want = getattr(oracle, port)
    _check(Casts(), "w", [(w,) for w in words], lambda w: want(w & (1 << bits) - 1), port)


def test_operations_of_two_words() -> None:
    rng = random.Random(SEED)
    pairs = [(rng.choice(oracle.SPECIAL), rng.choice(oracle.SPECIAL)) for _ in range(150)]
    words = oracle.random_words(rng, 120)
    pairs += list(itertools.pairwise(words)) + [(w, w ^ 0x80000000 * rng.getrandbits(1)) for w in words[:30]]
    cases = [(index, a, b) for index, op in enumerate(BINARY) if op.built for a, b in pairs]
    _check(Binary(), ("op", "a", "b"), cases, lambda op, a, b: oracle.BINARY[BINARY[op].name](a, b))


def test_operations_of_one_word() -> None:
    rng = random.Random(SEED)
    words = [*oracle.SPECIAL, *oracle.random_words(rng, 250)]
    words += [rng.randint(117, 135) << 23 | rng.getrandbits(23) | rng.getrandbits(1) << 31 for _ in range(150)]
    words += [0x3F800000 + rng.randint(-(1 << n), 1 << n) for n in range(22)]  # near 1, where log2 is near 0
    cases = [(index, w) for index, op in enumerate(UNARY) if op.built for w in words]
    _check(Unary(), ("op", "x"), cases, lambda op, w: oracle.UNARY[UNARY[op].name](w))


@pytest.mark.parametrize("cycles", [0, 1, 3])
def test_delay(cycles: int) -> None:
    sent = [5, 9, 200, 17, 3]
    m = Module()
    m.submodules.delay = delay = Delay(8, cycles)
    m.d.sync += Signal().eq(1)  # a clock, also for the wire
    got = []

    async def bench(context: Any) -> None:
        for value in sent + [0] * cycles:
            context.set(delay.i, value)
            got.append(context.get(delay.o))
            await context.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert got == [0] * cycles + sent
