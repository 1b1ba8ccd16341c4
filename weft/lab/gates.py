"""The gates every hole of a lab passes before students see it: what its checks accept, and what they must not.

For each hole: the solution passes; with that hole alone stripped exactly it is *not written* and every other passes or
waits for it; at least three planted wrong solutions each fail, at a check of that very hole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weft.lab.grading import FAIL, PASS, UNUSABLE, UNWRITTEN, WAITS, Attempt, GradedLab, grade_all
from weft.lab.lock import Lock
from weft.lab.markers import replace, strip
from weft.lab.mistakes import Mistake, mistakes, path_of
from weft.lab.tree import Lab

MISTAKES = 3
"""The least number of planted wrong solutions of a hole."""
SECONDS = 120
"""Time limit of a check here: nothing is meant to hang, and kernels may be compiled on a busy computer meanwhile."""


def solution(lab: Lab) -> dict[str, str]:
    """The lab's files as they stand in the tree."""
    return {file: lab.text(file) for file in lab.files}


def gate(lab: Lab, hole: str, lock: Lock | None) -> list[str]:
    """What is wrong with a hole's starter and planted mistakes; empty if all is as it must be."""
    file, planted = lab.hole(hole).file, mistakes(lab, hole)
    whole = solution(lab)
    starter = whole | {file: strip(whole[file], lab.tasks, file, only={hole})}
    attempts = [Attempt(starter)]
    for mistake in planted:
        attempts.append(Attempt(whole | {file: replace(whole[file], hole, mistake.text, file)}, only=[hole]))
    reports = grade_all(lab, attempts, lock, SECONDS)
    found = _starter_problems(hole, reports[0])
    if len(planted) < MISTAKES:
        place = path_of(lab, hole).relative_to(lab.folder)
        found.append(f"{place} holds {len(planted)} planted mistakes; at least {MISTAKES} are needed")
    for mistake, report in zip(planted, reports[1:], strict=True):
        found += _mistake_problems(mistake, report)
    return found


def gate_solution(report: GradedLab) -> list[str]:
    """What is wrong with the graded solution; empty if every hole passes."""
    return [f"the solution: {problem}" for problem in report.problems] + [
        f"the solution does not pass at {outcome.hole}: {outcome.status}: {outcome.failure}"
        for outcome in report.outcomes
        if outcome.status != PASS
    ]


def _starter_problems(hole: str, report: GradedLab) -> list[str]:
    found = [f"the starter without {hole}: {problem}" for problem in report.problems]
    for outcome in report.outcomes:
        unharmed = outcome.status == PASS or (outcome.status == WAITS and outcome.waits_for == hole)
        if not (outcome.status == UNWRITTEN if outcome.hole == hole else unharmed):
            told = outcome.failure.what if outcome.failure else outcome.waits_for
            found.append(f"with {hole} stripped, {outcome.hole} is '{outcome.status}' ({told})")
    return found


def _mistake_problems(mistake: Mistake, report: GradedLab) -> list[str]:
    if report.problems:
        return [f"{mistake}: {report.problems[0]}"]
    outcome = report.outcome(mistake.hole)
    if outcome.status != FAIL or outcome.failure is None:
        return [f"{mistake}: expected to fail, is '{outcome.status}'"]
    kind = outcome.failure.kind
    if kind == "error" and outcome.failure.what.removeprefix(UNUSABLE).partition(":")[0] not in mistake.why:
        told = "fails by accident, not at a check (meant so? name the exception in its why)"
        return [f"{mistake}: {told}: {outcome.failure.what}"]
    if kind in ("no answer", "over", "crash"):
        return [f"{mistake}: {outcome.failure.what}; plant a mistake that a check sees quickly"]
    return []


def summary(problems: Mapping[str, Sequence[str]]) -> str:
    """The problems of several holes as lines."""
    return "\n".join(f"{name}: {problem}" for name, found in problems.items() for problem in found)
