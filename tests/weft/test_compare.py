"""``weft compare``: the table, the JSON, the limit, and every file that cannot be compared."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from weft.isa.assembler import assemble
from weft.isa.container import save

PROGRAM = """
.machine nano {changes}
.meta name "{model}"
.meta graph "0123"
.buffer x input float32 32 @0x0
.entry 0x1000
load dram=0x0 local=acc[0x0] bytes=64
{more}
halt
"""


@pytest.fixture
def results(weft: Any, tmp_path: Path) -> dict[str, Path]:
    """Results of one small workload: as it is, on a slower machine, with another load, and of another workload."""
    made = {}
    for name, changes, more, model in (
        ("plain", "", "", "m"),
        ("slower", "dram.latency=21", "", "m"),
        ("longer", "", "load dram=0x40 local=acc[0x40] bytes=64", "m"),
        ("other", "", "", "n"),
    ):
        save(assemble(PROGRAM.format(changes=changes, more=more, model=model), "p.s"), tmp_path / "p.weft")
        outcome = weft("report", tmp_path / "p.weft", "--json")
        assert outcome.code == 0, outcome
        made[name] = tmp_path / f"{name}.json"
        made[name].write_text(outcome.out, encoding="utf-8")
    return made


def test_a_file_equals_itself(weft: Any, results: dict[str, Path]) -> None:
    outcome = weft("compare", results["plain"], results["plain"], "--max-regress", "0%")
    cycles = json.loads(results["plain"].read_text(encoding="utf-8"))["accelerator"]["cycles"]
    assert outcome == type(outcome)(0, f"m, program, on nano\nequal in every figure: {cycles:,} cycles\n", "")
    told = json.loads(weft("compare", results["plain"], results["plain"], "--json").out)
    assert told["equal"]
    assert told["regressions"] == []
    assert all(figure["change"] == 0 for figure in told["figures"])


def test_another_machine_is_named(weft: Any, results: dict[str, Path]) -> None:
    outcome = weft("compare", results["plain"], results["slower"])
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[:2] == ["m, program, on nano", "  dram.latency: 20 → 21"]
    assert any(line.split()[0] == "cycles" and "+" in line for line in lines if line.split())
    assert any(line.split()[:2] == ["DRAM", "bytes"] and line.endswith("=") for line in lines)


@pytest.mark.parametrize(("limit", "code"), [("50%", 1), ("0.5", 1), ("1000 %", 0), ("90%", 0)])
def test_the_limit(limit: str, code: int, weft: Any, results: dict[str, Path]) -> None:
    """One more load of 64 bytes beside one: three lines of code and two loads, 320 bytes, where there were 192."""
    outcome = weft("compare", results["plain"], results["longer"], "--max-regress", limit)
    assert outcome.code == code
    if code:
        assert outcome.err == "worse by more than 50 %: DRAM bytes from 192 to 320 (+66.67%)\n"
        told = weft("compare", results["plain"], results["longer"], "--max-regress", limit, "--json")
        assert told.code == 1
        assert json.loads(told.out)["regressions"] == ["DRAM bytes"]
        assert json.loads(told.out)["max_regress"] == 0.5
    assert weft("compare", results["longer"], results["plain"], "--max-regress", limit).code == 0


def test_what_cannot_be_compared(weft: Any, results: dict[str, Path], tmp_path: Path) -> None:
    plain = results["plain"]
    told = f"different workloads cannot be compared: model is m in {plain}, n in {results['other']}"
    weft("compare", plain, results["other"]).refused(2, told)
    weft("compare", plain, tmp_path / "absent.json").refused(2, "absent.json: cannot be read: No such file")
    weft("compare", plain, tmp_path).refused(2, "cannot be read: Is a directory")
    (tmp_path / "bad.json").write_text('{"kind": "weft.report"', encoding="utf-8")
    weft("compare", tmp_path / "bad.json", plain).refused(2, "bad.json: not JSON", "`weft report -o DIR` writes")
    (tmp_path / "bad.json").write_text('{"schema": 1}', encoding="utf-8")
    weft("compare", tmp_path / "bad.json", plain).refused(2, "bad.json: not a weft report")
    (tmp_path / "bad.json").write_text('{"kind": "weft.report", "schema": 1}', encoding="utf-8")
    weft("compare", tmp_path / "bad.json", plain).refused(2, "a report of schema 1; this weft reads schema 2")


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        ("utilisation", math.nan, "accelerator.utilisation must be a number from 0 to 1, not nan"),
        ("utilisation", math.inf, "accelerator.utilisation must be a number from 0 to 1, not inf"),
        ("utilisation", 1.5, "accelerator.utilisation must be a number from 0 to 1, not 1.5"),
        ("cycles", -5, "accelerator.cycles must be a whole number, 1 or more, not -5"),
        ("cycles", 0, "accelerator.cycles must be a whole number, 1 or more, not 0"),
        ("cycles", 10**400, "accelerator.cycles must be a whole number, 1 or more, not 1000000"),
        ("memories", {}, "accelerator.memories.scratchpad is missing"),
        ("events", {}, "accelerator.events.dispatch is missing"),
        ("machine", {"name": "m", "dim": 4, "clock": math.nan}, "accelerator.machine.clock must be a number with an"),
    ],
)
def test_figures_that_cannot_be(place: str, value: Any, text: str, weft: Any, results: dict[str, Path]) -> None:
    plain = results["plain"]
    spoilt = json.loads(plain.read_text(encoding="utf-8"))
    spoilt["accelerator"][place] = value
    bad = plain.with_name("bad.json")
    bad.write_text(json.dumps(spoilt), encoding="utf-8")
    for files in ((bad, plain), (plain, bad)):
        weft("compare", *files, "--json").refused(2, f"{bad}: not a valid report: ", text, "make it again")


@pytest.mark.parametrize("schema", [True, 1.0, "1"])
def test_a_schema_is_a_whole_number(schema: Any, weft: Any, results: dict[str, Path]) -> None:
    plain = results["plain"]
    bad = plain.with_name("bad.json")
    bad.write_text(json.dumps(json.loads(plain.read_text(encoding="utf-8")) | {"schema": schema}), encoding="utf-8")
    weft("compare", plain, bad).refused(2, f"{bad}: a report of schema {schema!r}; this weft reads schema 2")


def test_an_editor_may_have_been_at_the_file(weft: Any, results: dict[str, Path]) -> None:
    """A byte order mark is taken, and no name written by hand commands the terminal."""
    plain = results["plain"]
    edited = json.loads(plain.read_text(encoding="utf-8"))
    counts = dict.fromkeys(("macs", "instructions", "active", "dram_bytes", "intensity", "wasted", "floor"), 1)
    rest = {"name": "\x1b[31mred\x07\ud800", "nodes": [], "utilisation": 0.5, "bound": "dram"}
    edited["accelerator"]["operators"] = [counts | rest]
    other = plain.with_name("edited.json")
    other.write_text(json.dumps(edited), encoding="utf-8-sig")
    outcome = weft("compare", plain, other)
    assert outcome.code == 0
    assert "  \\x1b[31mred\\x07\\ud800\n" in outcome.out
    assert outcome.out.replace("\n", "").isprintable()


@pytest.mark.parametrize(("limit", "percent"), [("2", "2%"), ("1", "1%"), ("2.5", "2.5%")])
def test_a_percentage_has_its_sign(limit: str, percent: str, weft: Any, results: dict[str, Path]) -> None:
    words = ("compare", results["plain"], results["plain"], "--max-regress", limit)
    weft(*words).refused(2, f"'{limit}' would be {100 * float(limit):g} %; for {limit} in a hundred write {percent}")


@pytest.mark.parametrize("limit", ["-1%", "much", "nan", "inf", ""])
def test_a_limit_is_a_share(limit: str, weft: Any, results: dict[str, Path]) -> None:
    words = ("compare", results["plain"], results["plain"], f"--max-regress={limit}")
    weft(*words).refused(2, f"'{limit}' is no share; give one such as 2% or 0.02")
