"""``weft sim``: a program file on an engine, with its trace and its waveform if they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.options import CYCLES, MACHINE, OUTPUT, InputFile, engine_option, json_option, keep_apart, print_json
from weft.cli.printing import say

if TYPE_CHECKING:
    from weft.sim.run import Engine


@click.command("sim")
@click.argument("program", type=InputFile("PROGRAM"))
@engine_option()
@click.option(
    "--machine", type=MACHINE, default=None, metavar="NAME|FILE.toml", help="Refuse a program for another one."
)
@click.option("--max-cycles", type=CYCLES, default=None, help="Give up after so many cycles.")
@click.option("--show", metavar="BUFFER", multiple=True, help="Also print this buffer as it is at the halt.")
@click.option("--trace", type=OUTPUT, metavar="FILE.pftrace", help="Write when every instruction ran, for Perfetto.")
@click.option("--wave", type=OUTPUT, metavar="FILE.vcd", help="Write the signals of the hardware (rtl, pysim).")
@json_option
def command(
    program: Path,
    engine: str,
    machine: str | None,
    max_cycles: int | None,
    show: tuple[str, ...],
    trace: Path | None,
    wave: Path | None,
    as_json: bool,
) -> None:
    """Run PROGRAM to its halt and print what happened.

    Traces open in https://ui.perfetto.dev, waveforms in GTKWave or Surfer; in both one cycle is 1 ns. A run that ends
    early, at --max-cycles or with a fault, leaves its waveform up to there.
    """
    from weft.base.files import replacing
    from weft.base.plain import elements
    from weft.cli.options import machine_of
    from weft.figures import describe, figures
    from weft.files import same_file
    from weft.isa.checker import check
    from weft.isa.container import check_machine, load
    from weft.isa.validator import validate
    from weft.sim.engines import TIMED, WAVES
    from weft.sim.run import DEFAULT_MAX_CYCLES

    for option, given, able in (("--trace", trace, TIMED), ("--wave", wave, WAVES)):
        if given is not None and engine not in able:
            lack = "no cycles" if option == "--trace" else "no signals"
            raise click.UsageError(f"{option}: engine '{engine}' has {lack}; use --engine {' or --engine '.join(able)}")
    if trace is not None:
        from weft.sim.traces import perfetto
    if trace is not None and wave is not None and (trace == wave or same_file(trace, wave)):
        raise click.UsageError(f"--trace and --wave both name {trace}; give two files")
    keep_apart("--trace", trace, program, machine)
    keep_apart("--wave", wave, program, machine)
    loaded = load(program)
    if machine is not None:
        check_machine(loaded, machine_of(machine, ()), str(program))
    validate(loaded)
    check(loaded)
    shown = [loaded.buffer(name) for name in show]
    with _runner(engine, wave) as runner:
        run = runner.run(loaded, max_cycles=max_cycles or DEFAULT_MAX_CYCLES)
    if trace is not None:
        with replacing(trace) as whole:
            whole.write_bytes(perfetto(loaded, run))
    result = figures(loaded, run)
    written = {name: str(path) for name, path in (("trace", trace), ("wave", wave)) if path is not None}
    if as_json:
        if show:
            result["buffers"] = {buffer.name: elements(buffer.read(run.dram).tolist()) for buffer in shown}
        print_json(result | written)
        return
    say(describe(result))
    for name, file in written.items():
        say(f"{name:14}{file}")
    for buffer in shown:
        say(f"{buffer.name}, {buffer.dtype}{list(buffer.shape)}:\n{buffer.read(run.dram)}")


@contextmanager
def _runner(engine: str, wave: Path | None) -> Iterator[Engine]:
    """The engine; where a run writes a waveform, what a run that fails has written of it stays."""
    from weft.base.files import replacing
    from weft.isa.errors import DeadlockError, ProgramError
    from weft.sim.engines import get_engine

    if wave is None:
        yield get_engine(engine)
        return
    failures = (DeadlockError, ProgramError)
    with replacing(wave, keep=failures) as whole:
        try:
            yield get_engine(engine, wave=whole)
        except failures:
            say(f"the waveform up to the end of the run is in {wave}", err=True)
            raise
