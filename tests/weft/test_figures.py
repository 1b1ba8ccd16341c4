"""The lines of a run and of a training name what the page names, and count in words that fit."""

from __future__ import annotations

import dataclasses

import numpy as np

from weft.cli.train import text
from weft.compiler.targets.accel.gemm import gemm_program
from weft.figures import describe, figures
from weft.isa.events import BY_NAME
from weft.isa.machine import load
from weft.sim.engines import get_engine


def test_a_full_queue_is_not_named_as_the_largest_stall() -> None:
    program = gemm_program(load("nano"), 4, 4, 4)
    run = get_engine("fast").run(program)
    events = np.zeros_like(run.events)
    for name, cycles in (("dispatch.matrix_full", 9000), ("load.semaphore", 1234), ("matrix.port", 12)):
        events[BY_NAME[name].index] = cycles
    told = describe(figures(program, dataclasses.replace(run, events=events)))
    assert "largest stall load.semaphore, 1,234 cycles" in told
    assert "matrix_full" not in told


def test_one_epoch_is_one() -> None:
    result = {
        "model": "m", "device": "cpu", "epochs": 1, "steps": 5, "seconds": 0.5, "test_accuracy": 0.5, "final_loss": 1.0,
    }  # fmt: skip
    assert text(result).startswith("m on cpu: 1 epoch, 5 steps")
    assert text(result | {"epochs": 2}).startswith("m on cpu: 2 epochs, 5 steps")
