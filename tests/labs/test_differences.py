"""What ``expect`` calls a difference, and how it names the first one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from weft.lab import Difference, expect

NAN = float("nan")
SAME: list[tuple[Any, Any, dict[str, float]]] = [
    (1, 1.0, {}),
    ([1, (2, 3)], (1, [2, 3]), {}),
    ({"a": [1]}, {"a": [1]}, {}),
    (NAN, NAN, {}),
    (math.inf, math.inf, {"rtol": 0.1}),
    (1.0000001, 1.0, {"rtol": 1e-6}),
    (1e-9, 0.0, {"atol": 1e-8}),
    (1 + 1e-9j, 1 + 0j, {"rtol": 1e-6}),
    (np.array([1, NAN], np.float32), np.array([1, NAN]), {}),
    ([1.0, 2.0], np.array([1, 2]), {}),
    (np.float32(0.5), 0.5, {}),
    (np.array([1.0, 1e-3]), np.array([1.0, 0.0]), {"atol": 1e-2}),
    ({1, 2}, frozenset({2, 1}), {}),
    ("a\nb", "a\nb", {}),
    (None, None, {}),
]
DIFFERENT: list[tuple[Any, Any, dict[str, float], str, str, str]] = [
    (1, 2, {}, "x", "2", "1"),
    (None, 2, {}, "x", "2", "None"),
    (None, [2], {}, "x", "[2]", "None"),
    (True, "True", {}, "x", "'True'", "True"),
    (1.1, 1.0, {"rtol": 1e-3}, "x", "1.0", "1.1"),
    (math.inf, 1.0, {"rtol": 1e-3}, "x", "1.0", "inf"),
    (NAN, 1.0, {"rtol": 1e-3}, "x", "1.0", "nan"),
    ([1, 3], [1, 2], {}, "x[1]", "2", "3"),
    ([1, [2, 4]], [1, [2, 3]], {}, "x[1][1]", "3", "4"),
    ([1], [1, 2], {}, "x, length", "2 elements: [1, 2]", "1 elements: [1]"),
    ("ab", ["a", "b"], {}, "x", "['a', 'b']", "'ab'"),
    ({"a": 1}, {"a": 1, "b": 2}, {}, "x['b']", "2", "nothing: the key is missing"),
    ({"a": 1, "b": 2}, {"a": 1}, {}, "x['b']", "no such key", "2"),
    ({"a": 1}, {"a": 2}, {}, "x['a']", "2", "1"),
    ({1}, {1, 2}, {}, "x, elements missing", "also 2", "1"),
    ({1, 2}, {1}, {}, "x, elements too many", "1", "also 2"),
    ("a\nc\n", "a\nb\n", {}, "x, line 2", "'b'", "'c'"),
    ("a\n", "a\nb\n", {}, "x, number of lines", "2", "1"),
    (np.zeros((2, 3)), np.zeros((3, 2)), {}, "x.shape", "(3, 2)", "(2, 3)"),
    (None, np.zeros(3), {}, "x", "an array of shape (3,)", "None"),
    (
        np.array([[1, 2], [3, 5]]), np.array([[1, 2], [3, 4]]), {},
        "x[1, 1] (the first of 1 that differ, of 4)", "4", "5",
    ),
    (
        np.array([1, 9, 9], np.float32), np.array([1.0, 2.0, 3.0]), {"rtol": 1e-3},
        "x[1] (the first of 2 that differ, of 3)", "2.0", "9.0",
    ),
    (np.array([NAN, 1.0]), np.array([1.0, 1.0]), {}, "x[0] (the first of 1 that differ, of 2)", "1.0", "nan"),
    ([np.array([1, 2])], [np.array([1, 3])], {}, "x[0][1] (the first of 1 that differ, of 2)", "3", "2"),
]  # fmt: skip


@pytest.mark.parametrize(("actual", "expected", "how"), SAME)
def test_what_is_the_same(actual: Any, expected: Any, how: dict[str, float]) -> None:
    expect(actual, expected, "x", **how)


@pytest.mark.parametrize(("actual", "expected", "how", "what", "right", "wrong"), DIFFERENT)
def test_the_first_difference_is_named(
    actual: Any, expected: Any, how: dict[str, float], what: str, right: str, wrong: str
) -> None:
    with pytest.raises(Difference) as found:
        expect(actual, expected, "x", **how)
    assert (found.value.what, found.value.expected, found.value.actual) == (what, right, wrong)
    assert str(found.value) == f"{what}: expected {right}, got {wrong}"


def test_long_values_are_cut() -> None:
    with pytest.raises(Difference) as found:
        expect("y" * 1000, 3, "x")
    assert len(found.value.actual) < 350
    assert found.value.actual.endswith("… (1002 characters)")


def test_a_broken_repr_is_survived() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    with pytest.raises(Difference) as found:
        expect(Broken(), 3, "x")
    assert found.value.actual == "<Broken whose repr raises ValueError>"
