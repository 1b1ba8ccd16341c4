"""``weft report``: one model step or program, measured and explained, as a page with figures and one JSON."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.base.errors import WeftError
from weft.base.reading import shown
from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import (
    COUNT,
    MODEL_OR_FILE,
    OutputFolder,
    WholeNumber,
    engine_option,
    json_option,
    keep_apart,
    machine_options,
    print_json,
    refuse_unused,
    seed_given,
    seed_option,
)
from weft.cli.printing import say
from weft.cli.scripts import file_of, script_words, step_of_script

FOLDER_NAME = "weft-report"
FIGURES = ("attribution", "bandwidth", "loss", "occupancy", "roofline", "timeline")
WRITTEN = ("index.html", "result.json", *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "png")))
"""The files of a report, known before matplotlib is imported."""
FOLDER = OutputFolder(WRITTEN)


if TYPE_CHECKING:
    _Base = click.ParamType[tuple[str, ...]]
else:
    _Base = click.ParamType


class _Devices(_Base):
    name = "accel,cpu"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        from weft.reporting import check_devices

        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        try:
            check_devices(names)
        except WeftError as wrong:
            self.fail(str(wrong), param, ctx)
        return names


_ALL = (1 << 31) - 1


class _Tries(WholeNumber):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if text != "all" and not text.removeprefix("-").isdecimal():
            self.fail(f"'{shown(text, 40)}' is no number of changes; give one, or all", param, ctx)
        return _ALL if text == "all" else int(super().convert(value, param, ctx))


@click.command("report")
@click.argument("target", type=MODEL_OR_FILE, metavar="MODEL|SCRIPT.py:STEP|PROGRAM.weft")
@script_words
@click.option(
    "--device", "devices", type=_Devices(), default=None, metavar="accel,cpu",
    help="Devices side by side [default: accel,cpu].",
)  # fmt: skip
@machine_options(None)
@engine_option()
@click.option("--epochs", type=COUNT, default=None, help="Epochs, passes over the data, for loss curves [3].")
@click.option("--inference", is_flag=True, help="Report inference instead of a training step; nothing is trained.")
@int8_options("Report inference in int8.")
@click.option(
    "--tries", type=_Tries(0, _ALL), default=None, metavar="N|all",
    help="Changes of machine and program to try for advice [default: as many as take a second or two].",
)  # fmt: skip
@click.option("-o", "--output", type=FOLDER, default=None, help=f"The directory to write [default: {FOLDER_NAME}].")
@seed_option
@json_option
def command(
    target: str,
    words: tuple[str, ...],
    devices: tuple[str, ...] | None,
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    epochs: int | None,
    inference: bool,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    tries: int | None,
    output: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Run and explain a model's step, a step of a script, or a program file: cycles, stalls, operators, memory, advice.

    A script runs as with python, with the words after `--`, up to its first call of the jitted function STEP, and that
    call is explained; or one with the arguments that the script gives as example_inputs.

    Writes index.html (needs no network), result.json and figures/*.svg, *.png into a directory, where it replaces
    its own files and no others. With --json it prints the result, and writes only if -o is given.
    """
    from weft.drawing import Drawing
    from weft.files import filling
    from weft.models import RECIPES
    from weft.progress import Bar
    from weft.reporting import DEVICES, check_engine, model_result, step_result, summary

    how = calibration_of(int8, calibration, percentile)
    for option, given in (("--inference", inference), ("--int8", int8)):
        if given and epochs is not None:
            raise click.UsageError(f"{option} trains nothing, so --epochs has no meaning with it; leave one out")
    if devices is not None and "accel" not in devices:
        refuse_unused(",".join(devices))
    if output is None and not as_json:
        output = FOLDER.convert(FOLDER_NAME, None, None)
    if output is not None:
        keep_apart("--output", [output / name for name in WRITTEN], file_of(target), machine)
    check_engine(engine)
    with Drawing() if output is not None else nullcontext() as drawing:
        unused = {"--epochs": epochs is not None, "--inference": inference, "--int8": int8, "--seed": seed_given()}
        step = step_of_script(target, words, machine, settings, unused)
        if step is not None:
            result = step_result(step, devices or DEVICES, engine, tries, Bar)
        elif target in RECIPES:
            chosen = machine or "edu", settings, engine, seed, epochs, inference, Bar, how, tries
            result = model_result(target, devices or DEVICES, *chosen)
        else:
            for option, used in {"--device": devices not in (None, ("accel",)), **unused}.items():
                if used:
                    raise click.UsageError(f"{target} is a program file for the accelerator alone: leave out {option}")
            result = _of_file(target, machine, settings, engine, tries)
        if output is not None and drawing is not None:
            with filling(output) as folder:
                drawing.draw(folder, result)
    if as_json:
        print_json(result)
        return
    say("\n".join(summary(result)))
    if output is not None:
        say(f"\npage: {output / 'index.html'}")


def _of_file(
    target: str, machine: str | None, settings: tuple[tuple[str, int], ...], engine: str, tries: int | None
) -> dict[str, Any]:
    from weft.cli.options import engine_of
    from weft.isa.checker import check
    from weft.isa.validator import validate
    from weft.programs import programs
    from weft.progress import Bar
    from weft.reporting import name_of, program_result

    ((_, program, image),) = programs(target, machine, settings, 0)
    validate(program)
    check(program)
    run = engine_of(engine).run(program, image)
    return program_result(program, run, name_of(program, target), tries=tries, progress=Bar)
