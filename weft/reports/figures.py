"""The figures of a report, drawn by matplotlib from the result alone, as SVG and as PNG of the same bytes each time."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from weft.reports import palette
from weft.reports.ranking import rank
from weft.reports.summary import drawn_points
from weft.reports.text import plain

INK, FAINT = "#1b2330", "#d3d9e0"
"""Text and axes, and grid lines; a page swaps them for its own colours."""
COLUMNS = 1800
"""A timeline is drawn in so many columns: finer than a screen shows, however long the run."""
SAMPLES = 600
"""A line over time has at most so many steps."""
LABELLED = 12
"""Up to so many operators all have their number in the roofline; of more, those with a colour of their own."""
SERIES = ("#0072b2", "#e69f00", "#009e73")
"""Devices in loss curves."""
_STYLE: Any = {  # matplotlib types its keys one by one
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,  # names are text, whatever dollar signs they hold
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.borderaxespad": 0.0,
    "legend.handlelength": 1.2,
    "path.simplify": True,
}
_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
Result = Mapping[str, Any]
Array = npt.NDArray[Any]


def draw(result: Result) -> dict[str, Figure]:
    """Name → figure, of every figure that the result has data for."""
    with rc_context(_STYLE):
        return {name: view(result) for name, (needs, view) in FIGURES.items() if result[needs]}


def sample() -> Figure:
    """A figure of nothing with what every figure has: axes, ticks, a legend."""
    with rc_context(_STYLE):
        figure, axes = _canvas(2, 1)
        _legend(axes, {"nothing": INK})
        _cycles(axes, 1)
        return figure


def svg(name: str, figure: Figure) -> str:
    """The figure as an SVG element that names no address outside itself."""
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        _allow_any_script()
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    text = text[text.index("<svg") :].replace("xlink:href", "href")
    text = re.sub(r' xmlns(?::\w+)?="[^"]*"| id="[A-Za-z.0-9]+_\d+"', "", text)
    return re.sub(r">\s+<", ">\n<", text).strip()


def svg_file(element: str) -> str:
    """An SVG element as a file: on white paper, with its namespace."""
    text = element.replace(">", ' style="background: #ffffff">', 1)
    return text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)


def png(figure: Figure) -> bytes:
    """The figure as a PNG on white, 100 dots an inch."""
    with rc_context(_STYLE), warnings.catch_warnings():
        _allow_any_script()
        out = io.BytesIO()
        quick = {"compress_level": 3}
        figure.savefig(out, format="png", dpi=100, facecolor="#ffffff", metadata={"Software": None}, pil_kwargs=quick)
    return out.getvalue()


def _allow_any_script() -> None:
    """A name in a script that the font lacks is drawn as boxes in a PNG, which is no reason to fail."""
    warnings.filterwarnings("ignore", message=r"Glyph .* missing from")


def _canvas(width: float, height: float, top: float = 0.15) -> tuple[Figure, Axes]:
    """A figure in inches with fixed margins, which need no second pass to lay out."""
    figure = Figure(figsize=(width, height))
    left, right, bottom = 0.8, 0.2, 0.5
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))
    return figure, axes


def _legend(axes: Axes, entries: Mapping[str, str], columns: int = 8) -> None:
    """Colour patches above the axes."""
    handles = [Patch(color=color, label=name) for name, color in entries.items()]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.02), ncols=columns, fontsize=9)


def loss(result: Result) -> Figure:
    """Training loss by epoch: each batch thin, each epoch's mean bold, one colour a device."""
    training = result["training"]
    figure, axes = _canvas(8, 3.2, top=0.4)
    per = max(1, int(training["steps_per_epoch"]))
    known = {key: np.asarray(d["losses"], float) for key, d in training["devices"].items()}  # null becomes nan
    floor = min((float(losses[losses > 0].min(initial=np.inf)) for losses in known.values()), default=np.inf)
    for index, (key, device) in enumerate(training["devices"].items()):
        losses = np.maximum(known[key], floor if np.isfinite(floor) else 1.0)  # a loss of 0 has no place on a log scale
        color, style = SERIES[index % len(SERIES)], ("-", (0, (4, 2)), (0, (1, 1)))[index % 3]
        axes.plot((np.arange(len(losses)) + 1) / per, losses, color=color, linewidth=0.7, alpha=0.55)
        means = [losses[at : at + per].mean() for at in range(0, len(losses), per)]
        ends = [min(at + per, len(losses)) / per for at in range(0, len(losses), per)]
        width = 3.0 if index == 0 else 1.6
        drawn = axes.plot(ends, means, color=color, linestyle=style, linewidth=width, label=device["label"])
        if len(means) == 1:  # a line of one point shows nothing
            drawn[0].set_marker("o")
    _log(axes, "y", 10)
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=3, fontsize=9)
    return figure


