"""Grading: the student's files beside pristine ones in a temporary folder, run, and judged hole by hole."""

from __future__ import annotations

import ast
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weft.lab.lock import FACTOR, Lock, Measured, reference
from weft.lab.markers import LabError, definitions, owner
from weft.lab.process import CheckResult, GradingRun, execute
from weft.lab.sources import SourceProblem, judge, line_of
from weft.lab.tree import GRADER, Lab

PASS, FAIL, UNWRITTEN, WAITS, UNCHECKED = "pass", "fail", "not written", "waits", "not checked"
UNUSABLE = "the check could not use what your code gave: "
"""Stands before an exception that came up past the student's code."""


@dataclass(frozen=True)
class CheckFailure:
    """Why a hole fails. ``kind`` is difference, error, no answer, over a limit, crash or too slow; the place is the
    student's."""

    kind: str
    what: str
    expected: str | None = None
    actual: str | None = None
    file: str | None = None
    line: int | None = None
    code: str | None = None


@dataclass(frozen=True)
class HoleOutcome:
    """What grading found out about one hole; ``check`` is the title of the check it failed at.

    ``waits_since`` says why the hole that it waits for is in the way: that one is ``not written``, or it ``fails``.
    """

    hole: str
    status: str
    check: str | None = None
    failure: CheckFailure | None = None
    waits_for: str | None = None
    printed: str = ""
    measured: tuple[Measured, ...] = ()
    waits_since: str | None = None


@dataclass(frozen=True)
class GradedLab:
    """A graded lab. ``problems`` kept the files from being run at all; ``warnings`` are about the lab itself."""

    lab: str
    outcomes: tuple[HoleOutcome, ...]
    problems: tuple[SourceProblem, ...] = ()
    printed: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True if every hole passes."""
        return not self.problems and all(outcome.status == PASS for outcome in self.outcomes)

    def outcome(self, hole: str) -> HoleOutcome:
        """The outcome of a hole."""
        return next(outcome for outcome in self.outcomes if outcome.hole == hole)


@dataclass(frozen=True)
class Attempt:
    """Sources of a lab's files to grade; ``only`` the checks of these holes if given."""

    sources: Mapping[str, str]
    only: Sequence[str] | None = None


def grade(
    lab: Lab,
    sources: Mapping[str, str],
    lock: Lock | None,
    seconds: float | None = None,
    *,
    hole: str | None = None,
    unwanted: Callable[[], bool] | None = None,
) -> GradedLab:
    """Grade one set of files, or one ``hole`` of them (and, unseen, what it builds on).

    Raises LabError if the lab itself is at fault, Abandoned once ``unwanted()`` is true.
    """
    only = None if hole is None else [name for name in lab.tasks if name in lab.foundations(hole) | {hole}]
    report = grade_all(lab, [Attempt(sources, only)], lock, seconds, unwanted)[0]
    return report if hole is None else replace(report, outcomes=(report.outcome(hole),))


def grade_all(
    lab: Lab,
    attempts: Sequence[Attempt],
    lock: Lock | None,
    seconds: float | None = None,
    unwanted: Callable[[], bool] | None = None,
) -> list[GradedLab]:
    """Grade several sets of files in one process, each in a folder of its own."""
    runs = run_all(lab, attempts, seconds, unwanted)
    return [
        _report(lab, attempt, run, lock) if isinstance(run, GradingRun) else _refused(lab, run)
        for attempt, run in zip(attempts, runs, strict=True)
    ]


def run_all(
    lab: Lab, attempts: Sequence[Attempt], seconds: float | None, unwanted: Callable[[], bool] | None = None
) -> list[GradingRun | tuple[SourceProblem, ...]]:
    """Run the checks on each set of files; the problems instead where files cannot be run."""
    with tempfile.TemporaryDirectory(prefix=f"weft-{lab.name}-") as scratch:
        names = [hole.name for hole in lab.holes]
        foundations = {name: lab.foundations(name) for name in names}
        owners = {hole.name: owner(lab.text(hole.file), hole.name, hole.file) for hole in lab.holes}
        functions = {file: _functions(lab.text(file)) for file in lab.files}
        runs: list[GradingRun | tuple[SourceProblem, ...]] = []
        for number, attempt in enumerate(attempts):
            if problems := judge(lab, attempt.sources):
                runs.append(problems)
                continue
            folder = Path(scratch).resolve() / str(number)
            assemble(lab, attempt.sources, folder)
            only = names if attempt.only is None else attempt.only
            runs.append(GradingRun(folder, lab.files, names, only, foundations, owners, functions))
        execute([run for run in runs if isinstance(run, GradingRun)], seconds or lab.seconds, unwanted)
        return runs


def _functions(text: str) -> list[str]:
    return [name for name, node in definitions(text) if not isinstance(node, ast.ClassDef)]


def assemble(lab: Lab, sources: Mapping[str, str], folder: Path) -> None:
    """Put the student's files beside pristine given files and the pristine grader."""
    folder.mkdir()
    for path in (*lab.given, lab.folder / GRADER):
        shutil.copyfile(path, folder / path.name)
    for file, text in sources.items():
        (folder / file).write_text(text, encoding="utf-8")


def _refused(lab: Lab, problems: tuple[SourceProblem, ...]) -> GradedLab:
    return GradedLab(lab.name, tuple(HoleOutcome(hole.name, UNCHECKED) for hole in lab.holes), problems)


