"""``weft disasm``: a program file as assembly text."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import InputFile


@click.command("disasm")
@click.argument("program", type=InputFile("PROGRAM"))
def command(program: Path) -> None:
    """Print PROGRAM as assembly text that `weft asm` accepts."""
    from weft.isa.container import load
    from weft.isa.disassembler import disassemble

    click.echo(disassemble(load(program)), nl=False)
