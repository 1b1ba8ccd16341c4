"""The frameworks that are measured do the same work; how fast anything is, is not tested."""

from __future__ import annotations

import json
import os
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.weft.conftest import Weft
from weft.compiler.targets.cpu.blas_kernel import OVERRULING
from weft.reports.frameworks import child, measure, with_weft
from weft.reports.frameworks.rows import ALL_ROWS, ROWS, BenchmarkRow


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ROWS", {name: BenchmarkRow(name, row.doc, 3) for name, row in ROWS.items()})


@pytest.mark.parametrize("row", with_weft.STEPS)
def test_weft_and_torch_train_the_same_model(row: str, few_steps: None) -> None:
    pytest.importorskip("torch", reason="torch is an oracle that no extra installs: pip install torch==2.13.0")
    result = measure.step_times(row, ["weft", "torch"], 1, 2)
    for told in result.values():
        assert told["reason"] is None
        assert 0 < told["best_ms"] <= told["wall_ms"]
        assert told["wall_ratio"] > 0
    assert result["weft"]["wall_ratio"] == result["weft"]["processor_ratio"] == 1
    # Nine steps from the same weights on the same data.
    assert result["weft"]["value"] == pytest.approx(result["torch"]["value"], rel=1e-4)
    assert result["weft"]["blas"]["kernel"]


def test_a_ratio_is_taken_turn_by_turn() -> None:
    """Whatever slows one turn slows both: the ratio is that of each turn, not of all steps."""
    assert measure._ratio([[1, 1], [10, 10], [1, 1]], [[2, 2], [20, 20], [2, 2]]) == 0.5
    assert measure._ratio([[1, 1], [10, 10]], [[2, 2], []]) == 0.5
    assert measure._ratio([], [[2]]) is None


def test_what_takes_too_long_is_ended_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LIMIT", 0.01)
    result = measure.step_times("toy", ["weft"], 1, 1)["weft"]
    assert result["reason"] == measure.TOO_LATE
    assert result["wall_ms"] is result["wall_ratio"] is None


def test_what_is_not_installed_or_fails_is_left_out_with_a_reason() -> None:
    result = measure.step_times("toy", ["weft", "onnxruntime", "nothing"], 1, 1)
    assert result["weft"]["reason"] is None
    assert (
        result["onnxruntime"]["reason"] == "no such row" or "pip install onnxruntime" in result["onnxruntime"]["reason"]
    )
    assert result["nothing"]["reason"] == measure.ENDED
    assert result["onnxruntime"]["wall_ms"] is result["nothing"]["wall_ms"] is None


def test_no_variable_that_chooses_a_kernel_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OVERRULING:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    inherited = measure.environment(2)
    assert not set(OVERRULING) & inherited.keys()
    assert inherited["OMP_NUM_THREADS"] == inherited["OPENBLAS_NUM_THREADS"] == "2"
    assert inherited["PATH"] == os.environ["PATH"]


@pytest.mark.thorough
def test_first_steps_starts_and_memory() -> None:
    first = measure.first_steps(["weft"], 1)["weft"]
    assert first["cold"] > 0
    assert first["warm"] > 0
    assert {"import weft", "weft --help"} <= measure.start_times(1).keys()
    grown = measure.memory(["weft"], 200, 100)["weft"]
    assert grown["reason"] is None
    assert (grown["steps"] is None) == (grown["kept"] is None)


def test_the_peak_is_of_memory_that_is_gone_again_when_it_is_asked_for() -> None:
    size = 1 << 26

    def hungry(value: int) -> float:
        return float(np.ones(size, np.uint8)[:: 1 << 12].sum())

    modules: list[Any] = [SimpleNamespace(finish=float), SimpleNamespace(finish=hungry)]
    low, high = (child._peak(module, lambda: 0, 2)["bytes"] for module in modules)
    if low is not None:
        assert high - low >= 0.9 * size


def test_where_the_time_of_a_step_goes(weft: Weft) -> None:
    """Every operation of the step is on some line, and the dearest kernel comes first."""
    result = json.loads(weft("bench", "kernels", "--row", "lenet", "--rounds", "1", "--json").out)
    lines = result["kernels"]
    assert [line["seconds"] for line in lines] == sorted((line["seconds"] for line in lines), reverse=True)
    told = " ".join(line["kernel"] for line in lines)
    extents = [frozenset(name.split(", ")) for name in re.findall("product ([^;]*);", told)]
    ways = ({"m 6", "n 28x28"}, {"m 28x28", "n 6"})
    assert any({"batch 64x1", "k 1x5x5", *way} in extents for way in ways), "the first convolution"
    forward = 64 * (784 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10)
    assert 2 * 2 * forward < sum(line["flops"] for line in lines) < 2 * 3.6 * forward
    shown = weft("bench", "kernels", "--row", "toy", "--rounds", "1").out
    assert "4-4-2, batch 8, training step, not jitted; one thread, " in shown
    assert "share" in shown


def test_the_verb(weft: Weft) -> None:
    outcome = weft("bench", "framework", "--row", "toy-jit", "--with", "weft", "--rounds", "1", "--json")
    result = json.loads(outcome.out)
    assert result["steps"]["toy-jit"]["weft"]["wall_ms"] > 0
    weft("bench", "framework", "--threads", "100000").refused(2, "--threads 100000: this process may use ")
    weft("bench", "framework", "--row", "mpl").refused(2, "did you mean 'mlp'?")
    assert ROWS.keys() < ALL_ROWS.keys()
