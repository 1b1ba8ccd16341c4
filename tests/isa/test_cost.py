"""What a program asks for is told from what is written, refused before anything is made, and never too low."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.base.errors import LimitError
from weft.isa import image, rules
from weft.isa.assembler import assemble
from weft.isa.checker import check
from weft.isa.cost import cost, executed
from weft.isa.encoding import make
from weft.isa.errors import ProgramError
from weft.isa.image import DENSE, PAGE, blank, copied, difference
from weft.isa.machine import load
from weft.isa.program import Program
from weft.isa.races import _distinct
from weft.isa.stream import expand
from weft.isa.validator import problems, validate
from weft.sim.fast.plan import timing
from weft.sim.fast.stream import expand as expand_all
from weft.sim.fuzz import random_program
from weft.sim.interp import InterpEngine

NANO = load("nano")
NESTED = "loop count=65535\n" * 3 + "end\n" * 3
LOADS = "loop count=300\nloop count=65535\nload dram=0 local=sp[0] bytes=4\nend\nend"


def of(*lines: str) -> Program:
    return assemble("\n".join((".machine nano", ".buffer b state int8 1x8192 @0x2000", *lines, "halt")))


@pytest.mark.parametrize("use", [validate, check, expand, expand_all, timing, InterpEngine().run])
@pytest.mark.parametrize(
    ("body", "count"), [(NESTED, "281,470,681,808,897"), (LOADS, "39,321,602"), ("loop count=65535\n" * 40, "over")]
)
def test_a_small_text_that_executes_much_is_refused_before_memory_is_taken(
    use: Callable[[Program], object], body: str, count: str
) -> None:
    program = of(body)
    if body.count("loop") != body.count("end") and use is validate:
        return  # refused for its loops
    tracemalloc.start()
    with pytest.raises(LimitError) as error:
        use(program)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(error.value).startswith(f"the program executes {count}")
    assert str(error.value).endswith(
        "instructions, over the limit of 5,000,000 (what a program executes in all its loops, loop control included); "
        "WEFT_LIMIT_EXECUTED changes it"
    )
    assert peak < 1 << 20


@pytest.mark.parametrize("seed", range(10))
def test_executed_counts_what_dispatch_sees(seed: int) -> None:
    program = random_program(NANO, seed)
    assert executed(program) == len(expand_all(program).pc)


def test_the_limit_is_exact_and_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    program = of("loop count=10", "loop count=20", "end", "end")
    assert executed(program) == 1 + 10 * (1 + 20 + 1) + 1 == len(expand_all(program).pc)
    monkeypatch.setenv("WEFT_LIMIT_EXECUTED", "222")
    validate(program)
    monkeypatch.setenv("WEFT_LIMIT_EXECUTED", "221")
    with pytest.raises(LimitError, match="executes 222 instructions, over the limit of 221"):
        validate(program)


def test_loops_without_end_and_ends_without_loop_are_counted() -> None:
    assert executed(of("loop count=5", "loop count=7")) == 1 + 5 * (1 + 7 * 1)
    assert executed(of("end", "end")) == 3
    assert executed(of(*["loop count=65535"] * 5000)) <= 1 << 63


@pytest.mark.parametrize("seed", range(10))
def test_what_a_run_writes_is_within_the_estimate(seed: int) -> None:
    program = random_program(NANO, seed)
    dram = InterpEngine().run(program).dram
    pages = sum(dram[at : at + PAGE].any() for at in range(0, len(dram), PAGE))
    assert pages * PAGE <= cost(program).dram <= program.dram_bytes


def test_stores_that_jump_cost_their_pages_and_not_what_lies_between() -> None:
    def touched(*lines: str) -> int:
        text = ".machine nano dram.bytes=4294967296\n.buffer b state int8 1x4294963200 @0x1000\n"
        return cost(assemble(text + "\n".join(lines) + "\nhalt")).dram

    code = PAGE
    assert touched() == code
    assert touched("store dram=0x80000000 local=sp[0] bytes=4") == code + PAGE
    assert touched("store dram=0x1000 local=sp[0] bytes=4 count0=4 dram_stride0=0x4000000") == code + 8 * PAGE
    loop = "loop count=3", "store dram=0x1000 local=sp[0] bytes=4 dram_inc0=0x4000000", "end"
    assert touched(*loop) == code + 6 * PAGE
    assert touched("loop count=3", "store dram=0x1000 local=sp[0] bytes=4", "end") == code + PAGE
    near = "store dram=0x1000 local=sp[0] bytes=4 count0=1024 dram_stride0=4"
    assert touched(near, near) == code + PAGE


@pytest.mark.parametrize(("variable", "text"), [("DRAM", "touches DRAM in 4,096"), ("MEMORY", "takes about 16,896")])
def test_dram_and_memory_have_limits(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    validate(of())
    monkeypatch.setenv(f"WEFT_LIMIT_{variable}", "4095")
    with pytest.raises(LimitError, match=f"program .*{text} bytes, over the limit of 4,095"):
        validate(of())


def test_the_search_for_races_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    load_, matmul = "load dram=0x2000 local=sp[0] bytes=4", "matmul a=sp[0x800] w=sp[0x800] d=acc[0] k=1 n=1"
    program = of("loop count=100", load_, "end", "loop count=100", matmul, "end")
    check(program)
    for name, count in (("20000", None), ("19999", "20,000")):
        monkeypatch.setenv("WEFT_LIMIT_COMPARED", name)
        if count is None:
            check(program)
            continue
        with pytest.raises(LimitError, match=f"the search for data races in the program takes at least {count} steps"):
            check(program)


def test_each_step_of_the_search_for_races_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pair, 32 for telling it from others, 1024 and 4 + 4 runs for comparing its bytes: they interleave."""
    rows = "bytes=4 count0=4 dram_stride0=16 local_stride0=4"
    program = of(f"load dram=0x2000 local=sp[0x0] {rows}", f"store dram=0x2004 local=acc[0x0] {rows}")
    monkeypatch.setenv("WEFT_LIMIT_COMPARED", "1065")
    check(program)
    monkeypatch.setenv("WEFT_LIMIT_COMPARED", "1064")
    with pytest.raises(LimitError, match="takes at least 1,065 steps"):
        check(program)


