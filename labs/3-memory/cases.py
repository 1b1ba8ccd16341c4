"""Given: small graphs and random buffers that the checks use; print one to draw it on paper."""

from __future__ import annotations

import random

from arena import Buffer
from ir import Builder, Graph, Node


def chain() -> Graph:
    """exp, relu, exp of an input."""
    g = Builder()
    x = g.input("x", (4,))
    return g.build(g.apply("exp", g.apply("relu", g.apply("exp", x))))


def diamond() -> Graph:
    """A value with two readers; one node has no reader; an output is read again; an output is an input."""
    g = Builder()
    x = g.input("x", (4,))
    c = g.constant([1.0, 2.0, 3.0, 4.0])
    root = g.apply("add", x, c)
    left = g.apply("exp", root)
    g.apply("log", root)  # no reader
    right = g.apply("relu", root)
    both = g.apply("mul", left, right)
    end = g.apply("sub", both, left)
    return g.build(both, end, x)


def squares() -> Graph:
    """An operand that is read twice by one node, and results that are outputs at once."""
    g = Builder()
    x = g.input("x", (2, 2))
    e = g.apply("exp", x)
    s = g.apply("mul", e, e)
    m = g.apply("matmul", s, s)
    return g.build(g.apply("add", m, s), m)


def sums() -> Graph:
    """Operations that may not be done in place: sum, broadcast, transpose, matmul; and a reshape, which may."""
    g = Builder()
    e = g.apply("exp", g.input("x", (3, 3)))
    t = g.apply("transpose", e)
    m = g.apply("matmul", t, t)
    r = g.apply("reshape", m, shape=(9,))
    s = g.apply("sum", r, axes=(0,))
    return g.build(g.apply("broadcast", s, shape=(1,)))


def either() -> Graph:
    """A sum of two values, both of which die there."""
    g = Builder()
    x = g.input("x", (4,))
    return g.build(g.apply("add", g.apply("exp", x), g.apply("relu", x)))


def inputs_first() -> Graph:
    """Results that could only lie on inputs and constants."""
    g = Builder()
    x, c = g.input("x", (4,)), g.constant([1.0, 2.0, 3.0, 4.0])
    return g.build(g.apply("add", x, c), g.apply("exp", x))


def narrow() -> Graph:
    """Elementwise operations, two of which change the type, and so the bytes of an element. The builder makes no such
    nodes; they stand here as they are, to show what a planner must not rely on."""
    g = Builder()
    e = g.apply("exp", g.input("x", (4,)))
    r = g.apply("relu", e)
    smaller = g.append(Node("step", (r,), (), (4,), "float32"))
    s = g.apply("relu", smaller)
    return g.build(g.append(Node("exp", (s,), (), (4,), "float64")))


def random_buffers(seed: int, count: int, steps: int = 12, unit: int = 1, most: int = 300) -> list[Buffer]:
    """Buffers of any sizes (multiples of ``unit``) that come and go at random."""
    choose = random.Random(seed)
    found = []
    for number in range(count):
        first = choose.randrange(steps)
        last = min(steps, first + choose.choice((0, 1, 1, 2, 3, steps)))
        found.append(Buffer((number,), unit * choose.randint(1, most // unit), first, last))
    return found
