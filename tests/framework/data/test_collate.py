"""From samples to a batch: torch's nests, and errors that name the field."""

from __future__ import annotations

import random
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

from weft.framework.data import CollateError, default_collate, default_convert
from weft.framework.tensor import Tensor, tensor

Point = namedtuple("Point", ["x", "y"])  # the samples of scripts are such, too
NARROWED = {"float64": "float32", "int64": "int32", "int16": "int32", "float16": "float32"}
"""Element types that data without a type are given (the framework's page on types)."""


def compare(mine: Any, other: Any, path: str = "") -> None:
    """Whether a nest of weft's is one of torch's, with its element types narrowed."""
    torch = pytest.importorskip("torch")
    if isinstance(other, torch.Tensor):
        assert isinstance(mine, Tensor), path
        name = str(other.dtype).removeprefix("torch.")
        assert mine.dtype.name == NARROWED.get(name, name), path
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-6)
        assert mine.shape == tuple(other.shape), path
        return
    assert type(mine) is type(other), path
    if isinstance(other, dict):
        assert list(mine) == list(other)
        for key in other:
            compare(mine[key], other[key], f"{path}.{key}")
    elif isinstance(other, list | tuple):
        assert len(mine) == len(other)
        for i, (a, b) in enumerate(zip(mine, other, strict=True)):
            compare(a, b, f"{path}.{i}")
    else:
        assert mine == other, path


def drawn(chance: random.Random, depth: int) -> Any:
    """A function that makes samples which are alike, as a script has them: of one nest, drawn at random."""
    kinds = ["int", "float", "bool", "text", "bytes", "array", "scalar", "zero"]
    kind = chance.choice([*kinds, "dict", "ordered", "tuple", "list", "named"] if depth else kinds)
    shape = tuple(chance.randint(0, 3) for _ in range(chance.randint(1, 3)))
    kept = np.dtype(chance.choice(["float32", "float64", "int64", "int32", "uint8", "bool", "int16", "float16"]))
    parts = (
        [drawn(chance, depth - 1) for _ in range(2)] if kind in ("dict", "ordered", "tuple", "list", "named") else []
    )
    made: dict[str, Any] = {
        "int": lambda: chance.randint(-9, 9),
        "float": chance.random,
        "bool": lambda: chance.random() < 0.5,
        "text": lambda: chance.choice(["a", "bc"]),
        "bytes": lambda: b"x",
        "array": lambda: np.full(shape, chance.randint(0, 9)).astype(kept),
        "scalar": lambda: kept.type(chance.randint(0, 9)),
        "zero": lambda: np.array(chance.randint(0, 9), kept),
        "dict": lambda: {"a": parts[0](), 3: parts[1]()},
        "ordered": lambda: OrderedDict(z=parts[0](), a=parts[1]()),
        "tuple": lambda: (parts[0](), parts[1]()),
        "list": lambda: [parts[0](), parts[1]()],
        "named": lambda: Point(parts[0](), parts[1]()),
    }
    return made[kind]


def test_random_nests_are_collated_and_converted_as_in_torch() -> None:
    torch = pytest.importorskip("torch")
    theirs, chance = torch.utils.data, random.Random(11)
    for _ in range(300):
        make = drawn(chance, 2)
        samples = [make() for _ in range(chance.randint(1, 4))]
        compare(default_collate(samples), theirs.default_collate(samples))
        compare(default_convert(samples[0]), theirs.default_convert(samples[0]))


@pytest.mark.parametrize("samples", [[1, 2.5], [2.5, 1], [True, 2], [np.float32(1), 2], [False, 0.5]])
def test_numbers_of_several_kinds(samples: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    compare(default_collate(samples), torch.utils.data.default_collate(samples))


def test_tensors_keep_their_types() -> None:
    assert default_collate([tensor([1], dtype="int64")] * 2).dtype.name == "int64"
    assert default_collate([tensor(1.0, dtype="bfloat16")] * 2).shape == (2,)
    mixed = default_collate([tensor([1], dtype="int8"), tensor([0.5])])
    assert (mixed.dtype.name, mixed.tolist()) == ("float32", [[1.0], [0.5]])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([np.zeros(3), np.zeros(3), np.zeros(4)],
         r"the value differs: it is of shape \[3\] in sample 0, and of shape \[4\] in sample 2; make them alike"),
        ([{"image": (tensor([1]), 1)}, {"image": (tensor([1, 2]), 1)}],
         r"field 'image.0' differs: it is of shape \[1\] in"),
        ([{"a": 1, "b": 2}, {"a": 1}], "field 'b' is in sample 0, but not in sample 1"),
        ([(1, 2), (1, 2), (1,)], "the value differs: it is of 2 parts in sample 0, and of 1 parts in sample 2"),
        ([Point(1, [1]), Point(1, [1, 2])], "field 'y' differs: it is of 1 parts"),
        ([{"a": 1}, {"a": "x"}], "field 'a' differs: it is a int in sample 0, and a str in sample 1"),
        ([tensor([1]), np.array([1])], "the value differs: it is a Tensor in sample 0, and a ndarray in sample 1"),
        ([(1, None), (1, None)], "field '1' of sample 0 is None; a batch is made of tensors, arrays, numbers"),
        ([{1, 2}, {1, 2}], "the value of sample 0 is a set; a batch"),
        ([{"t": np.array(["a"])}], "field 't' of sample 0 is an array of <U1, which no tensor holds"),
        ([{"n": 2**40}], "field 'n': values 1099511627776..1099511627776 do not fit into int32; give dtype='int64'"),
        ([[1j]], "field '0' of sample 0 is a complex; a batch"),
        ([], "a batch is made of one sample at least; there is none"),
        (5, "a batch is made of a list of samples, not of a int"),
    ],
)  # fmt: skip
def test_errors_name_the_field(samples: Any, message: str) -> None:
    with pytest.raises(CollateError, match=rf"test_collate.py:\d+: {message}"):
        default_collate(samples)
