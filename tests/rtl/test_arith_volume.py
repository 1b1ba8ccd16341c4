"""The blocks through Verilator equal the compiled scalar arithmetic on a million random words each."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.isa.vector_ops import BINARY, UNARY, index_of
from weft.rtl.arith import Bf16Fma, Binary, Unary
from weft.sim.fast import scalar
from weft.sim.rtl.toolchain import compile_all, find_toolchain, link, verilate

pytestmark = [pytest.mark.rtl, pytest.mark.thorough]
njit: Any = numba.njit
Words = npt.NDArray[np.uint32]

COUNT = 1_000_000
NAME = "vector_operations"
SOURCE = f"""
#include "V{NAME}.h"
extern "C" void evaluate(long n, int binary, int unary, const unsigned* a, const unsigned* b, const unsigned* c,
                         unsigned* two, unsigned* one, unsigned* fma) {{
  static VerilatedContext context;
  static V{NAME} top(&context);
  top.binary = binary;
  top.unary = unary;
  for (long i = 0; i < n; ++i) {{
    top.a = a[i]; top.b = b[i]; top.c = c[i];
    top.eval();
    two[i] = top.two; one[i] = top.one; fma[i] = top.fma;
  }}
}}
"""


class Blocks(wiring.Component):
    """Every block side by side on shared operands."""

    def __init__(self) -> None:
        selects = {"binary": In(range(len(BINARY))), "unary": In(range(len(UNARY)))}
        words = {"a": In(32), "b": In(32), "c": In(32), "two": Out(32), "one": Out(32), "fma": Out(32)}
        super().__init__(selects | words)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.two = two = Binary()
        m.submodules.one = one = Unary()
        m.submodules.fma = fma = Bf16Fma()
        m.d.comb += [two.op.eq(self.binary), two.a.eq(self.a), two.b.eq(self.b), self.two.eq(two.y)]
        m.d.comb += [one.op.eq(self.unary), one.x.eq(self.a), self.one.eq(one.y)]
        m.d.comb += [fma.a.eq(self.a[16:]), fma.b.eq(self.b[16:]), fma.c.eq(self.c), self.fma.eq(fma.y)]
        return m


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Words, Words, Words]]:
    """``(binary, unary, a, b, c) -> (two, one, fma)`` on arrays of words."""
    folder: Path = tmp_path_factory.mktemp("arith")
    tools = find_toolchain()
    (folder / f"{NAME}.v").write_text(verilog.convert(Blocks(), name=NAME, emit_src=False))
    (folder / "batch.cpp").write_text(SOURCE)
    flags = ["--cc", "-sv", "-O3", "-Wno-fatal", "--Mdir", str(folder), f"{NAME}.v", "--top-module", NAME]
    verilate(tools, flags, folder)
    include = tools.root / "include"
    options = ["-O1", "-fPIC", "-std=c++17", f"-I{include}", f"-I{include}/vltstd", f"-I{folder}"]
    sources = [*folder.glob("*.cpp"), include / "verilated.cpp", include / "verilated_threads.cpp"]
    objects = compile_all(tools, [(source, options) for source in sources], folder)
    library = folder / "arith.so"
    link(tools, objects, library)
    batch = ctypes.CDLL(str(library)).evaluate

    def call(binary: int, unary: int, a: Words, b: Words, c: Words) -> tuple[Words, Words, Words]:
        two, one, fma = (np.empty_like(a) for _ in range(3))
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (a, b, c, two, one, fma)]
        batch(ctypes.c_long(a.size), binary, unary, *pointers)
        return two, one, fma

    return call


def _words(rng: np.random.Generator) -> tuple[Words, Words, Words]:
    """Three arrays whose exponents are anything, or close together around one, or sum to an edge."""
    sign_fraction = rng.integers(0, 1 << 32, (3, COUNT), dtype=np.uint32) & 0x807FFFFF
    short = rng.integers(0, 2, (3, COUNT), dtype=np.uint32) == 0
    sign_fraction = np.where(short, sign_fraction & 0x80700000, sign_fraction)
    near = rng.integers(112, 142, (3, COUNT))
    edge = rng.integers(0, 256, (3, COUNT))
    edge[1] = np.clip(rng.integers(96, 128, COUNT) - edge[0], 0, 255)  # products around 2^-126
    edge[2] = rng.integers(0, 26, COUNT)
    anything = rng.integers(0, 256, (3, COUNT))
    kind = rng.integers(0, 3, COUNT)
    field = np.choose(kind, [near, edge, anything]).astype(np.uint32)
    a, b, c = sign_fraction | field << 23
    return a, b, c


def test_two_words_and_fma(evaluate: Callable[..., tuple[Words, Words, Words]]) -> None:
    @njit
    def fma(a: Words, b: Words, c: Words) -> Words:
        out = np.empty_like(a)
        for i in range(a.size):
            out[i] = scalar.fma_bf16(np.uint16(a[i] >> 16), np.uint16(b[i] >> 16), c[i])
        return out

    for seed, name in enumerate(["fadd", "fmul", "fmin", "fle", "imul", "shr"]):
        function = scalar.BINARY[name]

        @njit
        def two(a: Words, b: Words, function: Any = function) -> Words:
            out = np.empty_like(a)
            for i in range(a.size):
                out[i] = function(a[i], b[i])
            return out

        a, b, c = _words(np.random.default_rng(seed))
        got_two, _, got_fma = evaluate(index_of(BINARY, name), 0, a, b, c)
        assert np.array_equal(got_fma, fma(a, b, c))
        assert np.array_equal(got_two, two(a, b)), name


@pytest.mark.parametrize("name", ["exp2", "log2", "reciprocal", "i2f", "f2i"])
def test_one_word(evaluate: Callable[..., tuple[Words, Words, Words]], name: str) -> None:
    function = scalar.UNARY[name]

    @njit
    def one(a: Words) -> Words:
        out = np.empty_like(a)
        for i in range(a.size):
            out[i] = function(a[i])
        return out

    a, b, c = _words(np.random.default_rng(len(name)))
    _, got, _ = evaluate(0, index_of(UNARY, name), a, b, c)
    assert np.array_equal(got, one(a))
