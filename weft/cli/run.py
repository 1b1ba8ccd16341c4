"""``weft run``: inference with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weft.cli.int8 import calibration_of, int8_options
from weft.cli.options import (
    DEVICE,
    MODEL,
    InputFile,
    engine_option,
    json_option,
    machine_options,
    print_json,
    refuse_unused,
)
from weft.cli.printing import say


@click.command("run")
@click.argument("model", type=MODEL)
@click.option(
    "--checkpoint", type=InputFile("WEIGHTS", "TRAINING"), required=True,
    help="What `weft train` wrote, with -o or --checkpoint.",
)  # fmt: skip
@click.option("--device", type=DEVICE, default="accel", show_default=True)
@machine_options()
@engine_option()
@int8_options("Also run it in int8, and show both.")
@json_option
def command(
    model: str,
    checkpoint: Path,
    device: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    int8: bool,
    calibration: str | None,
    percentile: float | None,
    as_json: bool,
) -> None:
    """Classify the test images with MODEL from a checkpoint; on the accelerator, with the cycles of a batch."""
    from weft.devices import device_of
    from weft.framework.errors import CheckpointError
    from weft.models import recipe
    from weft.quantised import inference_figures, quantised
    from weft.resuming import weights
    from weft.training import Session

    if device != "accel":
        refuse_unused(device)
    how = calibration_of(int8, calibration, percentile)
    session = Session(recipe(model), device_of(device, machine, settings, engine))
    state = weights(checkpoint)
    try:
        session.model.load_state_dict(state)
    except CheckpointError as problem:
        raise CheckpointError(f"{checkpoint}: {problem}; `weft train {model} -o FILE` writes one for {model}") from None
    own = session
    if how is not None and "bf16" not in getattr(getattr(session.device, "machine", None), "types", ("bf16",)):
        own = Session(recipe(model), device_of("cpu", machine, settings, engine))  # the machine has no floats to show
        own.model.load_state_dict(state)
    result: dict[str, Any] = {"schema": 1, "model": model, "device": own.device.name, **inference_figures(own)}
    if how is not None:
        twin = quantised(session, how)
        result["int8"] = {"device": device, "calibration": str(how), **inference_figures(twin)}
    if as_json:
        print_json(result)
        return
    batch = session.recipe.batch
    say(f"{model} on {own.device}: test accuracy {result['test_accuracy']:.2%}")
    say(_cycles(result, batch), nl="cycles_per_batch" in result)
    if how is not None:
        small = result["int8"]
        gained = (small["test_accuracy"] - result["test_accuracy"]) * 100
        say(
            f"in int8 on {session.device}, calibration {how}: test accuracy {small['test_accuracy']:.2%} "
            f"({gained:+.2f} points)"
        )
        say(_cycles(small, batch), nl="cycles_per_batch" in small)


def _cycles(figures: dict[str, Any], batch: int) -> str:
    """The line about cycles; empty where there are none."""
    if "cycles_per_batch" not in figures:
        return ""
    if figures["cycles_per_batch"] is None:
        return "no time on this engine"
    return f"a batch of {batch}: {figures['cycles_per_batch']:,} cycles, utilisation {figures['utilisation']:.1%}"
