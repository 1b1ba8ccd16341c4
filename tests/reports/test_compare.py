"""Two results: equal to themselves, refused if of different workloads, and judged against a limit by three figures."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.machine import load
from weft.reports.compare import Figure, compare
from weft.reports.result import ResultError, ResultParts, build, workload_of
from weft.sim.engines import get_engine


def test_a_result_equals_itself_whatever_the_clock_said(result: dict[str, Any]) -> None:
    later = copy.deepcopy(result)
    later["cpu"]["seconds_per_step"] *= 7
    later["seed"] += 1
    found = compare(result, later)
    assert found.equal
    assert not found.regressions(0.0)
    assert not found.machine_changes
    assert len(found.operators) == len(result["accelerator"]["operators"])


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("model", "other", "model is gemm in a.json, other in b.json"),
        ("step", "inference", "step is product in a.json, inference in b.json"),
        ("batch", 7, "batch is 20 in a.json, 7 in b.json"),
        ("useful_macs", 1, "useful_macs is 2340 in a.json, 1 in b.json"),
        ("graph", "f" * 64, "in a.json, ffffffffffff… in b.json"),
    ],
)
def test_different_workloads_are_refused(key: str, value: Any, text: str, result: dict[str, Any]) -> None:
    other = copy.deepcopy(result)
    other["workload"][key] = value
    with pytest.raises(ResultError) as error:
        compare(result, other, ("a.json", "b.json"))
    assert str(error.value).startswith("different workloads cannot be compared: ")
    assert text in str(error.value)
    assert str(error.value).count(" in a.json") == 1


def test_a_result_without_the_accelerator_is_refused(result: dict[str, Any]) -> None:
    other = copy.deepcopy(result) | {"accelerator": None}
    with pytest.raises(ResultError, match=r"b.json has no figures of the accelerator.*--device accel"):
        compare(result, other, ("a.json", "b.json"))


@pytest.mark.parametrize(
    ("figure", "limit", "worse"),
    [
        (Figure("", "cycles", 100, 102, -1), 0.02, False),
        (Figure("", "cycles", 100, 103, -1), 0.02, True),
        (Figure("", "cycles", 100, 50, -1), 0.0, False),
        (Figure("", "cycles", 100, 101, -1), 0.0, True),
        (Figure("", "utilisation", 0.5, 0.49, 1), 0.02, False),
        (Figure("", "utilisation", 0.5, 0.48, 1), 0.02, True),
        (Figure("", "utilisation", 0.5, 0.9, 1), 0.0, False),
        (Figure("", "events", 1, 100), 0.0, False),
        (Figure("", "dram_bytes", 0, 1, -1), 0.5, True),
    ],
)
def test_limits(figure: Figure, limit: float, worse: bool) -> None:
    assert figure.worse_by_more_than(limit) is worse


def test_the_whole_runs_bytes_are_not_the_operators(result: dict[str, Any]) -> None:
    """An operator's bytes leave fetched instructions out, those of the run hold them: they are two metrics."""
    found = compare(result, result)
    assert {figure.key for figure in found.figures if figure.name.startswith("DRAM bytes")} == {"dram_traffic"}
    mine = {figure.key for _, figures in found.operators for figure in figures if "DRAM" in figure.name}
    assert mine == {"dram_bytes"}


def test_machines_may_differ_and_are_named() -> None:
    results = []
    for latency in (20, 200):
        program = gemm_program(load("nano", {"dram.latency": latency}), 20, 9, 13)
        results.append(build(ResultParts(workload_of(program), program=program, run=get_engine("fast").run(program))))
    found = compare(results[0], results[1])
    assert found.machine_changes == [("dram.latency", 20, 200)]
    assert [figure.name for figure in found.regressions(0.02)] == ["cycles", "utilisation"]
    figures = {figure.name: figure for figure in found.figures}
    assert figures["cycles"].before == results[0]["accelerator"]["cycles"]
    assert figures["cycles"].change == pytest.approx(
        results[1]["accelerator"]["cycles"] / results[0]["accelerator"]["cycles"] - 1
    )
    assert figures["DRAM bytes"].change == 0
    assert not compare(results[1], results[0]).regressions(0.0)


def test_operators_are_matched_by_name_whatever_line_they_are_on(result: dict[str, Any]) -> None:
    made = result["accelerator"]["operators"][0]
    names = ["layer 0, forward, cast [2]", "a.py:3, backward, neg [2]", "a.py:4, exp [2]"]
    result["accelerator"]["operators"] = [made | {"name": name} for name in names]
    later = copy.deepcopy(result)
    moved = ["layer 0, forward, cast [2]", "a.py:4, log [2]", "a.py:30, backward, neg [2]"]
    later["accelerator"]["operators"] = [made | {"name": name, "active": 1} for name in moved]
    found = compare(result, later)
    assert [name for name, _ in found.operators] == names[:2]
    assert (found.only_before, found.only_after) == (["a.py:4, exp [2]"], ["a.py:4, log [2]"])
    assert not found.equal
    (_, figures), _ = found.operators
    assert [(f.name, f.after) for f in figures if f.before != f.after] == [("active cycles", 1)]
