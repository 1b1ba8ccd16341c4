"""What the front door returns becomes JSON by ``to_dict()``, and is shown on one screen by ``repr``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import weft
from weft.base.plain import array, elements
from weft.isa.program import Program
from weft.models import RECIPES
from weft.programs import named_step
from weft.sim.run import Run
from weft.training import Session


@pytest.fixture(scope="module")
def step() -> Any:
    """A whole training step, with its values."""
    return named_step("digits-mlp", "edu", (), False, 0)


@pytest.fixture(scope="module")
def results(step: Any) -> dict[str, Any]:
    """One of each type that the front door returns as a result."""
    program: Program = step.program
    engines = [weft.get_engine(name) for name in ("fast", "interp")]
    run = engines[0].run(program, step.image)
    return {
        "Program": program,
        "Run": run,
        "Trace": run.trace,
        "Run without a time": engines[1].run(program, step.image),
        "Profile": weft.profile(program, run=run),
        "Report": weft.report(program, run=run, tries=1),
        "Verification": weft.verify(program, engines, step.image),
        "Result": step.device.compile(step.graph)(step.values),
        "Machine": program.machine,
    }


SHOWN = 24, 140
"""Lines, and columns, of a screen."""


def test_every_result_becomes_json(results: dict[str, Any]) -> None:
    for name, value in results.items():
        plain = value.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain, name
        assert plain is not value.to_dict()


def test_every_repr_fits_a_screen(results: dict[str, Any], step: Any) -> None:
    data = weft.digits()
    rows = weft.TensorDataset(data.train_images, data.train_labels)
    loader = weft.DataLoader(rows, batch_size=64)
    for value in (*(one for name, one in results.items() if name != "Machine"), data, rows, loader, step.graph):
        lines = repr(value).splitlines()
        assert len(lines) <= SHOWN[0], value
        if type(value).__name__ not in ("Report", "Verification"):  # words, which a terminal wraps
            assert max(map(len, lines)) <= SHOWN[1], value


def test_reprs(results: dict[str, Any], step: Any) -> None:
    program = "Program('graph', 374 instructions for edu, buffers: 2 input, 9 state, 1 out"
    assert repr(results["Program"]).startswith(program)
    assert repr(results["Run"]).startswith("Run(fast: 42,782 cycles, 1,009 executed instructions, ")
    assert repr(results["Run without a time"]).startswith("Run(interp: no time, ")
    assert repr(results["Trace"]) == "InstructionTrace(1,009 executed instructions)"
    first, *operators = repr(results["Profile"]).splitlines()
    assert first == "Profile(edu: 42,782 cycles, 47.3% useful multiply-accumulates)"
    assert len(operators) == len(results["Profile"].operators)
    assert repr(results["Result"]).startswith("Result(outputs: output float32[]; state: ")
    assert repr(results["Result"]).endswith(" and 6 more)")
    assert repr(step.graph).startswith("Graph(")
    data = weft.digits()
    assert repr(data) == (
        "Split(train_images float32[1438, 64], train_labels int32[1438], test_images float32[359, 64], test_labels "
        "int32[359])"
    )
    rows = weft.TensorDataset(data.train_images, data.train_labels)
    assert repr(rows) == "TensorDataset(1,438 examples of float32[64], int32[])"
    assert repr(weft.DataLoader(rows, 64)) == f"DataLoader({rows!r}, batch_size=64, shuffle=False, drop_last=False)"


def test_a_profile_of_many_operators_shows_the_longest(results: dict[str, Any]) -> None:
    import dataclasses

    profile = results["Profile"]
    many = dataclasses.replace(profile, operators=[*profile.operators] * 5)
    lines = repr(many).splitlines()
    assert len(lines) == 12
    assert lines[-1] == f"  and {5 * len(profile.operators) - 10} operators more"


def test_what_a_run_says(results: dict[str, Any]) -> None:
    run: Run = results["Run"]
    plain = run.to_dict()
    assert sum(plain["events"]["matrix"].values()) == plain["cycles"] == run.cycles
    assert plain["memories"]["dram"]["bytes"] == len(run.dram)
    assert len(plain["trace"]["retire"]) == len(run.trace.pc) if run.trace else False
    assert results["Run without a time"].to_dict()["cycles"] == 0


def test_a_profile_says_what_its_report_says(results: dict[str, Any]) -> None:
    profile, report = results["Profile"].to_dict(), results["Report"].to_dict()["accelerator"]
    for key in ("cycles", "utilisation", "events", "operators", "intervals"):
        assert profile[key] == report[key]


def test_a_report_is_not_changed_through_its_data(results: dict[str, Any]) -> None:
    report = results["Report"]
    report.to_dict()["workload"]["model"] = "other"
    assert report.result["workload"]["model"] != "other"


def test_numbers_that_json_has_not_are_texts() -> None:
    value = np.array([[1.5, np.nan], [np.inf, -np.inf]], np.float32)
    assert array(value) == {"dtype": "float32", "shape": [2, 2], "values": [[1.5, "NaN"], ["Infinity", "-Infinity"]]}
    assert array(np.array(1.5, weft.bfloat16.numpy)) == {"dtype": "bfloat16", "shape": [], "values": 1.5}
    assert elements([1, [float("nan")]]) == [1, ["NaN"]]


def test_models_that_are_named_have_short_reprs() -> None:
    for recipe in RECIPES.values():
        assert len(repr(Session(recipe, weft.device("numpy")).loader)) <= SHOWN[1]
