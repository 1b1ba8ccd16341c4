"""``weft asm``: assembly text to a program file."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import OUTPUT, InputFile, keep_apart
from weft.cli.printing import say


@click.command("asm")
@click.argument("source", type=InputFile("ASSEMBLY"))
@click.option("-o", "--output", type=OUTPUT, required=True, help="The program file to write.")
def command(source: Path, output: Path) -> None:
    """Assemble SOURCE into a program file, after checking it as the simulators would."""
    from weft.isa.assembler import assemble_file
    from weft.isa.checker import check
    from weft.isa.container import save
    from weft.isa.validator import validate

    keep_apart("--output", output, source)
    program = assemble_file(source)
    validate(program)
    check(program)
    save(program, output)
    say(f"{output}: {len(program.instructions)} instructions for machine {program.machine.name}", err=True)
