"""Random programs that change tensors in place leave what they do under torch: values, gradients, refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.framework.comparing import translated
from tests.framework.in_place_programs import LENIENT, Program, is_stated, read, text_of, written
from tests.sampling import sampled

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
torch = pytest.importorskip("torch", reason="torch is the oracle of its own semantics")


@dataclass
class Left:
    """What a program leaves: the error of each statement and of ``backward``, values, gradients."""

    outcomes: list[str | None]
    values: dict[str, Any]
    gradients: dict[str, Any]


def left_by(program: Program, text: str) -> Left:
    """Run a program."""
    bound: dict[str, Any] = {}
    exec(compile(text, "<program>", "exec"), bound)
    taken = {s for s, error in zip(program.statements, bound["outcomes"], strict=False) if error is None}
    held = {name: t for name, t in bound["held"].items() if read(name) in taken}
    values = {name: t.detach().numpy().copy() for name, t in held.items()}
    gradients = {name: t.detach().numpy().copy() for name, t in bound["gradients"].items()}
    return Left(bound["outcomes"], values, gradients)


def both(program: Program, traced: bool) -> tuple[Program, Left, Left]:
    """What both libraries leave, without the statements that one refuses by a rule of its own."""
    while True:
        theirs = left_by(program, text_of(program))
        ours = left_by(program, translated(text_of(program, traced)))
        dropped = {
            statement
            for statement, one, other in zip(program.statements, theirs.outcomes, ours.outcomes, strict=False)
            if (one is None) != (other is None) and is_stated(statement, one or other or "")
        }
        if not dropped:
            return program, theirs, ours
        program = program.without(dropped)


def differences(program: Program, theirs: Left, ours: Left) -> list[str]:
    """What is not the same."""
    found: list[str] = []
    statements = [*program.statements, "backward"]
    for statement, one, other in zip(statements, theirs.outcomes, ours.outcomes, strict=True):
        if (one is None) != (other is None):
            found.append(f"{statement}: {str(one)[:250]} and {str(other)[:250]}")
    if found == [f for f in found if f.startswith("backward")] and ours.outcomes[-1] is None and found:
        error = str(theirs.outcomes[-1])
        kept = "modified by an inplace operation" in error
        excused = is_stated("", error) or (kept and any(re.search(p, s) for s in program.statements for p in LENIENT))
        return [] if excused else found
    for name, value in theirs.values.items():
        if not np.allclose(ours.values.get(name, np.nan), value, 1e-3, 1e-4, equal_nan=True):
            found.append(f"{name} is {ours.values.get(name)}, not {value}")
    for name, gradient in theirs.gradients.items() if theirs.outcomes[-1] is None else ():
        given = ours.gradients.get(name, np.zeros(()))
        if not np.allclose(given, gradient, 1e-2, 1e-3, equal_nan=True):
            found.append(f"the gradient of {name} is {given.tolist()}, not {gradient.tolist()}")
    return found


def check(seed: int, traced: bool) -> None:
    program, theirs, ours = both(written(seed, traced), traced)
    found = differences(program, theirs, ours)
    assert not found, "\n".join([*program.setup, *program.statements, *found])


@pytest.mark.parametrize("seed", sampled(range(400), 80))
def test_a_program_leaves_what_it_leaves_under_torch(seed: int) -> None:
    check(seed, traced=False)


@pytest.mark.parametrize("seed", sampled(range(1000, 1200), 30))
def test_a_jitted_program_leaves_what_it_leaves_under_torch(seed: int) -> None:
    check(seed, traced=True)


def test_a_difference_is_seen() -> None:
    """The comparison is one: a write that is lost, a gradient of another value and a refusal less are reported."""
    setup = ["l0 = torch.tensor([1.0, 2.0]).requires_grad_()"]
    program = Program(setup, ["t1 = l0 * l0", "t1[0] = 5.0", "l0.add_(1)", read("l0"), read("t1")], ["l0", "t1"])
    text = text_of(program)
    for right, wrong in (("t1[0] = 5.0", "t1[0]"), ("l0 * l0", "l0.detach() * l0"), ("l0.add_(1)", "l0.add(1)")):
        assert differences(program, left_by(program, text), left_by(program, text)) == []
        assert differences(program, left_by(program, text), left_by(program, text.replace(right, wrong)))