def roofline(result: Result) -> Figure:
    """Rate over intensity on log scales, below the machine's two limits; a point's area grows with active cycles."""
    line = result["accelerator"]["roofline"]
    peak, bandwidth = float(line["peak"]), float(line["bandwidth"])
    ranks = rank(result["accelerator"]["operators"])
    colors = palette.operators(result["accelerator"]["operators"])
    placed = drawn_points(result)
    points = [point for _, point in placed]
    figure, axes = _canvas(8, 4.2)
    ridge = peak / bandwidth
    low = min([ridge / 8, *(point["intensity"] / 2 for point in points)])
    high = max([ridge * 8, *(point["intensity"] * 2 for point in points)])
    axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color=INK, linewidth=1.4)
    axes.annotate(f"{peak:,g} MACs/cycle", (high, peak), (0, 4), textcoords="offset points", ha="right", fontsize=9)
    middle = low * (ridge / low) ** 0.15
    axes.annotate(
        f"{plain(bandwidth)} B/cycle", (middle, middle * bandwidth), (10, -12), textcoords="offset points", fontsize=9
    )
    longest = max((point["active"] for point in points), default=1)
    for index, (place, point) in enumerate(placed):
        area = 30 + 270 * point["active"] / longest
        color = colors[place] if place < len(colors) else palette.OTHER
        mark = axes.scatter(
            point["intensity"],
            point["rate"],
            s=area,
            color=color,
            alpha=0.85,
            linewidths=0,
            zorder=2 + (color != palette.OTHER),
        )
        mark.set_gid(f"point-{index}")
        if place < len(ranks) and (len(ranks) <= LABELLED or color != palette.OTHER):
            spot = (point["intensity"], point["rate"])
            axes.annotate(str(ranks[place]), spot, (9, -10), textcoords="offset points", fontsize=9)
    if not points:
        axes.text(0.5, 0.5, "no operator has both products and DRAM traffic", transform=axes.transAxes, ha="center")
    _log(axes, "x", 2)
    _log(axes, "y", 2)
    axes.set_xlim(low, high)
    axes.set_xlabel("intensity, useful MACs per DRAM byte")
    axes.set_ylabel("useful MACs per cycle")
    return figure


def _log(axes: Axes, which: str, base: int) -> None:
    """A logarithmic scale in plain numbers, without minor ticks, which would cost most of the drawing's time."""
    axis, scale = {"x": (axes.xaxis, axes.set_xscale), "y": (axes.yaxis, axes.set_yscale)}[which]
    scale("log", base=base)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def coverage(intervals: npt.NDArray[np.int64], cycles: int, columns: int = COLUMNS) -> list[tuple[int, int, int]]:
    """Runs of equal colour, (first column, end column, operator), of intervals [n, ≥ 3] of start, retire, operator.

    A column shows the longest of the instructions in it, so that the drawing's size depends on columns alone.
    """
    owner = np.full(columns, -2, np.int64)
    order = np.argsort(intervals[:, 1] - intervals[:, 0], kind="stable")
    first = intervals[order, 0] * columns // max(1, cycles)
    end = intervals[order, 1] * columns // max(1, cycles) + 1
    for begin, stop, index in zip(first.tolist(), end.tolist(), intervals[order, 2].tolist(), strict=True):
        owner[begin:stop] = index
    edges = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), columns]
    return [(a, b, int(owner[a])) for a, b in itertools.pairwise(edges) if owner[a] != -2]


def timeline(result: Result) -> Figure:
    """Which operator occupies each unit when, from start to retirement."""
    accelerator = result["accelerator"]
    units, cycles = accelerator["intervals"], int(accelerator["cycles"])
    colors = [*palette.operators(accelerator["operators"]), palette.OTHER]
    figure, axes = _canvas(11, 2.9, top=0.4)
    for row, entries in enumerate(units.values()):
        runs = coverage(np.asarray(entries, np.int64).reshape(-1, 4), cycles)
        scale = cycles / COLUMNS
        shapes = [[(a * scale, row - 0.38), (b * scale, row - 0.38), (b * scale, row + 0.38), (a * scale, row + 0.38)]
                  for a, b, _ in runs]  # fmt: skip
        axes.add_collection(PolyCollection(shapes, facecolors=[colors[index] for _, _, index in runs], linewidths=0))
    axes.set_yticks(range(len(units)), list(units))
    axes.set_ylim(len(units) - 0.5, -0.5)
    ranks = rank(accelerator["operators"])
    shown = sorted((place, colors[i]) for i, place in enumerate(ranks) if colors[i] != palette.OTHER)
    legend = {f"operator {place}": color for place, color in shown}
    _legend(axes, legend | ({"other": palette.OTHER} if len(ranks) > len(shown) else {}))
    _cycles(axes, cycles)
    return figure


