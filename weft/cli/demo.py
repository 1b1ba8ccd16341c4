"""``weft demo``: train a real classifier on the simulated accelerator, beside the CPU, and show the result."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli.options import (
    COUNT,
    OUTPUT,
    engine_option,
    json_option,
    keep_apart,
    machine_options,
    print_json,
    seed_option,
)
from weft.cli.printing import say


@click.command("demo")
@machine_options()
@engine_option()
@click.option("--epochs", type=COUNT, default=None, help="Epochs, passes over the data [default: the model's].")
@click.option(
    "-o", "--output", type=OUTPUT, default=Path("weft-demo.html"), show_default=True, help="The page to write.",
)  # fmt: skip
@seed_option
@json_option
def command(
    machine: str,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    epochs: int | None,
    output: Path,
    seed: int,
    as_json: bool,
) -> None:
    """Train a digit classifier entirely on the accelerator, and the same graph on the CPU; write one HTML page."""
    from weft.cli.train import text
    from weft.devices import device_of
    from weft.files import write_text
    from weft.models import recipe
    from weft.progress import Bar
    from weft.reporting import check_engine, trained_result
    from weft.reports.page import render
    from weft.training import Session, describe, train

    check_engine(engine)
    keep_apart("--output", output, machine)
    chosen = recipe("digits-mlp")
    results, outcomes, sessions = {}, {}, {}
    for device in ("accel", "cpu"):
        session = sessions[device] = Session(chosen, device_of(device, machine, settings, engine), seed)
        with Bar(f"training on {session.device}") as bar:
            outcomes[device] = train(session, epochs or chosen.epochs, bar.step)
        results[device] = describe(session, outcomes[device])
    write_text(output, render(trained_result(sessions, outcomes)))
    if as_json:
        print_json({"schema": 1, "page": str(output), "accel": results["accel"], "cpu": results["cpu"]})
    else:
        say(f"{text(results['accel'])}\n\n{text(results['cpu'])}\n\npage: {output}")
