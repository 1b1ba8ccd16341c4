"""The gates every hole of a lab passes before students see it: what its checks accept, and what they must not.

For each hole: the solution passes; with that hole alone stripped exactly it is *not written* and every other passes or
waits for it; at least three planted wrong solutions each fail, at a check of that very hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from weft.lab.grading import FAIL, PASS, UNUSABLE, UNWRITTEN, WAITS, Attempt, Report, grade_all
from weft.lab.lock import Lock
from weft.lab.markers import replace, strip
from weft.lab.tree import Lab

MISTAKES = 3
"""The least number of planted wrong solutions of a hole."""
SECONDS = 120
"""Time limit of a check here: nothing is meant to hang, and kernels may be compiled on a busy computer meanwhile."""


def solution(lab: Lab) -> dict[str, str]:
    """The lab's files as they stand in the tree."""
    return {file: lab.text(file) for file in lab.files}


def wrong(lab: Lab, hole: str) -> list[Path]:
    """The planted wrong solutions of a hole, by name."""
    return sorted((lab.folder / "wrong" / hole).glob("*.py"))


def gate(lab: Lab, hole: str, lock: Lock | None) -> list[str]:
    """What is wrong with a hole's starter and planted mistakes; empty if all is as it must be."""
    file, mistakes = lab.hole(hole).file, wrong(lab, hole)
    whole = solution(lab)
    starter = whole | {file: strip(whole[file], lab.tasks, file, only={hole})}
    attempts = [Attempt(starter)]
    for path in mistakes:
        body = path.read_text(encoding="utf-8")
        attempts.append(Attempt(whole | {file: replace(whole[file], hole, body, file)}, only=[hole]))
    reports = grade_all(lab, attempts, lock, SECONDS)
    found = _starter_problems(hole, reports[0])
    if len(mistakes) < MISTAKES:
        found.append(f"wrong/{hole} holds {len(mistakes)} planted mistakes; at least {MISTAKES} are needed")
    for path, report in zip(mistakes, reports[1:], strict=True):
        found += _mistake_problems(f"wrong/{hole}/{path.name}", path.read_text(encoding="utf-8"), hole, report)
    return found


def gate_solution(report: Report) -> list[str]:
    """What is wrong with the graded solution; empty if every hole passes."""
    return [f"the solution: {problem}" for problem in report.problems] + [
        f"the solution does not pass at {outcome.hole}: {outcome.status}: {outcome.failure}"
        for outcome in report.outcomes
        if outcome.status != PASS
    ]


def strays(lab: Lab) -> list[str]:
    """Folders in ``wrong`` that belong to no hole."""
    return [
        f"wrong/{path.name} belongs to no hole"
        for path in sorted((lab.folder / "wrong").glob("*"))
        if path.is_dir() and path.name != "__pycache__" and path.name not in lab.tasks
    ]


def _starter_problems(hole: str, report: Report) -> list[str]:
    found = [f"the starter without {hole}: {problem}" for problem in report.problems]
    for outcome in report.outcomes:
        unharmed = outcome.status == PASS or (outcome.status == WAITS and outcome.waits_for == hole)
        if not (outcome.status == UNWRITTEN if outcome.hole == hole else unharmed):
            told = outcome.failure.what if outcome.failure else outcome.waits_for
            found.append(f"with {hole} stripped, {outcome.hole} is '{outcome.status}' ({told})")
    return found


def _mistake_problems(name: str, text: str, hole: str, report: Report) -> list[str]:
    first = text.lstrip().partition("\n")[0]
    if not first.startswith("#"):
        return [f"{name}: its first line must be a comment that says the mistake"]
    if report.problems:
        return [f"{name}: {report.problems[0]}"]
    outcome = report.outcome(hole)
    if outcome.status != FAIL or outcome.failure is None:
        return [f"{name}: expected to fail, is '{outcome.status}'"]
    kind = outcome.failure.kind
    if kind == "error" and outcome.failure.what.removeprefix(UNUSABLE).partition(":")[0] not in first:
        told = "fails by accident, not at a check (meant so? name the exception in the first line)"
        return [f"{name}: {told}: {outcome.failure.what}"]
    if kind in ("no answer", "over", "crash"):
        return [f"{name}: {outcome.failure.what}; plant a mistake that a check sees quickly"]
    return []


def summary(problems: Mapping[str, Sequence[str]]) -> str:
    """The problems of several holes as lines."""
    return "\n".join(f"{name}: {problem}" for name, found in problems.items() for problem in found)
