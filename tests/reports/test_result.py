"""The result is built whole, has the shape it promises, and a file that has not is refused with place and remedy."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reports.by_hand import CYCLES, LOAD, run_by_hand
from weft.isa.events import EVENTS
from weft.isa.program import Program
from weft.reports.metrics import METRICS, SHARE
from weft.reports.page import render
from weft.reports.result import HostTime, ResultError, ResultParts, Training, Workload, build, dumps, load, workload_of
from weft.reports.schema import problems
from weft.reports.summary import compared
from weft.sim.run import Run


def test_a_result_has_its_shape_and_survives_its_file(result: dict[str, Any], tmp_path: Path) -> None:
    assert list(problems(result)) == []
    path = tmp_path / "result.json"
    path.write_text(dumps(result), encoding="utf-8")
    assert load(path) == result


def test_the_design_that_ran_is_named(digits: tuple[Program, Run]) -> None:
    program, run = digits
    for design in (None, "0123456789abcdef" * 4):
        made = build(ResultParts(workload_of(program), 0, program, dataclasses.replace(run, design=design)))
        assert list(problems(made)) == []
        assert made["accelerator"]["design"] == design
        assert (str(design) in render(made)) == (design is not None)
        assert (compared(made)[0].title.endswith(", design 0123456789abcdef")) == (design is not None)
    del made["accelerator"]["design"]  # as earlier versions wrote it
    assert list(problems(made)) == []
    assert "engine fast" in render(made)


def test_figures_agree_with_each_other(digits: tuple[Program, Run]) -> None:
    program, run = digits
    made = build(ResultParts(workload_of(program, "digits-mlp", "training step", 64), 0, program, run))
    assert list(problems(made)) == []
    workload, accelerator = made["workload"], made["accelerator"]
    assert workload["useful_macs"] == sum(op["macs"] for op in accelerator["operators"])
    assert len(workload["graph"]) == 64
    assert accelerator["utilisation"] == workload["useful_macs"] / (run.cycles * 64)
    for unit, causes in accelerator["events"].items():
        assert sum(causes.values()) == run.cycles, unit
        assert causes.keys() == accelerator["event_docs"][unit].keys()
    assert sum(len(causes) for causes in accelerator["events"].values()) == len(EVENTS)
    moved = sum(sum(accelerator["dram"][stream]) for stream in ("read", "write", "fetch"))
    assert moved == (run.read_beats + run.write_beats) * program.machine.bus.bytes
    for op, point in zip(accelerator["operators"], accelerator["roofline"]["points"], strict=True):
        assert point["rate"] == op["macs"] / op["active"] <= accelerator["roofline"]["peak"]
        if op["dram_bytes"]:
            assert op["dram_bytes"] <= accelerator["roofline"]["bandwidth"] * op["active"]
    assert len(accelerator["instructions"]) == len(program.instructions)


def test_a_program_written_by_hand() -> None:
    program, run = run_by_hand()
    made = build(ResultParts(workload_of(program), program=program, run=run))
    assert list(problems(made)) == []
    assert made["workload"] == {
        "model": "program", "step": "program", "batch": None, "useful_macs": 0, "graph": program.digest,
    }  # fmt: skip
    assert made["accelerator"]["cycles"] == CYCLES
    assert made["accelerator"]["intervals"]["load"] == [[*LOAD, -1, 0]]
    assert made["training"] is made["cpu"] is made["gpu"] is None


def test_devices_without_the_accelerator() -> None:
    training = Training(2, 2, {"cpu": "cpu"}, {"cpu": [4.0, 3.0, 2.0, 1.0]}, {"cpu": 0.5})
    workload = Workload("m", "training step", 8, 100, "0" * 64)
    made = build(ResultParts(workload, 1, training=training, hosts={"cpu": HostTime("chip", 1, 0.5, 3)}))
    assert list(problems(made)) == []
    assert made["accelerator"] is None
    assert made["cpu"]["break_even_hz"] is None
    assert made["training"]["devices"]["cpu"]["final_loss"] == 1.5  # of the last epoch


def test_the_clock_that_is_as_fast_as_the_host(result: dict[str, Any]) -> None:
    assert result["cpu"]["break_even_hz"] == result["accelerator"]["cycles"] / result["cpu"]["seconds_per_step"]


def test_losses_that_are_no_numbers_stay_json() -> None:
    training = Training(1, 2, {"cpu": "cpu"}, {"cpu": [math.inf, math.nan]}, {"cpu": 0.1})
    made = build(ResultParts(Workload("m", "training step", 8, 100, "0"), training=training))
    assert made["training"]["devices"]["cpu"]["losses"] == [None, None]
    assert made["training"]["devices"]["cpu"]["final_loss"] is None
    assert json.loads(dumps(made)) == made


def test_every_metric_says_what_it_is(result: dict[str, Any]) -> None:
    assert result["metrics"].keys() == METRICS.keys()
    for key, metric in METRICS.items():
        assert metric.key == key
        assert metric.name
        assert metric.formula
        if metric.unit in (SHARE, "Hz") or "/" in metric.unit:
            assert metric.denominator, key


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda r: r.update(kind="weft.sim"), "not a weft report; `weft report -o DIR` writes DIR/result.json"),
        (lambda r: r.update(schema=9), "a report of schema 9; this weft reads schema 2: make it again"),
        (lambda r: r["workload"].pop("graph"), "not a valid report: workload.graph is missing; make it again"),
        (lambda r: r.update(seed="0"), "seed must be a whole number, not '0'"),
        (lambda r: r.update(seed=True), "seed must be a whole number, not True"),
        (lambda r: r.update(accelerator=[]), "accelerator must be an object, not []"),
        (lambda r: r["accelerator"].update(cycles=None), "cycles must be a whole number, 1 or more, not null"),
        (lambda r: r["accelerator"]["operators"][0].update(name=3), "operators[0].name must be text, not 3"),
        (lambda r: r["accelerator"]["dram"].update(read=1), "accelerator.dram.read must be an array, not 1"),
        (lambda r: r["accelerator"]["events"]["load"].update(busy="x"), "must be a whole number, 0 or more, not 'x'"),
        (lambda r: r["cpu"].update(seconds_per_step="fast"), "per_step must be a number, 0 or more, not 'fast'"),
    ],
)
def test_spoilt_files(spoil: Callable[[Any], Any], text: str, result: dict[str, Any], tmp_path: Path) -> None:
    spoil(result)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(ResultError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "cannot be read as text: invalid start byte at byte 0"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a weft report"),
        (b"7", "not a weft report"),
    ],
)
def test_what_is_no_result(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=text):
        load(path)
    with pytest.raises(ResultError, match="cannot be read: No such file or directory"):
        load(tmp_path / "absent.json")
