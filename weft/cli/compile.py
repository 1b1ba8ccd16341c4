"""``weft compile``: a step as a program file, or printed in the forms that the compiler takes it through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import MODEL_OR_SCRIPT, OUTPUT, keep_apart, machine_options, seed_given, seed_option
from weft.cli.printing import say
from weft.cli.scripts import file_of, script_words, step_of_script

if TYPE_CHECKING:
    _Base = click.ParamType[tuple[str, ...]]
else:
    _Base = click.ParamType


class _Forms(_Base):
    name = "forms"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        from weft.compiler.listing import FORMS
        from weft.isa.text import unknown

        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        for name in names:
            if name not in FORMS:
                self.fail(unknown("form", name, FORMS), param, ctx)
        return names


@click.command("compile")
@click.argument("target", type=MODEL_OR_SCRIPT, metavar="MODEL|SCRIPT.py:STEP")
@script_words
@machine_options(None)
@click.option("--inference", is_flag=True, help="Compile inference instead of a training step.")
@int8_options("Compile inference in int8.")
@click.option("-o", "--output", type=OUTPUT, default=None, help="The program file to write.")
@click.option(
    "--show", "forms", type=_Forms(), default=None, metavar="graph,passes,asm",
    help="Print the step as traced, after every pass, as instructions.",
)  # fmt: skip
@click.option("--layer", default=None, metavar="NAME", help='Print one layer or operator alone: "layer 0".')
@seed_option
def command(
    target: str,
    words: tuple[str, ...],
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    output: Path | None,
    forms: tuple[str, ...] | None,
    layer: str | None,
    seed: int,
) -> None:
    """Compile a model's step for a machine, with its first batch and initial state as data, for `weft sim` to run.

    A script runs up to its first call of the jitted function STEP, and that call is compiled; see `weft report --help`.
    With --show it prints what the compiler makes of it, every line with the operator that it belongs to, and writes a
    file only if -o is given.
    """
    from weft.compiler.listing import listing
    from weft.isa.container import save
    from weft.programs import named_step, with_image

    if output is None and forms is None:
        raise click.UsageError("give -o FILE to write the program, or --show graph,passes,asm to look at it, or both")
    if layer is not None and forms is None:
        raise click.UsageError("--layer chooses what --show prints; give --show graph,passes,asm too")
    keep_apart("--output", output, machine, file_of(target))
    how = calibration_of(int8, calibration, percentile)
    unused = {"--inference": inference, "--int8": int8, "--seed": seed_given()}
    step = step_of_script(target, words, machine, settings, unused)
    if step is None:
        step = named_step(target, machine or "edu", settings, inference, seed, how)
    if forms is not None:
        say(listing(step.graph, lambda: step.program, forms, layer), nl=False)
    if output is not None:
        save(with_image(step.program, step.image, target), output)
        count = len(step.program.instructions)
        say(f"{output}: {count} instructions for machine {step.program.machine.name}", err=True)
