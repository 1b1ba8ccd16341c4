"""``weft run``: inference with a trained model."""

from __future__ import annotations

from pathlib import Path

import click

from weft.commands.options import engine_option, json_option, machine_options, print_json


@click.command("run")
@click.argument("model")
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="What `weft train -o` wrote.")
@click.option("--device", type=click.Choice(["accel", "cpu", "numpy"]), default="accel", show_default=True)
@machine_options()
@engine_option()
@json_option
def command(
    model: str,
    checkpoint: Path,
    device: str,
    machine: str,
    settings: tuple[tuple[str, int], ...],
    engine: str,
    as_json: bool,
) -> None:
    """Classify the test images with MODEL from a checkpoint; on the accelerator, with the cycles of a batch."""
    from framework import checkpoint as files
    from framework.errors import CheckpointError
    from weft.devices import device_of
    from weft.figures import utilisation
    from weft.models import recipe
    from weft.training import Session

    session = Session(recipe(model), device_of(device, machine, settings, engine))
    state = files.load(checkpoint)
    try:
        session.model.load_state_dict(state)
    except CheckpointError as problem:
        raise CheckpointError(f"{checkpoint}: {problem}; `weft train {model} -o FILE` writes one for {model}") from None
    result = {"schema": 1, "model": model, "device": device, "test_accuracy": session.accuracy()}
    engine_used = getattr(session.device, "engine", None)
    if engine_used is not None:
        program, image = session.program(inference=True)
        run = engine_used.run(program, image)
        result["cycles_per_batch"] = run.cycles
        result["utilisation"] = utilisation(int(program.meta["useful_macs"]), run.cycles, program.machine.dim)
    if as_json:
        print_json(result)
        return
    click.echo(f"{model} on {session.device}: test accuracy {result['test_accuracy']:.2%}")
    if "cycles_per_batch" in result:
        batch = session.recipe.batch
        click.echo(
            f"a batch of {batch}: {result['cycles_per_batch']:,} cycles, utilisation {result['utilisation']:.1%}"
        )