def _cycles(axes: Axes, cycles: int) -> None:
    axes.set_xlim(0, max(1, cycles))
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.set_xlabel("cycle")


def attribution(result: Result) -> Figure:
    """Every cycle of every unit by event: the bars are all equally long."""
    accelerator = result["accelerator"]
    units = accelerator["events"]
    figure, axes = _canvas(11, 2.9, top=0.4)
    for row, events in enumerate(units.values()):
        left = 0
        for cause, cycles in events.items():
            if cycles:
                axes.barh(row, cycles, left=left, color=palette.cause(cause), height=0.7)
            left += cycles
    used = dict.fromkeys(cause for events in units.values() for cause, cycles in events.items() if cycles)
    _legend(axes, {cause: palette.cause(cause) for cause in used}, columns=12)
    axes.set_yticks(range(len(units)), list(units))
    axes.set_ylim(len(units) - 0.5, -0.5)
    _cycles(axes, int(accelerator["cycles"]))
    axes.set_xlabel("cycles")
    return figure


def occupancy(result: Result) -> Figure:
    """Live bytes of each on-chip memory over time, as a share of its capacity."""
    accelerator = result["accelerator"]
    figure, axes = _canvas(11, 2.6, top=0.4)
    cycles = int(accelerator["cycles"])
    legend = {}
    for color, (name, memory) in zip(SERIES, accelerator["memories"].items(), strict=False):
        at, live = highest(memory["points"], cycles)
        share = 100 * live / memory["capacity"]
        axes.fill_between(at, share, step="post", color=color, alpha=0.18, linewidth=0)
        axes.step(at, share, where="post", color=color, linewidth=1.2)
        legend[f"{name}, {memory['capacity']:,} bytes"] = color
    _legend(axes, legend)
    axes.set_ylim(0, 105)
    axes.set_ylabel("% of capacity live")
    _cycles(axes, cycles)
    return figure


def highest(points: Sequence[Sequence[int]], cycles: int, samples: int = SAMPLES) -> tuple[Array, Array]:
    """The step line through ``points`` (cycle, value), up to ``cycles``, as at most ``samples`` steps: cycle, value.

    Where there are more, each step shows the highest value within its share of the run, so that no peak is lost.
    """
    at, value = np.asarray(points, np.int64).reshape(-1, 2).T
    if len(at) > samples:
        edges = np.arange(samples) * cycles // samples
        level = np.concatenate(([0], value))[np.searchsorted(at, edges, "right")]
        np.maximum.at(level, np.minimum(np.searchsorted(edges, at, "right") - 1, samples - 1), value)
        at, value = edges, level
    return np.append(at, cycles), np.append(value, value[-1:] if len(value) else 0)


def bandwidth(result: Result) -> Figure:
    """Bytes a cycle over the DRAM bus, stacked by stream, below what the bus can carry."""
    accelerator = result["accelerator"]
    dram, cycles = accelerator["dram"], int(accelerator["cycles"])
    figure, axes = _canvas(11, 2.6, top=0.4)
    window = int(dram["window"])
    streams = np.asarray([dram[name] for name in palette.STREAMS], float).reshape(len(palette.STREAMS), -1)
    group = -(-max(1, streams.shape[1]) // SAMPLES)
    padded = np.pad(streams, ((0, 0), (0, -streams.shape[1] % group)))
    moved = padded.reshape(len(streams), -1, group).sum(axis=2)
    edges = np.minimum(np.arange(moved.shape[1] + 1) * window * group, max(1, cycles))
    rates = moved / np.maximum(1, np.diff(edges))  # the last window may end with the run
    below = np.zeros(rates.shape[1])
    for color, rate in zip(palette.STREAMS.values(), rates, strict=True):
        top = below + rate
        axes.add_collection(PolyCollection([_steps(edges, top, below)], facecolors=color, linewidths=0))
        below = top
    axes.axhline(dram["capacity"], color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    _legend(axes, palette.STREAMS)
    axes.set_ylim(0, dram["capacity"] * 1.1)
    axes.set_ylabel("bytes per cycle")
    _cycles(axes, cycles)
    return figure


def _steps(edges: Array, top: Array, below: Array) -> Array:
    """The outline [4n, 2] of the area between two step lines."""
    x = np.repeat(edges, 2)[1:-1]
    return np.concatenate((np.stack((x, np.repeat(top, 2)), 1), np.stack((x, np.repeat(below, 2)), 1)[::-1]))


FIGURES: dict[str, tuple[str, Callable[[Result], Figure]]] = {
    "loss": ("training", loss),
    "timeline": ("accelerator", timeline),
    "attribution": ("accelerator", attribution),
    "roofline": ("accelerator", roofline),
    "occupancy": ("accelerator", occupancy),
    "bandwidth": ("accelerator", bandwidth),
}
"""Name → the part of the result that it needs, and its drawing."""
