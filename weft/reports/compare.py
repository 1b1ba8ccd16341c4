"""Two results side by side: the figures that are the same in every run of the same program, and how they changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.reports.metrics import METRICS
from weft.reports.names import placeless
from weft.reports.occupancy import MEMORIES
from weft.reports.result import Result, ResultError
from weft.reports.schema import EVENT_CYCLES

WORKLOAD = ("model", "step", "batch", "useful_macs", "graph")
"""What must be the same for a comparison to mean anything."""


@dataclass(frozen=True)
class Figure:
    """``name`` was ``before`` and is ``after``. ``key``: its metric. ``better``: 1 if more is better, -1 if less, 0 if
    it only explains (no limit applies to it)."""

    name: str
    key: str
    before: float
    after: float
    better: int = 0

    @property
    def change(self) -> float | None:
        """(after − before) ÷ before; None from nothing to something."""
        if self.before == self.after:
            return 0.0
        return (self.after - self.before) / self.before if self.before else None

    def worse_by_more_than(self, limit: float) -> bool:
        """Whether it got worse by more than the share ``limit`` of what it was."""
        worse = -self.better * (self.after - self.before)
        return self.better != 0 and worse > limit * self.before * (1 + 1e-9)  # a share is not exact

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name, "unit": METRICS[self.key].unit, "before": self.before, "after": self.after,
            "change": self.change,
        }  # fmt: skip


@dataclass(frozen=True)
class ReportComparison:
    """``figures`` of the whole run, those judged first; ``operators``: for each found in both, its figures; the names
    of those found in one alone; what differs between the ``machines`` (dotted key, before, after)."""

    workload: Mapping[str, Any]
    machines: tuple[str, str]
    machine_changes: Sequence[tuple[str, Any, Any]]
    figures: Sequence[Figure]
    operators: Sequence[tuple[str, Sequence[Figure]]]
    only_before: Sequence[str]
    only_after: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether nothing changed."""
        every = [*self.figures, *(figure for _, figures in self.operators for figure in figures)]
        return not self.only_before and not self.only_after and all(f.before == f.after for f in every)

    def regressions(self, limit: float) -> list[Figure]:
        """The judged figures that got worse by more than the share ``limit``."""
        return [figure for figure in self.figures if figure.worse_by_more_than(limit)]


def compare(before: Result, after: Result, names: tuple[str, str] = ("the first", "the second")) -> ReportComparison:
    """Compare two valid results. Raises ResultError if they are of different workloads (naming what differs), or if
    one has no accelerator; what was measured on the host in seconds is left out."""
    differing = [key for key in WORKLOAD if before["workload"][key] != after["workload"][key]]
    if differing:
        told = "; ".join(
            f"{key} is {_short(before['workload'][key])} in {names[0]}, {_short(after['workload'][key])} in {names[1]}"
            for key in differing
        )
        raise ResultError(f"different workloads cannot be compared: {told}")
    for result, name in ((before, names[0]), (after, names[1])):
        if result["accelerator"] is None:
            raise ResultError(
                f"{name} has no figures of the accelerator, and only those are the same in every run; make it with "
                "--device accel"
            )
    a, b = before["accelerator"], after["accelerator"]
    matched, only_before, only_after = _matched(a["operators"], b["operators"])
    return ReportComparison(
        before["workload"],
        (a["machine"]["name"], b["machine"]["name"]),
        list(_machine_changes(a["machine"], b["machine"])),
        list(_figures(a, b)),
        [(name, list(_operator_figures(first, second))) for name, first, second in matched],
        only_before,
        only_after,
    )


def _figures(a: Result, b: Result) -> Iterator[Figure]:
    yield Figure("cycles", "cycles", a["cycles"], b["cycles"], -1)
    yield Figure("utilisation", "utilisation", a["utilisation"], b["utilisation"], 1)
    first, second = (sum(sum(one["dram"][stream]) for stream in ("read", "write", "fetch")) for one in (a, b))
    yield Figure("DRAM bytes", "dram_traffic", first, second, -1)
    for stream, text in (("read", "loaded"), ("write", "stored"), ("fetch", "of instructions")):
        yield Figure(f"DRAM bytes {text}", "dram_traffic", sum(a["dram"][stream]), sum(b["dram"][stream]))
    for memory in MEMORIES:
        peaks = [one["memories"][memory]["peak"]["bytes"] for one in (a, b)]
        yield Figure(f"{memory} peak", "live_bytes", *peaks)
    for unit, causes in EVENT_CYCLES.items():
        for cause in causes:
            cycles, later = (one["events"][unit][cause] for one in (a, b))
            if cycles or later:
                yield Figure(f"{unit}.{cause}", "events", cycles, later)


def _operator_figures(a: Result, b: Result) -> Iterator[Figure]:
    for key in ("active", "floor", "dram_bytes", "instructions"):
        yield Figure(METRICS[key].name, key, a[key], b[key])


def _matched(
    a: Sequence[Result], b: Sequence[Result]
) -> tuple[list[tuple[str, Result, Result]], list[str], list[str]]:
    """Operators of the same name (lines of code aside), the n-th of a name with the n-th; and the names left over on
    each side."""

    def numbered(operators: Sequence[Result]) -> dict[tuple[str, int], Result]:
        seen: Counter[str] = Counter()
        found = {}
        for operator in operators:
            name = placeless(operator["name"])
            found[name, seen[name]] = operator
            seen[name] += 1
        return found

    first, second = numbered(a), numbered(b)
    pairs = [(operator["name"], operator, second[key]) for key, operator in first.items() if key in second]
    only_first = [operator["name"] for key, operator in first.items() if key not in second]
    only_second = [operator["name"] for key, operator in second.items() if key not in first]
    return pairs, only_first, only_second


def _machine_changes(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys((*a, *b)):
        first, second = a.get(key), b.get(key)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            yield from _machine_changes(first, second, f"{prefix}{key}.")
        elif first != second:
            yield prefix + key, first, second


def _short(value: Any) -> str:
    return f"{value[:12]}…" if isinstance(value, str) and len(value) > 40 else str(value)
