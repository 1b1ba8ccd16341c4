"""``weft compile``: a step as a program file, or printed in the forms that the compiler takes it through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import (
    MODEL_OR_SCRIPT,
    OUTPUT,
    ChoiceOption,
    keep_apart,
    machine_options,
    refuse_unused,
    seed_given,
    seed_option,
)
from weft.cli.printing import say
from weft.cli.scripts import file_of, script_words, step_of_script

if TYPE_CHECKING:
    from weft.compiler.targets.cpu.plan import StepPlan
    from weft.isa.program import Program

    _Base = click.ParamType[tuple[str, ...]]
else:
    _Base = click.ParamType


_ALL = "graph,summary,passes,asm"
_CPU = "graph,summary,passes,kernels"


class _Forms(_Base):
    name = "forms"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        from weft.compiler.listing import FORMS
        from weft.isa.text import unknown

        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        known = dict.fromkeys(form for forms in FORMS.values() for form in forms)
        for name in names:
            if name not in known:
                self.fail(unknown("form", name, known), param, ctx)
        return names


@click.command("compile")
@click.argument("target", type=MODEL_OR_SCRIPT, metavar="MODEL|SCRIPT.py:STEP")
@script_words
@click.option("--device", type=ChoiceOption(["accel", "cpu"]), default="accel", show_default=True,
              help="Whose passes and steps are shown; files are of accel.")  # fmt: skip
@machine_options(None)
@click.option("--inference", is_flag=True, help="Compile inference instead of a training step.")
@int8_options("Compile inference in int8.")
@click.option("-o", "--output", type=OUTPUT, default=None, help="The program file to write.")
@click.option(
    "--show", "forms", type=_Forms(), default=None, metavar=_ALL,
    help="Print the step as traced, what each pass does, the graph after every pass, instructions (of cpu: kernels).",
)  # fmt: skip
@click.option("--layer", default=None, metavar="NAME", help='Print one layer or operator alone: "layer 0".')
@click.option("--before", default=None, metavar="PASS", help="Show the graph before a pass: its name or number.")
@click.option("--after", default=None, metavar="PASS", help="Show the graph after a pass: its name or number.")
@click.option("--svg", type=OUTPUT, default=None, help="The file to draw that graph to.")
@seed_option
def command(
    target: str,
    words: tuple[str, ...],
    device: str,
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    inference: bool,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    output: Path | None,
    forms: tuple[str, ...] | None,
    layer: str | None,
    before: str | None,
    after: str | None,
    svg: Path | None,
    seed: int,
) -> None:
    """Compile a model's step for a machine, with its first batch and initial state as data, for `weft sim` to run.

    A script runs up to its first call of the jitted function STEP, and that call is compiled; see `weft report --help`.
    With --show it prints what the compiler makes of it, every line with the operator that it belongs to, and writes a
    file only if -o is given. With --svg it draws the graph as traced, or before or after a pass. With --device cpu all
    of this is shown of the CPU: its passes, and in place of instructions its kernels, with the bytes that they read and
    write, the operations that they do, and the memory that they need.
    """
    from weft.base.files import replacing
    from weft.compiler.listing import check_forms, drawing, listing
    from weft.compiler.passes.pipeline import run
    from weft.compiler.targets.cpu.listing import planned
    from weft.isa.container import save
    from weft.programs import named_step, with_image

    if device != "accel":
        refuse_unused(device)
        if output is not None:
            raise click.UsageError(f"--output writes a program of the accelerator; leave it out with --device {device}")
        if forms is None and svg is None:
            raise click.UsageError(f"give --show {_CPU} to look at the step, or --svg FILE")
    check_forms(forms or (), device)
    if output is None and forms is None and svg is None:
        raise click.UsageError(f"give -o FILE to write the program, --show {_ALL} to look at it, or --svg FILE")
    if layer is not None and forms is None and svg is None:
        raise click.UsageError(f"--layer chooses what --show prints; give --show {_ALL} too")
    for option, place in (("--before", before), ("--after", after)):
        if place is not None and svg is None and "graph" not in (forms or ()):
            raise click.UsageError(f"{option} says which graph is shown; give --show graph or --svg FILE too")
    keep_apart("--output", output, machine, file_of(target))
    keep_apart("--svg", svg, machine, file_of(target))
    if svg is not None and svg == output:
        raise click.UsageError("--svg and --output name one file; give two")
    how = calibration_of(int8, calibration, percentile)
    unused = {"--inference": inference, "--int8": int8, "--seed": seed_given()}
    step = step_of_script(target, words, machine, settings, unused)
    if step is None:
        step = named_step(target, machine or "edu", settings, inference, seed, how)
    made = step

    def lowered() -> Program | StepPlan:
        return made.program if device == "accel" else planned(run(made.graph, "cpu"))

    if forms is not None:
        say(listing(step.graph, lowered, forms, layer, before, after, device), nl=False)
    if svg is not None:
        text = drawing(step.graph, layer, before, after, device)
        with replacing(svg) as whole:
            whole.write_text(text, encoding="utf-8")
        say(f"{svg}: drawn", err=True)
    if output is not None:
        save(with_image(step.program, step.image, target), output)
        count = len(step.program.instructions)
        say(f"{output}: {count} instructions for machine {step.program.machine.name}", err=True)
