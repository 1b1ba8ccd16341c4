"""``weft bench``: the figures that the documentation quotes, measured in one run."""

from __future__ import annotations

import platform
from typing import Any

import click

from weft.cli.options import ChoiceOption, json_option, machine_of, machine_options, print_json
from weft.cli.printing import say

PARTS = ("gemm", "engines", "rtl-build", "cpu")


@click.command("bench")
@machine_options()
@click.option("--only", type=ChoiceOption(PARTS), multiple=True, help="Measure only this (may be given again).")
@json_option
def command(machine: str, settings: tuple[tuple[str, int], ...], only: tuple[str, ...], as_json: bool) -> None:
    """Measure utilisation (simulated cycles, exact) and speed (ratios of medians, taken side by side)."""
    from weft.progress import track
    from weft.reports import accelerator_benchmarks as accelerator

    chosen = machine_of(machine, settings)
    result: dict[str, Any] = {
        "schema": 1,
        "host": {"processor": platform.processor(), "python": platform.python_version()},
    }
    for part in track([p for p in PARTS if not only or p in only], "measuring"):
        if part == "gemm":
            result["gemm"] = accelerator.gemm_utilisation(chosen)
        elif part == "engines":
            from weft.programs import named_step

            step = named_step("digits-mlp", machine, settings, False, 0)
            program, image = step.program, step.image
            result["engines"] = accelerator.engine_speed(program, image)
        elif part == "rtl-build":
            result["rtl_build"] = accelerator.rtl_build(chosen)
        else:
            from weft.reports.benchmarks import mlp_cpu_vs_torch

            result["cpu"] = mlp_cpu_vs_torch(threads=1)
    if as_json:
        print_json(result)
    else:
        say(text(result))


def text(result: dict[str, Any]) -> str:
    """The measurements as lines for people."""
    lines = []
    for row in result.get("gemm", ()):
        lines.append(
            f"gemm {row['size']}³ {row['type']:4} {row['form']}: {row['cycles']:,} cycles, "
            f"utilisation {row['utilisation']:.1%}"
        )
    if engines := result.get("engines"):
        lines.append(
            f"training step, {engines['cycles']:,} cycles: fast engine's first run {_rate(engines['fast_first_run'])}"
        )
        lines.append(
            engines["reason"]
            or f"  then {_rate(engines['fast'])}; rtl {_rate(engines['rtl'])}; {engines['ratio']:.0f} times faster"
        )
    if build := result.get("rtl_build"):
        lines.append(
            build["reason"]
            or f"rtl model of {build['machine']}: {build['cold_seconds']:.0f} s cold, "
            f"{build['cached_seconds']:.1f} s cached"
        )
    if cpu := result.get("cpu"):
        lines.append(
            cpu["reason"]
            or f"784-512-512-10 step, batch 64, one thread: cpu {cpu['weft_ms']:.2f} ms, "
            f"torch {cpu['torch_ms']:.2f} ms, ratio {cpu['ratio']:.2f}"
        )
    return "\n".join(lines)


def _rate(value: float) -> str:
    return f"{value / 1e6:.2f} M cycles/s"
