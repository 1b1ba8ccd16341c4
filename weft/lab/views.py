"""What the lab commands show: outcomes for people (rich) and as plain data (JSON)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from weft.lab.grading import FAIL, PASS, UNCHECKED, UNWRITTEN, WAITS, GradedLab, HoleOutcome
from weft.lab.lock import Measured
from weft.lab.tree import Lab

SCHEMA = 1
STYLE = {PASS: "green", FAIL: "bold red", UNWRITTEN: "yellow", WAITS: "dim", UNCHECKED: "dim"}
MARKS = {
    "beats": "beats the reference",
    "full": "full marks",
    "pass": "passes",
    "slow": "too slow",
    "impossible": "below the bound",
}
SHOWN = 40
"""Lines of a student's output that are shown for one hole."""
INDENT, BESIDE = 6, 16
"""Columns before what is said of a hole, and before further lines of a value, which stand below its first."""


def console() -> Console:
    """Stdout, plain where it is no terminal; lines are not broken there, unless COLUMNS says where."""
    found = Console(highlight=False)
    if found.is_terminal:
        return found
    return Console(highlight=False, width=None if os.environ.get("COLUMNS") else 1000, no_color=True)


def show_labs(out: Console, labs: Sequence[Lab]) -> None:
    """The labs as a table, without blanks at the end of lines."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("lab", "hours", "holes", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for lab in labs:
        needs = f" (needs {', '.join(lab.needs)})" if lab.needs else ""
        about = Text.assemble((lab.title, "bold"), f": {lab.summary}{needs}")
        table.add_row(lab.name, lab.hours, str(len(lab.holes)), about)
    with out.capture() as shown:
        out.print(table)
    for line in shown.get().splitlines():
        out.out(line.rstrip())


def labs_data(labs: Sequence[Lab]) -> dict[str, Any]:
    """The labs as plain data."""
    keys = ("name", "number", "title", "summary", "hours", "files", "needs")
    rows = [{key: getattr(lab, key) for key in keys} | {"holes": list(lab.tasks)} for lab in labs]
    return {"schema": SCHEMA, "labs": rows}


def show_report(out: Console, lab: Lab, report: GradedLab) -> None:
    """A graded lab, hole by hole."""
    out.print(Text.assemble((f"{lab.name}: {lab.title}", "bold")))
    for warning in report.warnings:
        out.print(Text.assemble(("  warning  ", "bold yellow"), warning))
    for problem in report.problems:
        out.print(Text.assemble(("  cannot run  ", "bold red"), str(problem)))
        if problem.code:
            out.print(Text(f"      {problem.code}", "dim"))
    width = max(len(hole.name) for hole in lab.holes)
    for outcome in report.outcomes:
        out.print(_headline(lab, outcome, width))
        for text in _details(outcome):
            for number, line in enumerate(text.split("\n")):
                out.print(Text(" " * (BESIDE if number else INDENT)).append(line))
    if report.printed:
        _show_printed(out, "while loading", report.printed)
    count = sum(outcome.status == PASS for outcome in report.outcomes)
    told = f"{count} of {len(report.outcomes)} holes pass"
    if len(report.outcomes) < len(lab.holes):
        told = f"{told}; the others were not checked"
    out.print(Text(told, "bold green" if report.passed else "bold"))


def _headline(lab: Lab, outcome: HoleOutcome, width: int) -> Text:
    status = outcome.status
    if status == WAITS:
        status = f"waits for {outcome.waits_for}" + (" (which fails)" if outcome.waits_since == "fails" else "")
    told = {UNWRITTEN: lab.hole(outcome.hole).task, FAIL: f"{outcome.check}"}.get(outcome.status, "")
    line = Text.assemble(f"  {outcome.hole:{width}}  ", (status, STYLE[outcome.status]), f"  {told}".rstrip())
    if outcome.status == UNWRITTEN:
        line.append(f"  ({lab.hole(outcome.hole).file})", "dim")
    return line


def _details(outcome: HoleOutcome) -> list[Text]:
    lines: list[Text] = []
    failure = outcome.failure
    if failure is not None:
        lines.append(Text(failure.what))
        if failure.expected is not None:
            lines.append(Text.assemble(("expected  ", "green"), failure.expected))
            lines.append(Text.assemble(("actual    ", "red"), failure.actual or ""))
        if failure.file is not None:
            place = failure.file if failure.line is None else f"{failure.file}:{failure.line}"
            lines.append(Text.assemble((f"at {place}", "bold"), f"  {failure.code}" if failure.code else ""))
    lines += [_figure(figure) for figure in outcome.measured if figure.mark not in ("slow", "impossible")]
    if outcome.printed:
        text = outcome.printed.rstrip("\n").splitlines()
        more = [f"… ({len(text) - SHOWN} lines more)"] if len(text) > SHOWN else []
        lines += [Text.assemble(("printed   ", "cyan"), line) for line in text[:SHOWN] + more]
    return lines


def _figure(figure: Measured) -> Text:
    ratio = f"{figure.cycles / figure.reference:.2f} × the reference's {figure.reference:,}"
    text = f"{figure.what}: {figure.cycles:,}, {ratio}; bound {figure.bound:,}: "
    return Text.assemble(text, (MARKS[figure.mark], "green"))


def _show_printed(out: Console, when: str, printed: str) -> None:
    for line in printed.rstrip("\n").splitlines()[:SHOWN]:
        out.print(Text.assemble((f"  printed {when}  ", "cyan"), line))


def report_data(report: GradedLab) -> dict[str, Any]:
    """A graded lab as plain data."""
    return {
        "schema": SCHEMA,
        "lab": report.lab,
        "passed": report.passed,
        "warnings": list(report.warnings),
        "problems": [dataclasses.asdict(problem) for problem in report.problems],
        "printed": report.printed,
        "holes": [_outcome_data(outcome) for outcome in report.outcomes],
    }


def _outcome_data(outcome: HoleOutcome) -> dict[str, Any]:
    data = dataclasses.asdict(outcome)
    data["measured"] = [dataclasses.asdict(figure) | {"mark": figure.mark} for figure in outcome.measured]
    return {"name": data.pop("hole")} | data
