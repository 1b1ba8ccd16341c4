"""Programs by name: what `compile` and `verify` work on, whether it is a model or a program file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isa.container import load
from isa.errors import WeftError
from isa.program import Program
from weft.devices import device_of
from weft.models import RECIPES, recipe
from weft.training import Session

Image = npt.NDArray[np.uint8]


def named_program(
    model: str, machine: str, settings: tuple[tuple[str, int], ...], inference: bool, seed: int
) -> tuple[Program, Image]:
    """The program of a named model's training step (or inference) on its first batch, and its DRAM image."""
    return Session(recipe(model), device_of("accel", machine, settings, "fast"), seed).program(inference)


def with_image(program: Program, image: Image) -> Program:
    """The program with the contents of its input and state buffers as initial data."""
    data = dict(program.data)
    for buffer in program.buffers:
        if buffer.kind in ("input", "state"):
            data[buffer.address] = image[buffer.address : buffer.address + buffer.bytes].tobytes()
    return dataclasses.replace(program, data=data)


def programs(
    target: str, machine: str | None, settings: tuple[tuple[str, int], ...], seed: int
) -> list[tuple[str, Program, Image]]:
    """(name, program, DRAM image) of a model's step and inference, or of a program file.

    Raises WeftError if ``target`` is neither, or if a machine is asked for that a program file is not for.
    """
    if target in RECIPES:
        kinds = (("training step", False), ("inference", True))
        return [
            (f"{target} {name}", *named_program(target, machine or "edu", settings, inference, seed))
            for name, inference in kinds
        ]
    path = Path(target)
    if not path.exists():
        raise WeftError(f"'{target}' is neither a model ({', '.join(RECIPES)}) nor a program file")
    program = load(path)
    if machine is not None or settings:
        from isa.container import check_machine
        from weft.commands.options import machine_of

        check_machine(program, machine_of(machine or program.machine.name, settings), target)
    return [(target, program, program.image())]
