"""The check of a placement: it accepts what the placer makes, and finds every kind of misplaced value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weft.compiler.contents import Bytes, Contents
from weft.compiler.errors import CompileError, InternalError
from weft.compiler.targets.accel import groups, placement
from weft.compiler.targets.accel.arrays import StoredValue
from weft.compiler.targets.accel.compile import compile
from weft.compiler.targets.accel.contents import check_contents
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.micro import FULL, ROW, MicroOp
from weft.compiler.targets.accel.product import Product
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph
from weft.isa.machine import load


def place(address: int) -> StoredValue:
    return StoredValue("float32", 2, 4, 16, address)


def kernel(name: str, reads: int, makes: int, role: str = FULL) -> TileKernel:
    leaf = MicroOp("leaf", "", (), role, "float32", value=reads)
    return TileKernel(name, 2, 4, (leaf, MicroOp("un", "fneg", (0,), FULL, "float32")), {1: makes})


def test_what_was_written_over_is_gone() -> None:
    contents = Contents()
    a, half, b = (Bytes("m", start, start + 32) for start in (0, 16, 32))
    contents.write(a, 1)
    contents.write(b, 2)
    assert (contents.at(a), contents.at(b), contents.at(half)) == (1, 2, None)
    contents.write(half, 3)
    assert (contents.at(a), contents.at(half), contents.at(b)) == (None, 3, None)


def test_a_value_over_its_last_reader_is_accepted() -> None:
    arrays = {0: place(0), 1: place(0), 2: place(64)}
    check_contents([kernel("a", 0, 2), kernel("b", 0, 1)], arrays, [0], [("s", place(0), 1)], {})


@pytest.mark.parametrize(
    ("kernels", "wanted", "text"),
    [
        ([kernel("a", 0, 1), kernel("b", 0, 2)], 1, r"^b: .*it reads %0 where %1 lies"),
        ([kernel("a", 3, 1)], 1, r"^a: .*it reads %3 where %None lies"),
        ([kernel("a", 0, 1, ROW)], 1, r"^a: .*%1 lies where it still reads %0"),
        ([kernel("a", 0, 2)], 1, r"^state s: .*at the end there is %0 instead of %1"),
        ([replace(kernel("a", 4, 1), product=Product(0, 0, False, False, "bfloat16", 4, "p", ("", "")))], 1,
         r"^a: .*%1 lies where it still reads %0"),
        ([replace(kernel("a", 4, 1), outputs={1: 1, 0: 5})], 1, r"^a: .*lies where it writes another result"),
    ],
)  # fmt: skip
def test_a_misplaced_value_is_found(kernels: list[TileKernel], wanted: int, text: str) -> None:
    arrays = {0: place(0), 1: place(0), 2: place(64), 3: place(128), 4: place(192), 5: place(16)}
    with pytest.raises(InternalError, match=text) as caught:
        check_contents(kernels, arrays, [0, 4], [("state s", place(0), wanted)], {})
    assert "defect of weft, not of the model: please report it" in str(caught.value)


def _read_later() -> Graph:
    b = GraphBuilder()
    s, x = b.input("s", (4, 8), "float32", "state"), b.input("x", (8, 8), "float32")
    new = b.apply("neg", s)
    later = b.apply("matmul", x, s, transpose_a=False, transpose_b=True, accumulate="float32")
    return b.build({"y": later}, {"s": new})


def test_a_placer_that_overwrites_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    compile(_read_later(), load("nano"))
    monkeypatch.setattr(placement.MemoryPlanner, "_in_place", lambda self, state, value: value in self.made_in)
    with pytest.raises(InternalError, match=r"it reads %|it still reads %"):
        compile(_read_later(), load("nano"))


def test_a_failure_inside_names_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in the compiler is a CompileError that says where, and remembers the cause."""

    def broken(graph: Graph, index: int) -> tuple[tuple[int, int], str]:
        raise KeyError(index)

    b = GraphBuilder()
    graph = b.build({"y": b.apply("sum", b.input("x", (4, 8), "float32"), axes=(0,), keepdims=False)})
    monkeypatch.setattr(groups, "reduction", broken)
    with pytest.raises(CompileError, match=r"the compiler failed here \(KeyError: 1\).*please report") as caught:
        compile(graph, load("nano"))
    assert isinstance(caught.value.__cause__, KeyError)