def _report(lab: Lab, attempt: Attempt, run: GradingRun, lock: Lock | None) -> GradedLab:
    holes = [hole.name for hole in lab.holes if attempt.only is None or hole.name in attempt.only]
    if run.broken is not None:
        return _broken(lab, run, holes)
    for name in run.checks or ():
        if name not in lab.tasks:
            raise LabError(f"{lab.folder / GRADER}: a check grades '{name}', which is no hole of lab.toml")
    for name in lab.tasks:
        if name not in (run.checks or ()):
            raise LabError(f"{lab.folder / GRADER}: no check grades the hole '{name}'")
    results: dict[str, list[CheckResult]] = {hole: [] for hole in holes}
    for result in run.results:
        results[result.hole].append(result)
    outcomes: dict[str, HoleOutcome] = {}
    for hole in holes:
        found = _outcome(lab, attempt.sources, hole, results[hole], lock)
        cause = next((name for name in holes if name in lab.foundations(hole) and outcomes[name].status == FAIL), None)
        if cause is not None and (found.status == FAIL or run.hopeless(hole)):
            found = HoleOutcome(hole, WAITS, None, None, cause, found.printed, waits_since="fails")
        outcomes[hole] = found
    return GradedLab(lab.name, tuple(outcomes.values()), printed=run.printed)


def _broken(lab: Lab, run: GradingRun, holes: Sequence[str]) -> GradedLab:
    """The grader could not even be loaded: something at the top of the student's files failed, or of the grader."""
    value = run.broken or {}
    if value["kind"] == "unwritten":
        return GradedLab(lab.name, tuple(_blocked(hole, value["hole"], None) for hole in holes), printed=run.printed)
    failure = _failure(value)
    if value["kind"] in ("error", "difference") and not value["student"]:
        raise LabError(f"{lab.folder / GRADER}: cannot be loaded: {failure.what.removeprefix(UNUSABLE)}")
    file = failure.file or ", ".join(lab.files)
    problem = SourceProblem(file, failure.line, f"while loading: {failure.what}", failure.code)
    outcomes = tuple(HoleOutcome(hole, UNCHECKED) for hole in holes)
    return GradedLab(lab.name, outcomes, (problem,), run.printed)


def _blocked(hole: str, unwritten: str, check: str | None, printed: str = "") -> HoleOutcome:
    if unwritten == hole:
        return HoleOutcome(hole, UNWRITTEN, check, printed=printed)
    return HoleOutcome(hole, WAITS, check, None, unwritten, printed, waits_since="not written")


def _outcome(
    lab: Lab, sources: Mapping[str, str], hole: str, results: Sequence[CheckResult], lock: Lock | None
) -> HoleOutcome:
    measured: list[Measured] = []
    printed = "".join(result.printed for result in results)
    for result in results:
        value, failure = result.value, None
        if value["kind"] == "pass":
            continue
        if value["kind"] == "unwritten":
            return _blocked(hole, value["hole"], result.title, printed)
        if value["kind"] == "measured":
            row = reference(lock, lab.folder.parent, lab.name, hole, value["what"])
            figure = Measured(value["what"], value["cycles"], row.cycles, value["bound"])
            measured.append(figure)
            failure = _too_slow(figure)
        else:
            failure = _failure(value)
        if failure is not None:
            if not value.get("student"):
                file, line = line_of(lab, sources, hole)
                failure = CheckFailure(failure.kind, failure.what, failure.expected, failure.actual, file, line)
            return HoleOutcome(hole, FAIL, result.title, failure, None, printed, tuple(measured))
    return HoleOutcome(hole, PASS, None, None, None, printed, tuple(measured))


def _too_slow(figure: Measured) -> CheckFailure | None:
    if figure.mark == "impossible":
        least = f"at least {figure.bound:,} cycles: nothing can be faster"
        return CheckFailure("difference", figure.what, least, f"{figure.cycles:,} cycles")
    if figure.mark == "slow":
        most = f"at most {figure.limit:,} cycles ({FACTOR} × the reference's {figure.reference:,})"
        return CheckFailure("too slow", figure.what, most, f"{figure.cycles:,} cycles")
    return None


def _failure(value: Mapping[str, Any]) -> CheckFailure:
    place = {key: value.get(key) for key in ("file", "line", "code")}
    if value["kind"] == "difference":
        return CheckFailure("difference", value["what"], value["expected"], value["actual"], **place)
    if value["kind"] == "no answer":
        what = f"no answer after {value['seconds']:g} s: a loop without end, or too slow?"
        return CheckFailure("no answer", what, **place)
    if value["kind"] == "over":
        return CheckFailure("over a limit", value["text"], **place)
    if value["kind"] == "crash":
        what = f"Python itself died (exit code {value['exit']}) {value['text']}".strip()
        return CheckFailure("crash", what, **place)
    text = f"{value['type']}: {value['text']}".removesuffix(": ")
    if not value["student"] and value["file"] is not None:
        text = f"{UNUSABLE}{text} (in {value['file']}:{value['line']})"
    return CheckFailure("error", text, **place)


def told(value: Mapping[str, Any]) -> str:
    """What the runner reports of a check, in one line for those who write labs."""
    if value["kind"] == "unwritten":
        return f"'{value['hole']}' is not written"
    failure = _failure(value)
    compared = "" if failure.expected is None else f": expected {failure.expected}, got {failure.actual}"
    place = "" if failure.file is None else f" (at {failure.file}:{failure.line})"
    return f"{failure.what}{compared}{place}"
