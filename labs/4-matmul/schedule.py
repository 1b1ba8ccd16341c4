"""The schedules: which unit waits for which, first with one place for each operand, then with two."""

from __future__ import annotations

from emitter import Code, Problem
from layout import Layout, Tiling
from tiles import load_panels, multiply_panel, steps, store_block

LOADED = "s0"  # load → matrix: a panel of A and its panel of B have arrived
FREE = "s1"  # matrix → load: a panel of A and its panel of B have been read
DONE = "s2"  # matrix → store: a block of C is finished
STORED = "s3"  # store → matrix: a block of C has been stored


def in_turn(problem: Problem, tiling: Tiling) -> Code:
    """The product with one place for each operand: panels always in place 0, blocks always in place 0.

    Every step loads its panels, multiplies them and, if it is its block's last, stores the block.
    """
    code = Code(problem.machine)
    layout = Layout(problem.machine, tiling)
    # hole: semaphores
    for number, step in enumerate(steps(problem, tiling)):
        if number > 0:
            code.wait(FREE)
        load_panels(code, problem, layout, step, 0)
        code.post(LOADED)

        code.wait(LOADED)
        if step.first and step.block > 0:
            code.wait(STORED)
        multiply_panel(code, layout, step, 0, 0)
        code.post(FREE)

        if step.last:
            code.post(DONE)
            code.wait(DONE)
            store_block(code, problem, layout, step, 0)
            code.post(STORED)
    # end hole
    return code


def overlapped(problem: Problem, tiling: Tiling) -> Code:
    """The product with two places for each operand: a panel is loaded while the one before it is multiplied, and a
    block is stored while the next one is made."""
    code = Code(problem.machine)
    layout = Layout(problem.machine, tiling)
    # hole: double-buffering
    todo = steps(problem, tiling)

    def load(number: int) -> None:
        if number >= 2:
            code.wait(FREE)
        load_panels(code, problem, layout, todo[number], number % 2)
        code.post(LOADED)

    load(0)
    for number, step in enumerate(todo):
        if number + 1 < len(todo):
            load(number + 1)
        code.wait(LOADED)
        if step.first and step.block >= 2:
            code.wait(STORED)
        multiply_panel(code, layout, step, number % 2, step.block % 2)
        code.post(FREE)
        if step.last:
            code.post(DONE)
            code.wait(DONE)
            store_block(code, problem, layout, step, step.block % 2)
            code.post(STORED)
    # end hole
    return code
