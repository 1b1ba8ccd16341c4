"""Promotion is torch's, and names and NumPy types map to element types."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

from weft.framework.dtypes import (
    DTYPES,
    DType,
    Rank,
    as_dtype,
    bfloat16,
    bool_,
    data_dtype,
    float32,
    float64,
    holds,
    int8,
    int32,
    int64,
    promote,
    result_type,
    uint8,
    uint32,
)
from weft.framework.errors import DTypeError
from weft.framework.tensor import tensor


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        ([(int8, "dimensioned"), (int32, "dimensioned")], int32),
        ([(bfloat16, "dimensioned"), (float32, "dimensioned")], float32),
        ([(bfloat16, "dimensioned"), (float32, "zero-dimensional")], bfloat16),
        ([(int8, "dimensioned"), (int32, "zero-dimensional")], int8),
        ([(int32, "dimensioned"), (float32, "python")], float32),
        ([(bfloat16, "dimensioned"), (float32, "python")], bfloat16),
        ([(bool_, "dimensioned"), (int32, "python")], int32),
        ([(int8, "zero-dimensional"), (int32, "python")], int8),
        ([(int32, "dimensioned"), (bfloat16, "zero-dimensional")], bfloat16),
    ],
)
def test_result_type(operands: list[tuple[DType, Rank]], expected: DType) -> None:
    assert result_type(operands) is expected


@pytest.mark.parametrize("source", DTYPES.values())
@pytest.mark.parametrize("target", DTYPES.values())
def test_a_type_holds_another_if_a_cast_there_keeps_every_value(target: DType, source: DType) -> None:
    if source.is_float:
        digits = {"bfloat16": 8, "float32": 24, "float64": 53}[source.name]
        values = np.array([1 + 2.0 ** (1 - digits), 0.1, -0.0, 2.0**-100, 3e38, -np.inf, 7])
    elif source is bool_:
        values = np.array([False, True])
    else:
        low, high = np.iinfo(source.numpy).min, np.iinfo(source.numpy).max
        values = np.array([low, low + 1, 0, 1, high - 1, high], source.numpy)
    values = values.astype(source.numpy)
    with np.errstate(all="ignore"):
        assert holds(target, source) == (values.astype(target.numpy).tolist() == values.tolist())


def test_promotion_of_every_pair_is_torchs() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of promotion")
    for a, b in itertools.product(DTYPES.values(), repeat=2):
        if uint32 in (a, b) and a is not b and "float" not in (a.kind, b.kind):
            continue  # torch has no rule
        expected = str(torch.promote_types(getattr(torch, a.name), getattr(torch, b.name)))
        assert f"torch.{promote(a, b)}" == {"torch.int16": "torch.int32"}.get(expected, expected)  # there is no int16
    assert promote(uint32, int32) is promote(int8, uint32) is promote(uint32, int64) is int64
    assert promote(uint32, uint8) is promote(uint8, uint32) is uint32


def test_operators_promote_as_torch_does() -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of promotion")
    operands = itertools.product(("bfloat16", "float32", "int8"), (0, 1))
    for (a, rank_a), (b, rank_b) in itertools.product(operands, repeat=2):
        ours = tensor(np.ones((2,) * rank_a), dtype=a) * tensor(np.ones((2,) * rank_b), dtype=b)
        theirs = torch.ones((2,) * rank_a, dtype=getattr(torch, a)) * torch.ones((2,) * rank_b, dtype=getattr(torch, b))
        assert f"torch.{ours.dtype}" == str(theirs.dtype), (a, rank_a, b, rank_b)


def test_names_and_numpy_types() -> None:
    assert as_dtype("bfloat16") is bfloat16
    assert as_dtype(np.dtype(np.float64)) is float64
    assert data_dtype(np.dtype(np.float64)) is float32
    assert as_dtype(np.int64) is int64
    assert copy.deepcopy(bfloat16) is bfloat16
    known = "float32, float64, bfloat16, int8, int32, int64, uint8, uint32, bool"
    with pytest.raises(DTypeError, match=f"unknown element type 'float8'; known: {known}"):
        as_dtype("float8")
    with pytest.raises(DTypeError, match="unknown element type"):
        as_dtype(np.dtype("complex64"))
