"""``weft train``: train a named model, with figures at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weft.commands.options import (
    COUNT,
    MODEL,
    OUTPUT,
    engine_option,
    json_option,
    keep_apart,
    machine_options,
    print_json,
    refuse_unused,
    seed_option,
)


@click.command("train")
@click.argument("model", type=MODEL)
@click.option("--device", type=click.Choice(["accel", "cpu", "numpy"]), default="accel", show_default=True)
@machine_options()
@engine_option()
@click.option("--epochs", type=COUNT, default=None, help="Passes over the data [default: the model's].")
@click.option("-o", "--output", type=OUTPUT, default=None, help="Save a checkpoint here.")
@seed_option
@json_option
def command(
    model: str,
    device: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    epochs: int | None,
    output: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Train MODEL (digits-mlp, digits-logistic). On cpu and accel its products take bf16 and sum in fp32."""
    from framework import checkpoint
    from weft.devices import device_of
    from weft.models import recipe
    from weft.progress import Bar
    from weft.training import Session, describe, train

    if device != "accel":
        refuse_unused(device)
    keep_apart("--output", output, machine)
    chosen = recipe(model)
    session = Session(chosen, device_of(device, machine, settings, engine), seed)
    with Bar(f"training on {session.device}") as bar:
        outcome = train(session, epochs or chosen.epochs, bar.step)
    if output is not None:
        checkpoint.save(output, session.model.state_dict(), {"model": model})
    result = describe(session, outcome)
    if as_json:
        print_json(result)
    else:
        click.echo(text(result))


def text(result: dict[str, Any]) -> str:
    """The result as lines for people."""
    from sim.stalls import largest_stall

    epochs = f"{result['epochs']} epoch{'s' * (result['epochs'] != 1)}"
    lines = [
        f"{result['model']} on {result['device']}: {epochs}, {result['steps']} steps, "
        f"{result['seconds']:.1f} s",
        f"test accuracy      {result['test_accuracy']:.2%}",
        f"final loss         {result['final_loss']:.4f}",
    ]
    if "engine" in result and result["cycles_per_step"] is None:
        lines.append(f"cycles per step    no time on this engine ({result['engine']})")
    elif "engine" in result:
        lines.append(
            f"cycles per step    {result['cycles_per_step']:,} on {result['machine']}, engine {result['engine']}"
        )
        lines.append(f"utilisation        {result['utilisation']:.1%} useful multiply-accumulates")
        longest = largest_stall(result["stalls"])
        if longest is not None:
            lines.append(f"largest stall      {longest[0]}, {longest[1]:,} cycles")
        if result["simulated_cycles_per_second"]:
            lines.append(f"engine speed       {result['simulated_cycles_per_second']:,.0f} simulated cycles/s, warm")
    return "\n".join(lines)
