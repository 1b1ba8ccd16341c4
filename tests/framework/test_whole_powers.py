"""Whole numbers to the power of whole numbers are torch's, in value and type, where they wrap too."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from weft.framework.device import get_device
from weft.framework.dtypes import DTYPES
from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor

TYPES = ("uint8", "int8", "int32", "int64")
NO_INT16 = {frozenset({"int8", "uint8"})}  # torch has int16 for these


def numbers(dtype: str, of: list[int]) -> np.ndarray:
    held = np.iinfo(dtype)
    return np.array([x for x in of if held.min <= x <= held.max], dtype)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize(("base", "exponent"), [t for t in product(TYPES, TYPES) if frozenset(t) not in NO_INT16])
def test_whole_powers_are_those_of_torch(base: str, exponent: str, device: str) -> None:
    pairs = list(product(numbers(base, [0, 1, 2, 3, -1, -2, 7, 127, 200, 255, 2**31 - 1]),
                         numbers(exponent, [0, 1, 2, 3, 6, -1, -3, 62, 127, 128, 200, 255])))  # fmt: skip
    x, y = np.array([a for a, _ in pairs], base), np.array([b for _, b in pairs], exponent)
    expected = torch.tensor(x) ** torch.tensor(y)
    ours = [tensor(v, dtype=DTYPES[str(v.dtype)]).to(get_device(device)) for v in (x, y)]

    def power(a: Tensor, b: Tensor) -> Tensor:
        return a**b

    for found in (power(*ours), jit(power)(*ours)):
        assert str(expected.dtype) == f"torch.{found.dtype}"
        assert found.tolist() == expected.tolist()
