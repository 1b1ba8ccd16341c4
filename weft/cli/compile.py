"""``weft compile``: a named model's step or inference as a program file."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import MODEL, OUTPUT, keep_apart, machine_options, seed_option
from weft.cli.printing import say


@click.command("compile")
@click.argument("model", type=MODEL)
@machine_options()
@click.option("--inference", is_flag=True, help="Compile inference instead of a training step.")
@int8_options("Compile inference in int8.")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The program file to write.")
@seed_option
def command(
    model: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    output: Path,
    seed: int,
) -> None:
    """Compile MODEL for a machine, with its first batch and initial state as data, so that `weft sim` can run it."""
    from weft.isa.container import save
    from weft.programs import named_program, with_image

    keep_apart("--output", output, machine)
    how = calibration_of(int8, calibration, percentile)
    program, image = named_program(model, machine, settings, inference, seed, how)
    save(with_image(program, image, model), output)
    say(f"{output}: {len(program.instructions)} instructions for machine {program.machine.name}", err=True)
