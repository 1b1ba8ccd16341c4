"""Random bits written out are the bits of the primitive, at both ends of keys and counters."""

from __future__ import annotations

import numpy as np
import pytest

from weft.compiler.passes.random_words import random_words
from weft.framework.builder import GraphBuilder
from weft.framework.device import get_device
from weft.framework.reference import run

MOST = 2**32 - 1


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("word", [0, 1])
@pytest.mark.parametrize("start", [(0, 0), (MOST - 3, 0), (MOST, MOST), (5, 7)])
def test_the_bits_are_those_of_the_primitive(shape: tuple[int, ...], word: int, start: tuple[int, int]) -> None:
    b = GraphBuilder()
    key, first = b.input("key", (2,), "uint32"), b.input("start", (2,), "uint32")
    before = b.build({"y": b.apply("random_bits", key, first, shape=shape, word=word)})
    after = random_words(before)
    after.validate()
    assert "random_bits" not in after.ops
    assert random_words(after) is after
    values = {"key": np.array([MOST, 0x12345678], np.uint32), "start": np.array(start, np.uint32)}
    expected = run(before, values)[0]["y"]
    np.testing.assert_array_equal(run(after, values)[0]["y"], expected)
    np.testing.assert_array_equal(get_device("cpu").compile(before)(values).outputs["y"], expected)
