"""``weft verify``: the engines agree on every cycle and every bit, or it says where they first differ."""

from __future__ import annotations

import click

from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import (
    CYCLES,
    MODEL_OR_FILE,
    engines_of,
    json_option,
    machine_options,
    print_json,
    seed_given,
    seed_option,
)
from weft.cli.printing import say
from weft.cli.scripts import script_words, step_of_script
from weft.sim.run import DEFAULT_MAX_CYCLES


@click.command("verify")
@click.argument("target", type=MODEL_OR_FILE, metavar="MODEL|SCRIPT.py:STEP|PROGRAM.weft")
@script_words
@machine_options(None)
@click.option("--engines", default="fast,rtl,interp", show_default=True, help="Engines; the first against each.")
@click.option("--max-cycles", type=CYCLES, default=DEFAULT_MAX_CYCLES, help="Give up after so many.")
@int8_options("Verify the model's inference in int8 instead.")
@seed_option
@json_option
def command(
    target: str,
    words: tuple[str, ...],
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    engines: str,
    max_cycles: int,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Verify a model's training step and inference, a step of a script, or any program file. Exit 3 if engines differ.

    A script runs up to its first call of the jitted function STEP, and that call is verified; see `weft report --help`.
    """
    from weft.isa.checker import check
    from weft.isa.validator import validate
    from weft.models import RECIPES
    from weft.programs import programs
    from weft.progress import track
    from weft.sim.verify import report, verify

    how = calibration_of(int8, calibration, percentile)
    runners = engines_of(engines)
    step = step_of_script(target, words, machine, settings, {"--int8": int8, "--seed": seed_given()})
    if step is not None:
        given = [(step.name, step.program, step.image)]
    elif target not in RECIPES and seed_given():
        raise click.UsageError(f"{target} is a program file, in which nothing is random: leave out --seed")
    else:
        given = programs(target, machine, settings, seed, how)
    comparisons = []
    for name, program, image in track(given, "verifying"):
        validate(program)
        check(program)
        comparisons.append(verify(program, runners, image, name, max_cycles))
    result = report(comparisons)
    if as_json:
        print_json(result)
    else:
        for one in comparisons:
            cycles = ", ".join(f"{engine} {count:,}" for engine, count in one.cycles.items())
            design = f"; design {one.design[:16]}" if one.design else ""
            say(f"{one.name}: {'equal' if one.equal else 'DIFFERS'} (cycles: {cycles}{design})")
            for text in one.differences[:10]:
                say(f"  {text}")
    if not result["equal"]:
        raise click.exceptions.Exit(3)
