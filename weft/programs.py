"""Steps and programs by name: what `compile`, `verify` and `report` work on: a model, or a program file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weft.base.errors import WeftError
from weft.compiler.targets.accel.device import AccelDevice, AccelExecutable
from weft.devices import device_of
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.isa.container import load
from weft.isa.program import Program
from weft.isa.text import suggestion
from weft.models import RECIPES, recipe
from weft.quantised import Calibration, quantised
from weft.training import Session

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Step:
    """A step with a value for each input and state, by name, and the accelerator that it is for."""

    name: str
    graph: Graph
    values: Mapping[str, Array]
    device: AccelDevice

    @cached_property
    def _executable(self) -> AccelExecutable:
        return self.device.compile(self.graph)

    @property
    def program(self) -> Program:
        """Its program, compiled when first asked for. Raises CompileError."""
        return self._executable.program

    @property
    def image(self) -> Image:
        """DRAM with the values in place."""
        return self._executable.image(self.values)


def named_step(
    model: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    seed: int,
    int8: Calibration | None = None,
) -> Step:
    """A named model's training step (or inference) on its first batch.

    int8: inference of the model (as it starts, untrained) quantised with that calibration.
    """
    device = device_of("accel", machine, settings, "fast")
    assert isinstance(device, AccelDevice)
    session = Session(recipe(model), device, seed)
    if int8 is not None:
        session, inference = quantised(session, int8), True
    function, arguments = session.call(inference)
    kind = "int8 inference" if int8 is not None else "inference" if inference else "training step"
    return Step(f"{model} {kind}", function.lower(*arguments), function.bind(*arguments), device)


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
    if target in RECIPES:
        kinds = (True,) if int8 is not None else (False, True)
        steps = [named_step(target, machine or "edu", settings, inference, seed, int8) for inference in kinds]
        return [(step.name, step.program, step.image) for step in steps]
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
