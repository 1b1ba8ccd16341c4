"""One offline HTML page: everything inline, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from isa.events import EVENTS
from reports.figures import PALETTE, attribution, loss_curves, timeline
from reports.metrics import METRICS
from reports.profile import Profile


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
    return environment.get_template("page.html").render(values)


def write(path: Path, html: str) -> None:
    """Put the page where it belongs, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a device or a pipe is written to, never replaced
        path.write_text(html, encoding="utf-8")
        return
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(html, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
