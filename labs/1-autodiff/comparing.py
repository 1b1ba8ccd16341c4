"""What the checks of this lab compare with: counts of operations, finite differences, and words for what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ir
import numpy as np
from tracer import Tensor

from weft.lab import Difference

DEEP = 20_000
"""Operations in a chain that is deeper than Python's stack."""


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """How often each operation is computed inside."""
    counts: Counter[str] = Counter()
    originals = dict(ir.OPS)

    def counted(op: str, compute: Callable[..., Any]) -> Callable[..., Any]:
        def run(*operands: Any, **attrs: Any) -> Any:
            counts[op] += 1
            return compute(*operands, **attrs)

        return run

    ir.OPS.update({op: replace(rule, compute=counted(op, rule.compute)) for op, rule in originals.items()})
    try:
        yield counts
    finally:
        ir.OPS.update(originals)


@contextmanager
def must_work(what: str, expected: str) -> Iterator[None]:
    """Inside, a refusal by the IR or a stack overflow is the check's own difference."""
    try:
        yield
    except ir.GraphError as problem:
        raise Difference(what, expected, f"GraphError: {problem}") from problem
    except RecursionError as problem:
        raise Difference(what, f"{expected}; a loop with a list as its stack", "RecursionError") from problem


def node(op: str, *inputs: Tensor, value: Any = None, **attrs: Any) -> Tensor:
    """A recorded tensor, made by way of the IR's builder and without ``record``."""
    builder = ir.Builder([ir.Node("leaf", (), (), x.shape, x.dtype) for x in inputs])
    made = builder.nodes[builder.apply(op, *range(len(inputs)), **attrs)]
    return Tensor(op, inputs, made.attrs, made.shape, made.dtype, value)


def label(name: str, *inputs: Tensor) -> Tensor:
    """A tensor for checks of order alone; its op is its name."""
    return Tensor(name, inputs, (), (), "float64")


def some(shape: ir.Shape, seed: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Random multiples of 1/4, which are easy to read in a message; never 0."""
    drawn = np.random.default_rng(seed).integers(round(low * 4), round(high * 4), shape, endpoint=True)
    return np.asarray(np.where(drawn == 0, 1, drawn) / 4)


def ran(counts: Counter[str]) -> str:
    """Counts as text: ``2 add, 1 exp``."""
    return ", ".join(f"{count} {op}" for op, count in sorted(counts.items())) or "nothing"


def is_it(found: Tensor, wanted: Tensor, name: str, what: str) -> None:
    """Raise Difference unless ``found`` is the very tensor ``wanted``, called ``name``."""
    if found is not wanted:
        raise Difference(what, f"the tensor {name} itself", repr(found))


def has_no_value(x: Tensor, what: str) -> None:
    """Raise Difference if ``x`` has been computed."""
    if x.value is not None:
        raise Difference(what, "no value", f"it was computed: {x.value!r}")


def has_value(x: Tensor, what: str) -> None:
    """Raise Difference if ``x`` has not been computed."""
    if x.value is None:
        raise Difference(what, "its value", "None")


def slopes_of(f: Callable[..., Any], arrays: list[np.ndarray], h: float = 1e-5) -> list[np.ndarray]:
    """Central finite differences of the number f(*arrays) with respect to every element of every array."""
    slopes = [np.zeros_like(a) for a in arrays]
    for a, slope in zip(arrays, slopes, strict=True):
        for index in np.ndindex(a.shape):
            kept = a[index]
            a[index] = kept + h
            above = float(f(*arrays))
            a[index] = kept - h
            below = float(f(*arrays))
            a[index] = kept
            slope[index] = round((above - below) / (2 * h), 8)
    return slopes
