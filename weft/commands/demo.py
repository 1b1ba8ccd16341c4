"""``weft demo``: train a real classifier on the simulated accelerator, beside the CPU, and show the result."""

from __future__ import annotations

from pathlib import Path

import click

from weft.commands.options import OUTPUT, engine_option, json_option, machine_options, print_json, seed_option


@click.command("demo")
@machine_options()
@engine_option()
@click.option("--epochs", type=click.IntRange(min=1), default=None, help="Passes over the data [default: the model's].")
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
    from reports.demo_page import render
    from reports.page import write
    from reports.profile import profile
    from weft.commands.train import text
    from weft.devices import device_of
    from weft.models import recipe
    from weft.progress import Bar
    from weft.training import Session, describe, train

    chosen = recipe("digits-mlp")
    results, outcomes = {}, {}
    for device in ("accel", "cpu"):
        session = Session(chosen, device_of(device, machine, settings, engine), seed)
        with Bar(f"training on {session.device}") as bar:
            outcomes[device] = train(session, epochs or chosen.epochs, bar.step)
        results[device] = describe(session, outcomes[device])
    accel = outcomes["accel"]
    assert accel.step is not None
    assert accel.run is not None
    figures, step = results["accel"], profile(accel.step, accel.run)
    stall = next(iter(figures["stalls"].items()), ("none", 0))
    summary = [
        ("test accuracy", f"{figures['test_accuracy']:.2%}"),
        ("accuracy on the CPU", f"{results['cpu']['test_accuracy']:.2%}"),
        ("final loss", f"{figures['final_loss']:.4f}"),
        ("final loss on the CPU", f"{results['cpu']['final_loss']:.4f}"),
        ("cycles per step", f"{figures['cycles_per_step']:,}"),
        ("utilisation", f"{figures['utilisation']:.1%}"),
        ("largest stall", f"{stall[0]} {stall[1]:,}"),
        ("engine speed, warm", f"{(figures['simulated_cycles_per_second'] or 0) / 1e6:.1f} M cycles/s"),
    ]
    names = {"accel": f"accel ({step.machine})", "cpu": "cpu"}
    curves = {name: outcomes[device].losses for device, name in names.items()}
    title = f"weft: {chosen.name} trained on {step.machine}, seed {seed}"
    write(output, render(title, step, summary, curves, len(accel.losses) // accel.epochs))
    if as_json:
        print_json({"schema": 1, "page": str(output), "accel": figures, "cpu": results["cpu"]})
    else:
        click.echo(f"{text(figures)}\n\n{text(results['cpu'])}\n\npage: {output}")
