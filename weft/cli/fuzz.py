"""``weft fuzz``: random programs on every engine, or random graphs on every device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.cli.options import (
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
from weft.cli.printing import say

if TYPE_CHECKING:
    from weft.compiler.fuzz.campaign import Summary


@click.command("fuzz")
@machine_options("nano")
@click.option("-n", "--count", type=COUNT, default=20, show_default=True, help="How many.")
@click.option("--graphs", is_flag=True, help="Random graphs on devices, judged against float64, instead of programs.")
@click.option(
    "--device", "devices", multiple=True, metavar="NAME", help="With --graphs: a device, and another.  [default: all]"
)
@click.option("--engines", default="fast,rtl,interp", show_default=True, help="Engines; the first against each.")
@click.option("--keep", type=OUTPUT, default=None, help="Write the first program that fails here.")
@seed_option
@json_option
def command(
    machine: str,
    settings: tuple[tuple[str, int], ...],
    count: int,
    graphs: bool,
    devices: tuple[str, ...],
    engines: str,
    keep: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Verify random programs; exit 3 at the first that engines disagree on.

    With --graphs: judge random graphs, node by node and for several steps, on every device; a graph that fails is made
    as small as it goes and printed as a Python program.
    """
    if graphs:
        context = click.get_current_context()
        for name in ("machine", "settings", "engines", "keep"):
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                option = "--set" if name == "settings" else f"--{name}"
                raise click.UsageError(f"{option} has no meaning with --graphs; leave it out, or choose with --device")
        _graphs(range(seed, seed + count), devices, as_json)
        return
    if devices:
        raise click.UsageError("--device goes with --graphs; programs run on engines (--engines)")
    from weft.isa.container import save
    from weft.progress import track
    from weft.sim.fuzz import random_program
    from weft.sim.verify import report, verify

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
        say(f"{count} random programs on {', '.join(r.name for r in runners)}: equal")
    else:
        say(f"{comparisons[-1].name} differs:")
        for text in comparisons[-1].differences[:10]:
            say(f"  {text}")
    if not result["equal"]:
        raise click.exceptions.Exit(3)


def _graphs(seeds: range, devices: tuple[str, ...], as_json: bool) -> None:
    from weft.compiler.fuzz.campaign import Summary, try_seed
    from weft.framework.device import get_device
    from weft.progress import track

    for name in devices:
        get_device(name)
    summary = Summary()
    for seed in track(seeds, "fuzzing"):
        try_seed(seed, devices, summary)
    if as_json:
        print_json(_as_json(summary))
    else:
        _print(summary)
    if summary.failures:
        raise click.exceptions.Exit(3)


def _print(summary: Summary) -> None:
    for name in sorted({*summary.judged, *summary.refusals}):
        refused: dict[str, int] = dict(summary.refusals.get(name, {}))
        say(
            f"{name}: {summary.judged[name]} of {summary.graphs} random graphs judged, {summary.nodes[name]} values "
            f"against float64; {sum(refused.values())} refused"
        )
        for reason, times in sorted(refused.items(), key=lambda item: (-item[1], item[0])):
            say(f"  {times:5} {reason}")
    for failure in summary.failures:
        say(f"\nseed {failure.seed} fails on {failure.problem.device}; the smallest graph that does:\n")
        say(failure.program)
        say(f"again: weft fuzz --graphs -n 1 --seed {failure.seed} --device {failure.problem.device}")
    say(f"{len(summary.failures)} failures")


def _as_json(summary: Summary) -> dict[str, Any]:
    failures = [
        {"seed": f.seed, "device": f.problem.device, "kind": f.problem.kind, "text": f.problem.text,
         "program": f.program} for f in summary.failures
    ]  # fmt: skip
    return {
        "schema": 1, "graphs": summary.graphs, "judged": dict(summary.judged), "values": dict(summary.nodes),
        "refusals": {name: dict(reasons) for name, reasons in summary.refusals.items()}, "failures": failures,
    }  # fmt: skip
