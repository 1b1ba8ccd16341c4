"""``weft train``: train a named model, with figures at the end."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from weft.cli.options import (
    COUNT,
    DEVICE,
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
from weft.cli.printing import say


@click.command("train")
@click.argument("model", type=MODEL)
@click.option("--device", type=DEVICE, default="accel", show_default=True)
@machine_options()
@engine_option()
@click.option("--epochs", type=COUNT, default=None, help="Epochs, passes over the data [default: the model's].")
@click.option(
    "--optimizer", default=None, metavar="NAME[:KEY=VALUE,…]",
    help="In place of the model's: sgd, adam, adamw, lion, …, with settings: adamw:lr=0.002,weight_decay=0.1.",
)  # fmt: skip
@click.option(
    "--schedule", default=None, metavar="NAME[:KEY=VALUE,…]",
    help="Of the learning rate, after each update: cosine, linear, onecycle, step, exponential: cosine:warmup=1.",
)  # fmt: skip
@click.option(
    "--ema", type=float, default=None, metavar="DECAY",
    help="Keep a running mean of the weights; it is what is tested and saved.",
)  # fmt: skip
@click.option("--accumulate", type=COUNT, default=1, help="Batches whose gradients make one update [default: 1].")
@click.option("-o", "--output", type=OUTPUT, default=None, help="Save the trained weights here.")
@click.option("--checkpoint", type=OUTPUT, default=None, help="Keep the whole training here while it runs.")
@click.option("--every", type=COUNT, default=None, help="Steps between two checkpoints [default: an epoch's].")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint; begin afresh if there is none.")
@seed_option
@json_option
def command(
    model: str,
    device: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    epochs: int | None,
    optimizer: str | None,
    schedule: str | None,
    ema: float | None,
    accumulate: int,
    output: Path | None,
    checkpoint: Path | None,
    every: int | None,
    resume: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Train MODEL (digits-mlp, digits-logistic). On cpu and accel its products take bf16 and sum in fp32.

    The last batch of an epoch is smaller where the examples do not divide, and is trained too; cycles per step are
    those of a full batch.

    With --checkpoint the training may be killed at any moment: the same words and --resume go on from the last
    checkpoint, to the very bits of a training that was never interrupted. Ctrl-C (and SIGTERM) end it after the step
    that runs, with a checkpoint, and exit with 130 (143). The state of a schedule, a mean of weights and gradients that
    wait for their update are in the checkpoint.
    """
    from weft import resuming
    from weft.base.files import sweep
    from weft.devices import device_of
    from weft.framework import checkpoint as files
    from weft.methods import TrainingMethod
    from weft.models import recipe
    from weft.progress import Bar
    from weft.training import Session, describe, train

    if device != "accel":
        refuse_unused(device)
    _fitting(checkpoint, every, resume, output)
    keep_apart("--output", output, machine)
    keep_apart("--checkpoint", checkpoint, machine)
    chosen = recipe(model)
    passes = epochs or chosen.epochs
    method = TrainingMethod(optimizer, schedule, ema, accumulate)
    session = Session(chosen, device_of(device, machine, settings, engine), seed, method, passes)
    keeper = None
    if checkpoint is not None:
        sweep(checkpoint)
        if checkpoint.exists():
            steps = resuming.resume(checkpoint, session, passes)
            say(f"{checkpoint}: going on after step {steps}", err=True)
        elif resume:
            say(f"{checkpoint}: not there, so the training begins afresh", err=True)
        keeper = resuming.CheckpointWriter(checkpoint, session, every)
    try:
        with Bar(f"training on {session.device}") as bar, keeper.listening() if keeper else nullcontext():
            outcome = train(session, passes, bar.step, keeper.after if keeper else None)
    except resuming.Stopped as stopped:
        say(f"{stopped}; {checkpoint} has it, and the same command with --resume goes on from there", err=True)
        raise click.exceptions.Exit(stopped.exit_code) from None
    if output is not None:
        files.save(output, session.trained.state_dict(), {"model": model})
    result = describe(session, outcome)
    if as_json:
        print_json(result)
    else:
        say(text(result))


def _fitting(checkpoint: Path | None, every: int | None, resume: bool, output: Path | None) -> None:
    """Refuse options about checkpoints that do not fit together. Raises click.UsageError."""
    from weft.files import same_file
    from weft.kinds import TRAINING, refusal

    if checkpoint is None:
        for option, given in (("--every", every is not None), ("--resume", resume)):
            if given:
                raise click.UsageError(f"{option} is about checkpoints; add --checkpoint FILE")
        return
    if checkpoint.exists() and not checkpoint.is_file():
        raise click.UsageError(f"--checkpoint: {checkpoint} is no regular file, and cannot be gone on from")
    if (reason := refusal(checkpoint, (TRAINING,))) is not None:
        raise click.UsageError(f"--checkpoint: {reason}")
    if checkpoint.exists() and not resume:
        raise click.UsageError(f"--checkpoint: {checkpoint} is there; add --resume to go on from it, or remove it")
    if output is not None and (output == checkpoint or same_file(output, checkpoint)):
        raise click.UsageError(f"--output and --checkpoint both name {output}; give two files")


def text(result: dict[str, Any]) -> str:
    """The result as lines for people."""
    from weft.sim.stalls import largest_stall

    epochs = f"{result['epochs']} epoch{'s' * (result['epochs'] != 1)}"
    lines = [
        f"{result['model']} on {result['device']}: {epochs}, {result['steps']} steps, "
        f"{result['seconds']:.1f} s",
        f"test accuracy      {result['test_accuracy']:.2%}{', of the mean of weights' * ('ema' in result)}",
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
