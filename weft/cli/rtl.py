"""``weft rtl verilog``: the hardware as Verilog."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import OUTPUT, keep_apart, machine_of, machine_options
from weft.cli.printing import say
from weft.groups import Group


@click.group("rtl", cls=Group)
def command() -> None:
    """Export the hardware."""


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
