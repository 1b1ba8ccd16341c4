"""``weft rtl``: the hardware as Verilog, alone or in a bench that runs it."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import (
    OUTPUT,
    SEED,
    ChoiceOption,
    InputFile,
    OutputFolder,
    keep_apart,
    machine_of,
    machine_options,
)
from weft.cli.printing import say
from weft.groups import VerbGroup
from weft.testbench import FILES, SIMULATORS, occupied


@click.group("rtl", cls=VerbGroup)
def command() -> None:
    """Export the hardware, or a test bench of it."""


@command.command("verilog")
@machine_options()
@click.option("-o", "--output", type=OUTPUT, required=True, help="The Verilog file to write.")
@click.option("--lint", is_flag=True, help="Let Verilator lint the result.")
def verilog(machine: str, settings: tuple[tuple[str, int], ...], output: Path, lint: bool) -> None:
    """Write the design for a machine as one Verilog file, the same bytes every time.

    Its SHA-256 is the design's name where a model of it runs: in `weft verify`, `weft sim` and reports.
    """
    import hashlib

    from weft.files import write_text
    from weft.rtl.verilog import export

    keep_apart("--output", output, machine)
    text = export(machine_of(machine, settings))
    write_text(output, text)
    design = hashlib.sha256(text.encode()).hexdigest()
    say(f"{output}: {text.count(chr(10))} lines, {text.count('endmodule')} modules, SHA-256 {design}", err=True)
    if lint:
        from weft.sim.rtl.toolchain import lint as run_lint

        run_lint(output)
        say("Verilator: no warnings", err=True)


@command.command("bench")
@click.argument("folder", metavar="DIR", type=OutputFolder(FILES))
@machine_options(None)
@click.option(
    "--program", type=InputFile("PROGRAM"), metavar="FILE.weft", help="What it runs [default: a random program]."
)
@click.option("--seed", type=SEED, default=None, help="Of the random program [default: 0].")
@click.option(
    "--simulator",
    type=ChoiceOption(SIMULATORS),
    default="verilator",
    show_default=True,
    help="What run.py uses by itself.",
)
@click.option("--force", is_flag=True, help="Write into a directory that holds files; those of the bench are replaced.")
def bench(
    folder: Path,
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    program: Path | None,
    seed: int | None,
    simulator: str,
    force: bool,
) -> None:
    """Write a cocotb bench of a machine into DIR: Verilog, a program, a test and an AXI memory, for you to change.

    `python DIR/run.py` runs it; it needs cocotb, and Verilator or Icarus, but not weft. DIR/README.md says more.
    """
    from weft.programs import programs
    from weft.testbench import write

    if not force and (reason := occupied(folder)) is not None:
        raise click.UsageError(reason)
    if program is None:
        from weft.sim.fuzz import random_program

        chosen = random_program(machine_of(machine or "edu", settings), seed or 0)
    elif seed is not None:
        raise click.UsageError(f"{program} is a program file, in which nothing is random: leave out --seed")
    else:
        [(_, chosen, _)] = programs(str(program), machine, settings, 0)
    write(folder, chosen.machine, chosen, simulator, force)
    say(f"{folder}: a bench of machine {chosen.machine.name}; run it by: python {folder / 'run.py'}", err=True)
