"""docs/hardware.md tells the truth: its cycles are the engines', its files exist, its change to the design works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tests.tree import ROOT, place
from weft.base.errors import MissingToolError
from weft.isa.assembler import assemble
from weft.isa.events import BY_NAME
from weft.isa.program import Program
from weft.isa.timing import matmul_retire, vector_retire
from weft.sim.engines import TIMED, get_engine
from weft.sim.fast.engine import FastEngine

PAGE = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The page's first code block in ``language``."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose head begins with ``head``."""
    lines = PAGE[PAGE.index(f"| {head} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def program() -> Program:
    return assemble(block("asm"), "layer.s")


@pytest.mark.parametrize("engine", TIMED)
def test_the_table_of_cycles_is_that_of_the_run(engine: str) -> None:
    try:
        trace = get_engine(engine).run(program()).trace
    except MissingToolError as missing:
        pytest.skip(str(missing))
    assert trace is not None
    told = rows("instruction")
    assert [row[0].split("`")[0] for row in told] == [i.name for i in program().instructions]
    cycles = np.array([row[1:] for row in told], np.int64)
    assert np.array_equal(cycles, np.stack([trace.dispatch, trace.start, trace.retire], axis=1))


def test_the_numbers_of_the_derivation() -> None:
    run = FastEngine().run(program())
    assert f"**{run.cycles} cycles**" in PAGE
    assert run.events[BY_NAME["matrix.semaphore"].index] == 63
    assert run.events[BY_NAME["matrix.port"].index] == 4
    assert "63 cycles of semaphore stall (87 to 149), then 4\nof port stall (150 to 153)" in PAGE
    machine = program().machine
    assert matmul_retire(154, 4, machine.dim, machine.pipeline.mac, machine.pipeline.accumulate) == 154 + 22
    assert vector_retire(177, 4, 2, machine.pipeline.vector, 0) == 177 + 13
    assert [row[-1].strip("*") for row in rows("load")] == ["141", "149", "153"]
    y = program().buffer("y").read(run.dram).astype(np.float32)
    a, w = (program().buffer(name).read(program().image()).astype(np.float32) for name in "aw")
    assert np.array_equal(y, np.maximum(a @ w + 0.5, 0))


@pytest.mark.parametrize("row", rows("replace"), ids=lambda row: row[1])
def test_the_exercises_have_the_answers_that_are_given(row: list[str]) -> None:
    old, new, cycles = row
    assert old in block("asm")
    assert FastEngine().run(assemble(block("asm").replace(old, new))).cycles == int(cycles)


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:rtl|isa|sim|tests|docs)/[\w/.]*)`", PAGE) + re.findall(r"\]\((\w[\w.]*)\)", PAGE)
    assert len(named) > 50
    places = {name: place(name if "/" in name else f"docs/{name}") for name in named}
    assert [name for name, found in places.items() if not found.exists()] == []
    modules = {path.name for path in place("rtl").rglob("*.py") if path.name != "__init__.py"}
    plumbing = {"verilog.py", "cells.py", "pipe.py", "lane.py", "tile.py", "blockbuffer.py"}
    top = {path.name for path in place("rtl").glob("*.py")} & modules
    assert top - plumbing <= {Path(name).name for name in named}


def test_the_block_diagram_is_an_image_with_a_description() -> None:
    root = ET.parse(ROOT / "docs" / "hardware.svg").getroot()
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"control", "fetch", "dispatch", "issue", "load", "matrix", "vector", "store"} <= texts
    assert root.find("{http://www.w3.org/2000/svg}desc") is not None


TRY = """
import random
from amaranth.sim import Simulator
from weft.isa.assembler import assemble
from weft.isa.encoding import decode, encode
from weft.isa.vector_ops import UNARY, index_of
from weft.rtl.arith.vector_ops import Unary
from weft.sim.fast import scalar
from weft.sim.interp import numbers
import numba, numpy as np, oracle_arith

op = index_of(UNARY, "popcount")
words = [0, 1, 0x80000000, 0xFFFFFFFF, *(random.Random(1).getrandbits(32) for _ in range(50))]
call = numba.njit(lambda t: scalar.popcount(t))
unit = Unary()
simulator = Simulator(unit)

async def bench(ctx):
    ctx.set(unit.op, op)
    for word in words:
        ctx.set(unit.x, word)
        got = (ctx.get(unit.y), numbers.UNARY["popcount"](word), int(call(np.uint32(word))))
        assert got == (oracle_arith.UNARY["popcount"](word),) * 3, (hex(word), got)

simulator.add_testbench(bench)
simulator.run()
program = assemble(".machine nano\\nvector f=popcount d=acc[0] lanes=1\\nhalt\\n")
assert decode(encode(program.instructions[0]))["f"] == op
assert "popcount" in scalar.UNARY
print("works")
"""


def hunks(patch: str) -> list[tuple[str, str, str]]:
    """(file, old lines, new lines) of a unified diff; the counts in its heads are checked."""
    found = []
    for part in re.split(r"^--- a/.*\n", patch, flags=re.MULTILINE)[1:]:
        head, *pieces = re.split(r"^@@ -\d+,(\d+) \+\d+,(\d+) @@\n", part, flags=re.MULTILINE)
        for at in range(0, len(pieces), 3):
            lines = pieces[at + 2].splitlines(keepends=True)
            old = [line[1:] for line in lines if line[0] in " -"]
            new = [line[1:] for line in lines if line[0] in " +"]
            assert (len(old), len(new)) == (int(pieces[at]), int(pieces[at + 1]))
            found.append((head.strip().removeprefix("+++ b/"), "".join(old), "".join(new)))
    return found


def test_the_new_operation_works_in_every_engine(tmp_path: Path) -> None:
    pytest.importorskip("amaranth")
    shutil.copytree(ROOT / "weft", tmp_path / "weft", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "oracle_arith.py", tmp_path / "tests")
    places = hunks(block("diff"))
    assert len({file for file, _, _ in places}) == 5
    for file, old, new in places:
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has changed where the page's patch applies"
        (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(tmp_path / 'tests')!r}]\n{TRY}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "works\n", done.stderr
