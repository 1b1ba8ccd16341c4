"""``weft compare``: two results of ``weft report``, figure by figure, with a limit for getting worse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weft.cli.options import InputFile, json_option, print_json
from weft.cli.printing import say

if TYPE_CHECKING:
    from weft.reports.compare import Figure, ReportComparison

    _Base = click.ParamType[float]
else:
    _Base = click.ParamType


class _Share(_Base):
    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 <= share < math.inf:
            self.fail(f"'{value}' is no share; give one such as 2% or 0.02", param, ctx)
        if share >= 1 and not text.endswith("%"):
            self.fail(f"'{text}' would be {100 * share:g} %; for {text} in a hundred write {text}%", param, ctx)
        return share


@click.command("compare")
@click.argument("before", type=InputFile("RESULT"), metavar="A.json")
@click.argument("after", type=InputFile("RESULT"), metavar="B.json")
@click.option(
    "--max-regress", "limit", type=_Share(), default=None, metavar="2%",
    help="Exit 1 if cycles, utilisation or DRAM bytes got worse by more than that.",
)  # fmt: skip
@json_option
def command(before: Path, after: Path, limit: float | None, as_json: bool) -> None:
    """Compare two results (result.json of `weft report`) of the same workload, on the same machine or not.

    Only figures that every run repeats exactly are compared; seconds of this computer are not. Exit 2 if the workloads
    differ.
    """
    from weft.reports.compare import compare
    from weft.reports.result import load

    found = compare(load(before), load(after), (str(before), str(after)))
    worse = found.regressions(limit) if limit is not None else []
    if as_json:
        print_json(_plain(found, limit, worse))
    else:
        say("\n".join(_lines(found)))
    if worse and limit is not None:
        told = "; ".join(f"{f.name} from {_value(f, f.before)} to {_value(f, f.after)} ({_change(f)})" for f in worse)
        say(f"worse by more than {100 * limit:g} %: {told}", err=True)
        raise click.exceptions.Exit(1)


def _plain(found: ReportComparison, limit: float | None, worse: Sequence[Figure]) -> dict[str, Any]:
    return {
        "schema": 1,
        "workload": dict(found.workload),
        "machines": list(found.machines),
        "machine_changes": [{"key": key, "before": a, "after": b} for key, a, b in found.machine_changes],
        "figures": [figure.to_dict() for figure in found.figures],
        "operators": [
            {"name": name, "figures": [figure.to_dict() for figure in figures]} for name, figures in found.operators
        ],
        "only_before": list(found.only_before),
        "only_after": list(found.only_after),
        "equal": found.equal,
        "max_regress": limit,
        "regressions": [figure.name for figure in worse],
    }


def _lines(found: ReportComparison) -> Iterator[str]:
    workload = found.workload
    batch = f", batch {workload['batch']}" if workload["batch"] else ""
    yield f"{workload['model']}, {workload['step']}{batch}, on {' and '.join(dict.fromkeys(found.machines))}"
    for key, a, b in found.machine_changes:
        if key != "name":
            yield f"  {key}: {a} → {b}"
    if found.equal:
        yield f"equal in every figure: {found.figures[0].before:,} cycles"
        return
    yield ""
    yield from _table([("", "before", "after", "change"), *map(_row, found.figures)])
    changed = [(name, figures) for name, figures in found.operators if any(f.before != f.after for f in figures)]
    if changed:
        yield "\noperators that changed:"
        rows = [
            (name if not place else "", *_row(figure))
            for name, figures in changed
            for place, figure in enumerate(f for f in figures if f.before != f.after)
        ]
        yield from _table([("operator", "", "before", "after", "change"), *rows], words=2)
    for side, names in (("first", found.only_before), ("second", found.only_after)):
        if names:
            yield f"\nonly in the {side}:"
            yield from (f"  {name}" for name in names)


def _row(figure: Figure) -> tuple[str, ...]:
    return figure.name, _value(figure, figure.before), _value(figure, figure.after), _change(figure)


def _value(figure: Figure, value: float) -> str:
    return f"{value:.2%}" if figure.key == "utilisation" else f"{value:,}"


def _change(figure: Figure) -> str:
    if figure.before == figure.after:
        return "="
    return "new" if figure.change is None else f"{figure.change:+.2%}"


def _table(rows: Sequence[Sequence[str]], words: int = 1) -> Iterable[str]:
    """Aligned columns; the first ``words`` of them to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
