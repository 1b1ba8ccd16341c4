"""Advice in lines of text: what was measured, what came of the rest, and what the figures show that nobody tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weft.reports.trials import LEAST

FINDINGS = 3
"""So many findings in text; a page shows all."""


def advice_lines(accelerator: Mapping[str, Any]) -> list[str]:
    """The advice, trials and findings of a result's ``accelerator``, for a terminal."""
    return list(_lines(accelerator["advice"], accelerator["trials"], accelerator["findings"]))


def rest(trials: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What came of the changes that are no advice: (what holds for all of them, each in words)."""
    if trials["no_gain"]:
        costs = [f"{_short(one['title'])}, {-one['saving']:+,} cycles" for one in trials["no_gain"]]
        yield f"tried, and saves less than {LEAST:.1%}", costs
    if trials["impossible"]:
        yield "cannot be", [f"{_short(one['title'])} ({one['why']})" for one in trials["impossible"]]
    if trials["not_tried"]:
        yield "not tried (--tries all tries them)", [_short(title) for title in trials["not_tried"]]


def _short(title: str) -> str:
    return title.partition(" (now ")[0]


def _lines(advice: list[Any], trials: Mapping[str, Any], findings: list[Any]) -> Iterator[str]:
    if advice:
        yield f"advice, by measured saving in cycles ({trials['how']}):"
        yield from (f"  {one['saving']:>9,} {one['share']:>6.1%}  {one['title']}" for one in advice)
    for heading, words in rest(trials):
        yield f"{heading}: {'; '.join(words)}"
    if findings:
        yield "seen in the figures, by cycles concerned (not tried, no saving is promised):"
        yield from (f"  {one['concerned']:>9,} {one['share']:>6.1%}  {one['title']}" for one in findings[:FINDINGS])
        if len(findings) > FINDINGS:
            yield f"  and {len(findings) - FINDINGS} more on the page"
