"""The demo's page until it is drawn from a result: a profile, its figures and a template."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

from isa.events import EVENTS
from reports.metrics import METRICS
from reports.profile import Profile

INK = "#7d8590"
"""Lines and text: readable on white and on near-black."""
PALETTE = ("#2f81f7", "#d29922", "#3fb950", "#f85149", "#a371f7", "#39c5cf", "#db61a2", "#8b949e")
CAUSES = {
    "busy": "#3fb950",
    "drain": "#8b949eaa",
    "idle": "#8b949e44",
    "semaphore": "#db61a2",
    "port": "#39c5cf",
    "hazard": "#f85149",
    "outstanding": "#a371f7",
    "fetch": "#2f81f7",
    "load_full": "#d29922",
    "matrix_full": "#e5704a",
    "vector_full": "#b08d57",
    "store_full": "#9e6a03",
}
"""Event cause → colour."""
_STYLE: Any = {  # matplotlib types its keys one by one
    "svg.fonttype": "none",
    "svg.hashsalt": "weft",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def loss_curves(curves: Mapping[str, Sequence[float]], steps_per_epoch: int) -> str:
    """Training loss over steps, one line a device."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(8, 3))
        axes = figure.subplots()
        for color, (name, losses) in zip(PALETTE, curves.items(), strict=False):
            width, style = (3.0, "-") if color == PALETTE[0] else (1.2, "--")
            epochs = [(i + 1) / steps_per_epoch for i in range(len(losses))]
            axes.plot(epochs, losses, style, color=color, linewidth=width, label=name, alpha=0.9)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss of the batch (log scale)")
        axes.set_yscale("log")
        axes.legend()
        return _svg(figure)


def timeline(profile: Profile) -> str:
    """One run by unit: a bar from start to retirement of every instruction, coloured by operator."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(11, 2.6))
        axes = figure.subplots()
        for row, (_unit, intervals) in enumerate(profile.intervals.items()):
            for index in sorted(set(intervals[:, 2].tolist())):
                mine = intervals[intervals[:, 2] == index]
                bars = [(int(s), int(e - s + 1)) for s, e, _ in mine]
                color = INK if index < 0 else PALETTE[index % len(PALETTE)]
                axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=color, linewidth=0)
        axes.set_yticks(range(len(profile.intervals)), list(profile.intervals))
        axes.set_xlim(0, profile.cycles)
        axes.invert_yaxis()
        axes.set_xlabel("cycle")
        return _svg(figure)


def attribution(profile: Profile) -> str:
    """Every cycle of every unit by event: the bars are all equally long."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(11, 2.8))
        axes = figure.subplots()
        causes = [*dict.fromkeys(cause for unit in profile.events.values() for cause in unit)]
        for row, events in enumerate(profile.events.values()):
            left = 0
            for cause, cycles in events.items():
                axes.barh(row, cycles, left=left, color=CAUSES[cause], height=0.7)
                left += cycles
        axes.set_yticks(range(len(profile.events)), list(profile.events))
        axes.set_xlim(0, profile.cycles)
        axes.invert_yaxis()
        axes.set_xlabel("cycles")
        used = [c for c in causes if any(events.get(c) for events in profile.events.values())]
        handles = [axes.barh(0, 0, color=CAUSES[c]) for c in used]
        axes.legend(handles, used, loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=min(len(used), 10))
        return _svg(figure)


def render(
    title: str,
    profile: Profile,
    summary: Sequence[tuple[str, str]],
    curves: Mapping[str, Sequence[float]],
    steps_per_epoch: int,
) -> str:
    """The page's HTML. ``summary`` is a list of (label, figure); ``curves`` the loss per step by device."""
    environment = Environment(loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined)
    values: dict[str, Any] = {
        "title": title,
        "profile": profile,
        "summary": summary,
        "metrics": METRICS,
        "events": EVENTS,
        "palette": PALETTE,
        "operators": sorted(enumerate(profile.operators), key=lambda item: -item[1].wasted),
        "loss": loss_curves(curves, steps_per_epoch) if curves else "",
        "timeline": timeline(profile),
        "attribution": attribution(profile),
    }
    return environment.get_template("demo.html").render(values)
