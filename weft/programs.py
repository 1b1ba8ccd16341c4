"""Programs by name: what `compile` and `verify` work on, whether it is a model or a program file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weft.base.errors import WeftError
from weft.devices import device_of
from weft.isa.container import load
from weft.isa.program import Program
from weft.isa.text import suggestion
from weft.models import RECIPES, recipe
from weft.quantised import Calibration, quantised
from weft.training import Session

Image = npt.NDArray[np.uint8]


def named_program(
    model: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    seed: int,
    int8: Calibration | None = None,
) -> tuple[Program, Image]:
    """The program of a named model's training step (or inference) on its first batch, and its DRAM image.

    int8: inference of the model (as it starts, untrained) quantised with that calibration.
    """
    session = Session(recipe(model), device_of("accel", machine, settings, "fast"), seed)
    return session.program(inference) if int8 is None else quantised(session, int8).program(inference=True)


def with_image(program: Program, image: Image, name: str) -> Program:
    """The program, called ``name``, with the contents of its input and state buffers as initial data."""
    data = dict(program.data)
    for buffer in program.buffers:
        if buffer.kind in ("input", "state"):
            data[buffer.address] = image[buffer.address : buffer.address + buffer.bytes].tobytes()
    return dataclasses.replace(program, data=data, meta={**program.meta, "name": name})


def programs(
    target: str,
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    seed: int,
    int8: Calibration | None = None,
) -> list[tuple[str, Program, Image]]:
    """(name, program, DRAM image) of a model's step and inference, or of its int8 inference, or of a program file.

    Raises WeftError if ``target`` is neither, or if a machine is asked for that a program file is not for.
    """
    if target in RECIPES and int8 is not None:
        return [(f"{target} int8 inference", *named_program(target, machine or "edu", settings, True, seed, int8))]
    if target in RECIPES:
        kinds = (("training step", False), ("inference", True))
        return [
            (f"{target} {name}", *named_program(target, machine or "edu", settings, inference, seed))
            for name, inference in kinds
        ]
    path = Path(target)
    if not path.exists():
        near = suggestion(target, RECIPES)
        raise WeftError(f"'{target}' is neither a model ({', '.join(RECIPES)}) nor a program file{near}")
    if int8 is not None:
        raise WeftError(f"--int8 quantises a model ({', '.join(RECIPES)}); '{target}' is a program file")
    program = load(path)
    if machine is not None or settings:
        from weft.cli.options import machine_of
        from weft.isa.container import check_machine

        check_machine(program, machine_of(machine or program.machine.name, settings), target)
    return [(target, program, program.image())]
