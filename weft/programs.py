"""Steps and programs by name: what `compile`, `verify` and `report` work on: a model, a function of a user's script, or
a program file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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
from weft.scripts import EXAMPLE, call
from weft.training import Session

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class BoundStep:
    """A step with a value for each input and state, by name, and the accelerator that it is for."""

    name: str
    graph: Graph
    values: Mapping[str, Array]
    device: AccelDevice
    said: str = ""
    """Which call of a script's function it is, for people."""

    @cached_property
    def executable(self) -> AccelExecutable:
        """It compiled, when first asked for. Raises CompileError."""
        return self.device.compile(self.graph)

    @property
    def program(self) -> Program:
        """Its program."""
        return self.executable.program

    @property
    def image(self) -> Image:
        """DRAM with the values in place."""
        return self.executable.image(self.values)


def named_step(
    model: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    seed: int,
    int8: Calibration | None = None,
) -> BoundStep:
    """A named model's training step (or inference) on its first batch.

    int8: inference of the model (as it starts, untrained) quantised with that calibration.
    """
    if model not in RECIPES and Path(model).suffix == ".py":
        raise refused(model)
    device = device_of("accel", machine, settings, "fast")
    assert isinstance(device, AccelDevice)
    session = Session(recipe(model), device, seed)
    if int8 is not None:
        session, inference = quantised(session, int8), True
    function, arguments = session.call(inference)
    kind = "int8 inference" if int8 is not None else "inference" if inference else "training step"
    return BoundStep(f"{model} {kind}", function.lower(*arguments), function.bind(*arguments), device)


def script_step(
    file: Path, name: str, machine: str | None, settings: tuple[tuple[str, int], ...], arguments: Sequence[str] = ()
) -> BoundStep:
    """The step that a script's function is (see ``weft.scripts``), on the script's own accelerator unless a machine is
    asked for. Raises WeftError."""
    found = call(file, name, arguments)
    device = found.recording.device
    if machine is not None or settings or not isinstance(device, AccelDevice):
        device = device_of("accel", machine or "edu", settings, "fast")
        assert isinstance(device, AccelDevice)
    how = f"with its {EXAMPLE}" if found.where == EXAMPLE else f"as first called at {found.where}"
    said = f"{file}:{name} {how}"
    said += f": {found.arguments}" if found.arguments else ""
    return BoundStep(f"{file}:{name}", found.recording.graph, found.values, device, said)


def refused(target: str) -> WeftError:
    """The error of what is neither model, nor script, nor program."""
    models = ", ".join(RECIPES)
    near = suggestion(target, RECIPES)
    return WeftError(f"'{target}' is neither a model ({models}), nor a script's function (train.py:step), nor a "
                     f"program file{near}")  # fmt: skip


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
        raise refused(target)
    if int8 is not None:
        raise WeftError(f"--int8 quantises a model ({', '.join(RECIPES)}); '{target}' is a program file")
    program = load(path)
    if machine is not None or settings:
        from weft.cli.options import machine_of
        from weft.isa.container import check_machine

        check_machine(program, machine_of(machine or program.machine.name, settings), target)
    return [(target, program, program.image())]