def test_different_rows_are_told_apart() -> None:
    rows = np.random.default_rng(0).integers(-3, 3, (500, 3)) * (1 << 40)
    different, which = _distinct(rows)
    np.testing.assert_array_equal(different[which], rows)
    assert len({tuple(row) for row in rows.tolist()}) == len(different)


@pytest.mark.parametrize(
    ("entry", "data"),
    [(0, {1 << 40: b"x"}), (0, {-4096: b"x"}), (1 << 40, {}), (-4096, {})],
)
def test_an_image_lies_in_dram(entry: int, data: dict[int, bytes]) -> None:
    with pytest.raises(ProgramError, match="code and data must lie between 0 and 0x1000000, the size of 'nano's DRAM"):
        Program(NANO, (make("halt"),), entry, (), data).image()


@pytest.mark.parametrize("size", [0, 1, PAGE + 1, DENSE - 1, DENSE, DENSE + 1, DENSE + PAGE + 5])
def test_images_are_arrays(size: int) -> None:
    image_ = blank(size)
    assert image_.shape == (size,)
    assert not image_.any()
    image_[::1000] = 7
    image_[size - size // 3 :] = 1
    copy = copied(image_)
    np.testing.assert_array_equal(copy, image_)
    assert difference(copy, image_) == (-1, 0)
    if size:
        copy[size - 1] = 9
        assert image_[size - 1] != 9
        assert difference(copy, image_) == (size - 1, 1)
        assert difference(copy[:-1], image_) == (size - 1, 1)
        copy[size // 2] ^= 1
        assert difference(copy, image_) == ((size // 2, 2) if size // 2 != size - 1 else (size - 1, 1))


def test_copies_of_little_take_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only pages that are not zero are written."""
    written: list[tuple[int, ...]] = []
    source = blank(1 << 30)
    source[[5, 1 << 20, (1 << 30) - 1]] = 1

    class Spy(np.ndarray[tuple[int], np.dtype[np.uint8]]):
        def __setitem__(self, key: Any, value: Any) -> None:
            written.append(np.shape(value))
            super().__setitem__(key, value)

    monkeypatch.setattr(image, "blank", lambda size: blank(size).view(Spy))
    assert difference(copied(source), source) == (-1, 0)
    assert written == [(1, PAGE)] * 3


def test_placements_that_are_too_many_to_compare_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """65,535 placements of 1,000 rows each, told apart by no end: the rule refuses, and says why."""
    machine = load("nano", {"accumulator.bytes": 1 << 24})
    acc = 1 << 24
    vector = make("vector", x=acc, x_source="row", d=acc | 16, lanes=1, count0=1000, x_stride0=3200, d_stride0=3200,
                  x_inc=32)  # fmt: skip
    calls: list[int] = []
    monkeypatch.setattr(rules, "overlap", lambda a, b, shift: calls.append(shift))

    def found(trips: int) -> str:
        body = (make("loop", count=trips), vector, make("end"), make("halt"))
        return " ".join(problem.text for problem in problems(Program(machine, body)))

    assert found(50) == ""
    assert len(calls) == 50
    assert "x overlaps d: the pass would read what it writes" in found(65535)
    assert len(calls) == 50
