"""Random numbers of every kind are the same in a jitted function as outside, and others at each call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from weft.framework import functional as F
from weft.framework import sampling
from weft.framework.jit import jit
from weft.framework.random import manual_seed, rand, randn
from weft.framework.tensor import Tensor, tensor

WEIGHTS = [[0.1, 0.0, 3.0, 2.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
CASES: dict[str, Callable[[], Tensor]] = {
    "rand": lambda: rand(5, 3),
    "randn": lambda: randn(50),
    "randint": lambda: sampling.randint(3, 17, (50,)),
    "randint below zero": lambda: sampling.randint(-5, 2**20, (4, 20), dtype="int64"),
    "randint of one number": lambda: sampling.randint(1, (3,)),
    "randint as floats": lambda: sampling.randint(0, 9, (30,), dtype="float32"),
    "randperm": lambda: sampling.randperm(101),
    "randperm of none": lambda: sampling.randperm(0),
    "normal": lambda: sampling.normal(1.0, 2.0, (20,)),
    "normal of tensors": lambda: sampling.normal(tensor([1.0, 2.0]), tensor([0.5, 4.0])),
    "bernoulli": lambda: sampling.bernoulli(F.full((60,), 0.3)),
    "multinomial": lambda: sampling.multinomial(tensor(WEIGHTS[0]), 80, True),
    "multinomial of rows": lambda: sampling.multinomial(tensor(WEIGHTS), 40, replacement=True),
    "multinomial without replacement": lambda: sampling.multinomial(tensor(WEIGHTS), 4),
}


@pytest.mark.parametrize("name", CASES)
def test_a_jitted_function_draws_what_is_drawn_outside(name: str) -> None:
    draw = CASES[name]
    manual_seed(5)
    outside = [draw().numpy() for _ in range(4)]
    manual_seed(5)
    jitted = jit(lambda: draw())
    inside = [jitted().numpy() for _ in range(4)]
    for a, b in zip(outside, inside, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6 if a.dtype == np.float32 else 0)
    assert jitted.traces == 1
    if outside[0].size > 10:
        assert not np.array_equal(inside[0], inside[1])
