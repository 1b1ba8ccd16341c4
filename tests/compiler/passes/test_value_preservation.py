"""Every pass keeps every value of random graphs to the bit, and changes nothing when run again."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.fuzz.values import random_values
from weft.compiler.passes import pipeline, rematerialisation
from weft.framework import reference
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

ROUNDING = ("machine_functions", "precision", "quantised_products", "quantised_bias", "requantise")
"""Passes that change how often values are rounded."""
EXACT = [name for name in pipeline.PASSES if name not in ROUNDING]
SEEDS = range(120)
RARE = {"unroll": 1, "random_words": 1, "common_subexpressions": 5}
"""Passes that find something to do in few graphs, and in how many at least."""


def results(graph: Graph, values: dict[str, Array]) -> dict[str, Array]:
    outputs, updates = reference.run(graph, values)
    return {**outputs, **{f"new {name}": value for name, value in updates.items()}}


def bits(value: Array) -> bytes:
    """The bytes of a value, every NaN made the same."""
    if value.dtype.kind in "biu":
        return value.tobytes()
    return np.where(np.isnan(value.astype(np.float64)), np.nan, value.astype(np.float64)).tobytes()


@pytest.mark.parametrize("name", [*EXACT, "cpu"])
def test_values_stay_the_same_to_the_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("SMALLEST", "LARGE", "FAR"):  # the random graphs' values are small
        monkeypatch.setattr(rematerialisation, bound, 1)
    changed = 0
    for seed in SEEDS:
        graph = random_graph(seed)
        after = pipeline.run(graph, name if name in pipeline.PIPELINES else [name])
        changed += after.digest() != graph.digest()
        values = random_values(graph, seed)
        before, now = results(graph, values), results(after, values)
        assert list(now) == list(before)
        # BLAS may sum a product in another order when an operand is taken transposed, or is no longer the other one.
        summed_anew = any(node.op == "matmul" for node in graph.nodes) and name in ("algebra", "rematerialise", "cpu")
        for key, value in before.items():
            if summed_anew:
                np.testing.assert_allclose(now[key].astype(float), value.astype(float), rtol=1e-2, atol=1e-4)
            else:
                assert bits(now[key]) == bits(value), f"seed {seed}, {key}\n{graph}\n{after}"
    if name not in ("dead_code", "barriers", "layout"):  # none of it in random graphs; test_layout.py
        assert changed >= RARE.get(name, 10)


@pytest.mark.parametrize("name", pipeline.PASSES)
def test_a_second_run_changes_nothing(name: str) -> None:
    for seed in SEEDS:
        once = pipeline.run(random_graph(seed), [name])
        assert pipeline.run(once, [name]).digest() == once.digest(), f"seed {seed}\n{once}"
