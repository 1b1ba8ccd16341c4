"""Pipelines: named sequences of passes, run in order, every result held against what is legal there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from weft.compiler import legality
from weft.compiler.passes.algebra import algebra
from weft.compiler.passes.barriers import barriers
from weft.compiler.passes.common_subexpressions import common_subexpressions
from weft.compiler.passes.constant_folding import constant_folding
from weft.compiler.passes.dead_code import dead_code
from weft.compiler.passes.layout import layout
from weft.compiler.passes.machine_functions import machine_functions
from weft.compiler.passes.precision import precision
from weft.compiler.passes.quantised_bias import quantised_bias
from weft.compiler.passes.quantised_products import quantised_products
from weft.compiler.passes.random_words import random_words
from weft.compiler.passes.rematerialisation import rematerialise
from weft.compiler.passes.requantise import requantise
from weft.compiler.passes.unroll import unroll
from weft.framework.errors import GraphError
from weft.framework.graph import Graph

Pass = Callable[[Graph], Graph]

PASSES: Mapping[str, Pass] = {
    "dead_code": dead_code,
    "unroll": unroll,
    "random_words": random_words,
    "constant_folding": constant_folding,
    "layout": layout,
    "algebra": algebra,
    "common_subexpressions": common_subexpressions,
    "quantised_products": quantised_products,
    "quantised_bias": quantised_bias,
    "requantise": requantise,
    "machine_functions": machine_functions,
    "precision": precision,
    "barriers": barriers,
    "rematerialise": rematerialise,
}
"""Every pass by name."""

# Equal operands must be one node before algebra can see that they are equal; what it leaves may be equal again.
_CLEAN = (
    "dead_code", "unroll", "random_words", "common_subexpressions", "constant_folding", "layout", "algebra",
    "common_subexpressions",
)  # fmt: skip

# Equal scales must be one node before the bias can be seen to have that of its product.
_INTEGERS = ("quantised_products", "common_subexpressions", "quantised_bias", "requantise")

PIPELINES: Mapping[str, tuple[str, ...]] = {
    # What is quantised, in the graph, becomes integers on every target: they give the same bits. What is computed twice
    # to spare memory would be merged again by anything that came behind.
    "cpu": (*_CLEAN, *_INTEGERS, "common_subexpressions", "barriers", "rematerialise"),
    # Rounding comes after the clean-up, which sees fewer products, and before a second one, which merges casts.
    # So does what functions are written in: the second one folds and merges the parts that several of them share.
    "accel": (
        *_CLEAN, *_INTEGERS, "machine_functions", "precision", "constant_folding", "algebra", "common_subexpressions",
        "barriers",
    ),
}
"""What each target runs before it lowers a graph."""


def run(graph: Graph, names: str | Sequence[str]) -> Graph:
    """The graph after the pipeline called `names`, or after the named passes in order.

    Raises GraphError for an unknown name, and for a pass that leaves a graph which is not legal (a defect of the
    pass; the message names it).
    """
    if isinstance(names, str):
        if names not in PIPELINES:
            raise GraphError(f"unknown pipeline {names!r}; known: {', '.join(PIPELINES)}")
        names = PIPELINES[names]
    last = graph
    for _, after in stages(graph, names):
        last = after
    return last


def stages(graph: Graph, names: Sequence[str]) -> Iterator[tuple[str, Graph]]:
    """(pass, the graph after it) for each of the named passes in order; the very same graph where it found nothing to
    do. Raises GraphError as ``run``."""
    done: list[str] = []
    for name in names:
        if name not in PASSES:
            raise GraphError(f"unknown pass {name!r}; known: {', '.join(PASSES)}")
        before, graph = graph, PASSES[name](graph)
        done.append(name)
        try:
            if graph is not before:
                graph.validate()
            legality.check(graph, done if graph is not before else done[-1:])
        except GraphError as error:
            raise GraphError(f"after pass {name}: {error}") from error
        yield name, graph
