"""A graph to make smaller: one training step of lab 1's perceptron, just as its tracer recorded it.

Inputs are a batch x [4, 6] and y [4, 3] (one-hot) and the parameters w0, b0, w1, b1; outputs are the loss and the new
w0, b0, w1, b1. All of it is float32.
"""

from __future__ import annotations

from typing import Any

import ir

RECORDED: tuple[tuple[Any, ...], ...] = (
    ("input", "y", (4, 3)),
    ("constant", -1.0),
    ("broadcast", 1, {"shape": (4,)}),
    ("constant", 4.0),
    ("constant", 1.0),
    ("div", 4, 3),
    ("reshape", 5, {"shape": (1,)}),
    ("broadcast", 6, {"shape": (4,)}),
    ("mul", 7, 2),
    ("reshape", 8, {"shape": (4, 1)}),
    ("broadcast", 9, {"shape": (4, 3)}),
    ("mul", 10, 0),
    ("input", "b1", (3,)),
    ("broadcast", 12, {"shape": (4, 3)}),
    ("input", "w1", (5, 3)),
    ("input", "b0", (5,)),
    ("broadcast", 15, {"shape": (4, 5)}),
    ("input", "w0", (6, 5)),
    ("input", "x", (4, 6)),
    ("matmul", 18, 17),
    ("add", 19, 16),
    ("relu", 20),
    ("matmul", 21, 14),
    ("add", 22, 13),
    ("exp", 23),
    ("sum", 24, {"axes": (1,)}),
    ("div", 7, 25),
    ("reshape", 26, {"shape": (4, 1)}),
    ("broadcast", 27, {"shape": (4, 3)}),
    ("mul", 28, 24),
    ("add", 29, 11),
    ("sum", 30, {"axes": (0,)}),
    ("reshape", 31, {"shape": (3,)}),
    ("constant", 0.1),
    ("broadcast", 33, {"shape": (3,)}),
    ("mul", 34, 32),
    ("sub", 12, 35),
    ("transpose", 21),
    ("matmul", 37, 30),
    ("constant", 0.1),
    ("broadcast", 39, {"shape": (5, 3)}),
    ("mul", 40, 38),
    ("sub", 14, 41),
    ("step", 20),
    ("transpose", 14),
    ("matmul", 30, 44),
    ("mul", 45, 43),
    ("sum", 46, {"axes": (0,)}),
    ("reshape", 47, {"shape": (5,)}),
    ("constant", 0.1),
    ("broadcast", 49, {"shape": (5,)}),
    ("mul", 50, 48),
    ("sub", 15, 51),
    ("transpose", 18),
    ("matmul", 53, 46),
    ("constant", 0.1),
    ("broadcast", 55, {"shape": (6, 5)}),
    ("mul", 56, 54),
    ("sub", 17, 57),
    ("mul", 23, 0),
    ("sum", 59, {"axes": (1,)}),
    ("log", 25),
    ("sub", 61, 60),
    ("sum", 62, {"axes": (0,)}),
    ("div", 63, 3),
)
"""An input's name and shape; a constant's value; or an operation, the rows of its operands, and its attributes."""


def training_step() -> ir.Graph:
    """The recorded graph."""
    builder = ir.Builder()
    for op, *rest in RECORDED:
        if op == "input":
            builder.input(rest[0], rest[1], "float32")
        elif op == "constant":
            builder.constant(rest[0], "float32")
        else:
            attrs = rest.pop() if isinstance(rest[-1], dict) else {}
            builder.apply(op, *rest, **attrs)
    return builder.build(64, 58, 52, 42, 36)
