"""The tiles and the side-by-side table at the head of a report: every figure is read or added up from the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weft.reports.text import THIN, count, decimal, percent, plain, scaled, size
from weft.sim.stalls import largest_stall

Result = Mapping[str, Any]
NAMES = {"accel": "accelerator", "cpu": "CPU", "gpu": "GPU"}


@dataclass(frozen=True)
class SummaryTile:
    """One figure: the ``metric`` that explains it, what it is of, its ``value`` and a ``note`` below."""

    metric: str
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class DeviceColumn:
    """A column of the table: ``cells`` holds a text for each metric that the device has."""

    name: str
    title: str
    cells: Mapping[str, str]


def tiles(result: Result) -> list[SummaryTile]:
    """The summary, most telling first; what the result does not know is left out."""
    found: list[SummaryTile] = []
    if result["accelerator"]:
        found += _accelerator_tiles(result["accelerator"], result["workload"])
    for key, trained in (result["training"] or {}).get("devices", {}).items():
        if trained["test_accuracy"] is not None:
            note = f"final loss {_loss(trained['final_loss'])}"
            found.append(
                SummaryTile(
                    "test_accuracy", f"accuracy, {NAMES.get(key, key)}", percent(trained["test_accuracy"], 2), note
                )
            )
    for key in ("cpu", "gpu"):
        if result[key]:
            seconds, note = scaled(result[key]["seconds_per_step"], "s"), f"median of {result[key]['repeats']}"
            found.append(SummaryTile("seconds_per_step", f"{NAMES[key]} step", seconds, note))
            if result[key].get("break_even_hz"):
                clock = scaled(result[key]["break_even_hz"], "Hz")
                found.append(
                    SummaryTile("break_even_hz", f"break-even, {NAMES[key]}", clock, "the accelerator as fast")
                )
    return found


def _loss(value: float | None) -> str:
    return "diverged" if value is None else decimal(value, 4)


def _accelerator_tiles(accelerator: Result, workload: Result) -> Iterator[SummaryTile]:
    cycles = accelerator["cycles"]
    batch = f", batch {workload['batch']}" if workload["batch"] else ""
    yield SummaryTile("cycles", "cycles", count(cycles), f"{workload['step']}{batch}")
    peak = accelerator["machine"]["dim"] ** 2
    yield SummaryTile("utilisation", "utilisation", percent(accelerator["utilisation"]), f"of {peak:,} MACs/cycle")
    yield SummaryTile("useful_macs", "useful work", count(workload["useful_macs"]), "useful MACs")
    stall = largest_stall(
        {f"{unit}.{cause}": lost for unit, events in accelerator["events"].items() for cause, lost in events.items()}
    )
    if stall is not None:
        name, lost = stall
        yield SummaryTile("events", "largest stall", percent(lost / cycles), f"{name}, {lost:,} cycles")
    dram = accelerator["dram"]
    moved = sum(sum(dram[stream]) for stream in ("read", "write", "fetch"))
    mean = moved / cycles if cycles else 0
    yield SummaryTile(
        "dram_traffic", "DRAM traffic", size(moved), f"{mean:.2f} of {plain(dram['capacity'])}{THIN}B/cycle"
    )
    for name, memory in accelerator["memories"].items():
        share = memory["peak"]["bytes"] / memory["capacity"]
        yield SummaryTile(
            "live_bytes",
            f"{name} peak",
            percent(share, 0),
            f"{size(memory['peak']['bytes'])} of {size(memory['capacity'])}",
        )


def compared(result: Result) -> list[DeviceColumn]:
    """The devices that the result knows, side by side."""
    trained = (result["training"] or {}).get("devices", {})
    columns = []
    for key, name in NAMES.items():
        cells: dict[str, str] = {}
        title = ""
        if key == "accel" and result["accelerator"]:
            accelerator = result["accelerator"]
            title = f"{accelerator['machine']['name']}, engine {accelerator['engine']}"
            if accelerator.get("design"):
                title += f", design {accelerator['design'][:16]}"
            cells["cycles"] = count(accelerator["cycles"])
            cells["utilisation"] = percent(accelerator["utilisation"])
        elif key != "accel" and result[key]:
            host = result[key]
            threads = f", {host['threads']} thread{'s' * (host['threads'] != 1)}" if host.get("threads") else ""
            title = f"{host['device']}{threads}"
            cells["seconds_per_step"] = scaled(host["seconds_per_step"], "s")
            if host.get("break_even_hz"):
                cells["break_even_hz"] = scaled(host["break_even_hz"], "Hz")
        if key in trained:
            accuracy = trained[key]["test_accuracy"]
            cells["test_accuracy"] = "–" if accuracy is None else percent(accuracy, 2)
            cells["final_loss"] = _loss(trained[key]["final_loss"])
            title = title or trained[key]["label"]
        if cells:
            columns.append(DeviceColumn(name, title, cells))
    return columns


def drawn_points(result: Result) -> list[tuple[int, Mapping[str, Any]]]:
    """The roofline's points that have a place on log scales, each after the index of its operator: names may repeat."""
    points = result["accelerator"]["roofline"]["points"]
    return [(index, point) for index, point in enumerate(points) if point["intensity"] > 0 and point["rate"] > 0]


def not_drawn(result: Result) -> list[tuple[str, list[str]]]:
    """Why operators have no place in the roofline: a reason, and the names of those of which it holds."""
    operators = result["accelerator"]["operators"]
    reasons = {
        "have no product": [op["name"] for op in operators if not op["macs"]],
        "move nothing over DRAM": [op["name"] for op in operators if op["macs"] and not op["dram_bytes"]],
    }
    return [(reason, names) for reason, names in reasons.items() if names]


def machine_rows(machine: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The machine's keys, nested ones dotted as ``--set`` takes them, with their values."""
    rows: list[tuple[str, str]] = []
    for key, value in machine.items():
        if isinstance(value, Mapping):
            rows += machine_rows(value, f"{prefix}{key}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            rows.append((prefix + key, f"{shown:,}" if isinstance(shown, int) else str(shown)))
    return rows
