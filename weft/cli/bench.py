"""``weft bench``: the figures that the documentation quotes, measured in one run."""

from __future__ import annotations

import platform
from typing import Any

import click

from weft.cli.options import COUNT, ChoiceOption, json_option, machine_of, machine_options, print_json
from weft.cli.printing import say
from weft.groups import VerbGroup
from weft.reports.frameworks.contenders import CONTENDERS
from weft.reports.frameworks.rows import ALL_ROWS, ROWS

PARTS = ("gemm", "engines", "rtl-build", "cpu")


@click.group("bench", cls=VerbGroup, invoke_without_command=True)
@machine_options()
@click.option("--only", type=ChoiceOption(PARTS), multiple=True, help="Measure only this (may be given again).")
@json_option
@click.pass_context
def command(
    context: click.Context, machine: str, settings: tuple[tuple[str, int], ...], only: tuple[str, ...], as_json: bool
) -> None:
    """Measure utilisation (simulated cycles, exact) and speed (ratios of medians, taken side by side)."""
    if context.invoked_subcommand is not None:
        return
    from weft.progress import track
    from weft.reports import accelerator_benchmarks as accelerator

    chosen = machine_of(machine, settings)
    result: dict[str, Any] = {"schema": 1, "host": _host()}
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
            from weft.reports.frameworks.measure import table

            result["cpu"] = table(["mlp"], ["weft", "torch"], threads=1, rounds=12)
    if as_json:
        print_json(result)
    else:
        say(text(result))


def _host() -> dict[str, str]:
    return {"processor": platform.processor(), "python": platform.python_version()}


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
        lines.append(framework_text(cpu))
    return "\n".join(lines)


@command.command("framework")
@click.option("--row", "rows", type=ChoiceOption(ALL_ROWS), multiple=True, help="Only this row (may be given again).")
@click.option("--with", "names", type=ChoiceOption(CONTENDERS), multiple=True, help="Only this framework (as well).")
@click.option("--threads", type=COUNT, default=1, show_default=True, help="Threads and cores of each process.")
@click.option("--rounds", type=COUNT, default=12, show_default=True, help="Turns that each process takes.")
@json_option
def framework(rows: tuple[str, ...], names: tuple[str, ...], threads: int, rounds: int, as_json: bool) -> None:
    """Measure the CPU target beside torch, torch.compile, jax and onnxruntime.

    Each runs in a process of its own with the same number of threads; the processes take turns, and figures are
    medians over all steps. Frameworks that are not installed are left out, with the reason.
    """
    from weft.progress import track
    from weft.reports.frameworks.measure import chosen, table

    result: dict[str, Any] = {"schema": 1, "host": _host()}
    wanted = chosen(names, CONTENDERS)
    for row in track(chosen(rows, ALL_ROWS), "measuring"):
        for key, value in table([row], wanted, threads, rounds).items():
            result[key] = result[key] | value if isinstance(value, dict) and key in result else value
    if as_json:
        print_json(result)
    else:
        say(framework_text(result))


@command.command("kernels")
@click.option("--row", type=ChoiceOption(tuple(ROWS)), default="mlp", show_default=True, help="Whose step.")
@click.option("--rounds", type=COUNT, default=20, show_default=True, help="Times that each kernel runs.")
@json_option
def kernels(row: str, rounds: int, as_json: bool) -> None:
    """Tell where a step's time goes on the CPU, kernel by kernel, on one thread.

    Beside each kernel stand its operations a second, as a share of what products reach from the first cache on this
    machine, and the bytes that it reads and writes a second.
    """
    from weft.reports.frameworks.kernels import kernel_times

    result = {"schema": 1, "host": _host()} | kernel_times(row, rounds)
    if as_json:
        print_json(result)
    else:
        say(kernels_text(result))


def kernels_text(result: dict[str, Any]) -> str:
    """The kernels as lines for people."""
    total, flops = (sum(line[key] for line in result["kernels"]) for key in ("seconds", "flops"))
    row, rate = result["row"], result["rate"]
    lines = [
        f"{row}: {ROWS[row].doc}; one thread, {rate / 1e9:.0f} G operations a second at most",
        f"  {1e6 * total:.0f} us together, {1e6 * flops / rate:.0f} at that rate for {flops / 1e6:.1f} M operations",
        f"  {'us':>8} {'share':>6} {'of rate':>8} {'GB/s':>6} {'times':>5}",
    ]
    for line in result["kernels"]:
        seconds = max(line["seconds"], 1e-9)
        lines.append(
            f"  {1e6 * seconds:8.1f} {seconds / total:6.1%} {line['flops'] / seconds / rate:8.1%}"
            f" {line['bytes'] / seconds / 1e9:6.1f} {line['count']:5}  {line['kernel']}"
        )
    return "\n".join(lines)


def framework_text(result: dict[str, Any]) -> str:
    """The table of frameworks as lines for people."""
    lines, notes = [], dict[str, None]()
    for row, by_name in result["steps"].items():
        lines.append(f"{row}: {ROWS[row].doc}; threads: {result['threads']}")
        lines.append(f"  {'ms a step':26} {'median':>9} {'processor':>9} {'fastest':>9}   weft took of it: by both")
        for name, told in by_name.items():
            if told["reason"] is None:
                times = (told[key] for key in ("wall_ms", "processor_ms", "best_ms"))
                lines.append(f"  {name:14} {told['version']:11}" + "".join(f" {value:9.3f}" for value in times)
                             + _ratios(told))  # fmt: skip
            elif told["reason"] != "no such row":
                lines.append(f"  {name:14} {told['reason']}")
            if name == "weft" and told.get("blas"):
                notes[f"weft's matrix products: {told['blas']['library']} {told['blas']['version']}, kernel "
                      f"{told['blas']['kernel']}"] = None  # fmt: skip
    for name, told in result.get("first", {}).items():
        figures = told["reason"] or (
            f"{told['cold']:.2f} s with empty caches ({told['cold_processor']:.2f} s of the processor), "
            f"{told['warm']:.2f} s with full ones ({told['warm_processor']:.2f} s)"
        )
        lines.append(f"first step of mlp: {name:14} {figures}")
    lines += [f"process: {name:14} {seconds:.3f} s" for name, seconds in result.get("start", {}).items()]
    for name, told in result.get("peak", {}).items():
        held = "this system does not tell it" if told["bytes"] is None else f"{told['bytes'] / 2**20:.0f} MiB"
        lines.append(f"peak of resnet20: {name:14} {told['reason'] or held}")
    for name, told in result.get("memory", {}).items():
        lines.append(f"memory: {name:14} {told['reason'] or _growth(told)}")
    return "\n".join([*lines, *notes])


def _ratios(told: dict[str, Any]) -> str:
    """What weft took of a framework's time by the clock, and of its processor's, turn by turn."""
    ratios = (told["wall_ratio"], told["processor_ratio"])
    return "".join(f" {'' if ratio is None else f'{ratio:.2f}':>9}" for ratio in ratios)


def _growth(told: dict[str, Any]) -> str:
    if told["steps"] is None or told["kept"] is None:
        return "this system does not tell a process's memory"
    return f"{told['steps']:+,} bytes over 10,000 steps, {told['kept']:+,} over 1,000 whose losses are kept"


def _rate(value: float) -> str:
    return f"{value / 1e6:.2f} M cycles/s"
