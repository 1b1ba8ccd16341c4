"""``weft fuzz``: random programs, every engine, every cycle, every bit."""

from __future__ import annotations

from pathlib import Path

import click

from weft.commands.options import (
    COUNT,
    OUTPUT,
    engines_of,
    json_option,
    keep_apart,
    machine_of,
    machine_options,
    print_json,
    seed_option,
)


@click.command("fuzz")
@machine_options("nano")
@click.option("-n", "--count", type=COUNT, default=20, show_default=True, help="How many programs.")
@click.option("--engines", default="fast,rtl,interp", show_default=True, help="Engines; the first against each.")
@click.option("--keep", type=OUTPUT, default=None, help="Write the first program that fails here.")
@seed_option
@json_option
def command(
    machine: str,
    settings: tuple[tuple[str, int], ...],
    count: int,
    engines: str,
    keep: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Verify random programs; exit 3 at the first that engines disagree on."""
    from isa.container import save
    from sim.fuzz import random_program
    from sim.verify import report, verify
    from weft.progress import track

    keep_apart("--keep", keep, machine)
    chosen = machine_of(machine, settings)
    runners = engines_of(engines)
    comparisons = []
    for number in track(range(seed, seed + count), "fuzzing"):
        program = random_program(chosen, number)
        comparisons.append(verify(program, runners, name=f"seed {number}"))
        if not comparisons[-1].equal:
            if keep is not None:
                save(program, keep)
            break
    result = report(comparisons)
    if as_json:
        print_json(result)
    elif result["equal"]:
        click.echo(f"{count} random programs on {', '.join(r.name for r in runners)}: equal")
    else:
        click.echo(f"{comparisons[-1].name} differs:")
        for text in comparisons[-1].differences[:10]:
            click.echo(f"  {text}")
    if not result["equal"]:
        raise click.exceptions.Exit(3)
