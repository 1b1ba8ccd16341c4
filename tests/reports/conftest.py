"""A small real result that the tests of page and figures share, and the step that the README's figures are of."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from weft.compiler.targets.accel.gemm import gemm_program
from weft.isa.machine import load
from weft.isa.program import Program
from weft.programs import named_step
from weft.reports.result import HostTime, ResultParts, Training, build, workload_of
from weft.sim.engines import get_engine
from weft.sim.run import Run


@pytest.fixture(scope="session")
def built() -> dict[str, Any]:
    """A ragged product on nano, as if it had been trained for two epochs of three steps, beside a CPU."""
    program = gemm_program(load("nano"), 20, 9, 13)
    run = get_engine("fast").run(program)
    losses = {"accel": [2.5, 1.5, 1.0, 0.75, 0.5, 0.25], "cpu": [2.5, 1.5, 1.0, 0.75, 0.5, 0.375]}
    training = Training(2, 3, {"accel": "accel (nano)", "cpu": "cpu"}, losses, {"accel": 0.9875, "cpu": 0.975})
    hosts = {"cpu": HostTime("a processor", 2, 0.00025, 7)}
    return build(ResultParts(workload_of(program, "gemm", "product", 20), 3, program, run, training, hosts))


@pytest.fixture
def result(built: dict[str, Any]) -> dict[str, Any]:
    """A copy to change at will."""
    return copy.deepcopy(built)


@pytest.fixture(scope="session")
def digits() -> tuple[Program, Run]:
    """The training step of digits-mlp on edu, and a run of it."""
    step = named_step("digits-mlp", "edu", (), False, 0)
    return step.program, get_engine("fast").run(step.program, step.image)
