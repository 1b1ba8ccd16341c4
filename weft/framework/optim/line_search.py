"""A step length that satisfies the strong Wolfe conditions: the loss falls enough, and its slope flattens.

Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6, the trial lengths by cubic interpolation as
in M. Schmidt's minFunc, which torch follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from weft.framework.primitives.base import Array

ENOUGH, FLATTER = 1e-4, 0.9
"""Shares of the first slope: what the loss falls by at least, and what is left of the slope at most."""


class SearchPoint(NamedTuple):
    """A step length, the loss and gradient there, and the slope along the direction."""

    length: float
    loss: float
    gradient: Array
    slope: float


Evaluate = Callable[[float], SearchPoint]


def cubic_minimum(a: SearchPoint, b: SearchPoint, low: float, high: float) -> float:
    """Where the cubic through both losses and slopes is least within the bounds; their middle if it falls for ever."""
    left, right = (a, b) if a.length <= b.length else (b, a)
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    square = mean * mean - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = math.sqrt(square)
    share = (right.slope + root - mean) / (right.slope - left.slope + 2 * root)
    return min(max(right.length - (right.length - left.length) * share, low), high)


def strong_wolfe(
    evaluate: Evaluate, start: SearchPoint, length: float, largest: float, tolerance: float, most: int
) -> tuple[SearchPoint, int]:
    """The trial that is taken, and how many were made.

    start: at length 0. length: the first to try. largest: magnitude of the direction's elements; a bracket in which no
    element moves by ``tolerance`` is narrow enough. most: trials after the first.
    """

    def too_high(trial: SearchPoint) -> bool:
        return trial.loss > start.loss + ENOUGH * trial.length * start.slope

    def flat(trial: SearchPoint) -> bool:
        return abs(trial.slope) <= -FLATTER * start.slope

    before, now, made = start, evaluate(length), 0
    ends: list[SearchPoint] | None = None
    while made < most:
        if too_high(now) or (made > 1 and now.loss >= before.loss):
            ends = [before, now]
            break
        if flat(now):
            return now, made + 1
        if now.slope >= 0:
            ends = [before, now]
            break
        further = now.length + 0.01 * (now.length - before.length), now.length * 10
        before, now = now, evaluate(cubic_minimum(before, now, *further))
        made += 1
    if ends is None:
        return min(start, now, key=lambda trial: trial.loss), made + 1
    return _zoomed(evaluate, ends, too_high, flat, largest, tolerance, made, most)


def _zoomed(
    evaluate: Evaluate, ends: list[SearchPoint], too_high: Callable[[SearchPoint], bool],
    flat: Callable[[SearchPoint], bool], largest: float, tolerance: float, made: int, most: int,
) -> tuple[SearchPoint, int]:  # fmt: skip
    """Narrow the bracket, whose lower end is the best trial so far, until it holds one that is taken."""
    low = 0 if ends[0].loss <= ends[1].loss else 1
    stuck = False
    while made < most and abs(ends[1].length - ends[0].length) * largest >= tolerance:
        least, most_ = sorted(end.length for end in ends)
        length = cubic_minimum(ends[0], ends[1], least, most_)
        margin = 0.1 * (most_ - least)
        near = min(most_ - length, length - least) < margin
        if near and (stuck or length >= most_ or length <= least):
            length = most_ - margin if abs(length - most_) < abs(length - least) else least + margin
            near = False
        stuck = near
        trial = evaluate(length)
        made += 1
        high = 1 - low
        if too_high(trial) or trial.loss >= ends[low].loss:
            ends[high] = trial
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if flat(trial):
            return trial, made + 1
        if trial.slope * (ends[high].length - ends[low].length) >= 0:
            ends[high] = ends[low]
        ends[low] = trial
    return ends[low], made + 1
