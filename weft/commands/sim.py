"""``weft sim``: a program file on an engine."""

from __future__ import annotations

from pathlib import Path

import click

from weft.commands.options import engine_of, engine_option, json_option, print_json


@click.command("sim")
@click.argument("program", type=click.Path(path_type=Path))
@engine_option()
@click.option("--machine", default=None, metavar="NAME|FILE.toml", help="Refuse a program for another one.")
@click.option("--max-cycles", type=click.IntRange(min=1), default=None, help="Give up after so many cycles.")
@click.option("--show", metavar="BUFFER", multiple=True, help="Also print this buffer as it is at the halt.")
@json_option
def command(
    program: Path, engine: str, machine: str | None, max_cycles: int | None, show: tuple[str, ...], as_json: bool
) -> None:
    """Run PROGRAM to its halt and print what happened."""
    from isa.checker import check
    from isa.container import check_machine, load
    from isa.validator import validate
    from sim.run import DEFAULT_MAX_CYCLES
    from weft.commands.options import machine_of
    from weft.figures import describe, figures

    loaded = load(program)
    if machine is not None:
        check_machine(loaded, machine_of(machine, ()), str(program))
    validate(loaded)
    check(loaded)
    shown = [loaded.buffer(name) for name in show]
    run = engine_of(engine).run(loaded, max_cycles=max_cycles or DEFAULT_MAX_CYCLES)
    result = figures(loaded, run)
    if as_json:
        if show:
            result["buffers"] = {buffer.name: buffer.read(run.dram).tolist() for buffer in shown}
        print_json(result)
        return
    click.echo(describe(result))
    for buffer in shown:
        click.echo(f"{buffer.name}, {buffer.dtype}{list(buffer.shape)}:\n{buffer.read(run.dram)}")
