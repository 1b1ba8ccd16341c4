"""Every operation on every element type against torch: the type of its result, its values, and what has none."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from weft.framework import functional
from weft.framework.device import use_device
from weft.framework.dtypes import DTYPES, as_dtype
from weft.framework.errors import AxisError, DTypeError
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of element types")

VALUES: dict[str, list[Any]] = {
    "float32": [0.1, -2.5, 3.0, 1e-3, -0.0, 7.75],
    "float64": [0.1, -2.5, 3.0, 1e-3, -0.0, 7.75],
    "bfloat16": [0.1, -2.5, 3.0, 1e-3, -0.0, 7.75],
    "int8": [127, -128, 0, 1, -1, 100],
    "int32": [2**31 - 1, -(2**31), 0, 1, -1, 65537],
    "int64": [2**63 - 1, -(2**63), 0, 1, -1, 2**53 + 1],
    "uint8": [255, 0, 1, 128, 127, 100],
    "uint32": [2**32 - 1, 0, 1, 2**31, 2**31 - 1, 65537],
    "bool": [True, False, True, True, False, False],
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "maximum": lambda a, b: a.maximum(b), "minimum": lambda a, b: a.minimum(b),
}  # fmt: skip
UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": operator.neg, "exp": lambda x: x.exp(), "sum": lambda x: x.sum(), "sum of rows": lambda x: x.sum(1),
    "mean": lambda x: x.mean(), "mean of columns": lambda x: x.mean(0), "amax": lambda x: x.amax(1),
    "amin": lambda x: x.amin(1),
    "sum as float32": lambda x: x.sum(dtype=_type(x, "float32")),
    "sum as int64": lambda x: x.sum(dtype=_type(x, "int64")),
    "mean as float32": lambda x: x.mean(dtype=_type(x, "float32")), "/ 2": lambda x: x / 2, "* 0.1": lambda x: x * 0.1,
    "3 -": lambda x: 3 - x, "reshape": lambda x: x.reshape(3, 2), "index": lambda x: x[0, 1:], "T": lambda x: x.T,
    "softmax": lambda x: (F if isinstance(x, Tensor) else torch.nn.functional).softmax(x, -1),
}  # fmt: skip
DEVICES = ("numpy", "cpu")
BEYOND = {f"{a} - {b}" for a, b in itertools.product(DTYPES, repeat=2) if (a == "bool") != (b == "bool")} | {
    "3 - of bool", *(f"softmax of {name}" for name in ("int8", "int32", "int64", "uint8"))
}  # fmt: skip
"""What torch refuses and has a meaning here: differences with a bool, as 0 or 1, and functions of integers."""


COMPARED = tuple(name for name in DTYPES if name != "uint32")
"""The types that torch computes with: of uint32 it has next to no operation."""
NO_INT16 = {frozenset({"int8", "uint8"})}
"""Pairs that promote to int16 in torch, and here to the next wider type that there is: int32."""


def _type(like: Any, name: str) -> Any:
    return as_dtype(name) if isinstance(like, Tensor) else getattr(torch, name)


def _torch(name: str, values: Any) -> Any:
    return torch.tensor(values, dtype=getattr(torch, name))


def _pairs() -> Iterator[tuple[str, str]]:
    yield from itertools.product(COMPARED, repeat=2)


def _outcome(compute: Callable[..., Any], *operands: Any) -> Any:
    """The result, or None if there is none: the type has no such operation."""
    try:
        return compute(*operands)
    except (DTypeError, RuntimeError):
        return None


def _agree(ours: Tensor | None, theirs: Any, what: str, largest: float = 0.0) -> None:
    """The same type and values, to the last place but for sums of terms up to ``largest`` that cancel."""
    if what in BEYOND:
        assert (ours is None, theirs) == (False, None), what
        return
    assert (ours is None) == (theirs is None), f"{what}: {ours!r} here, {theirs!r} in torch"
    if ours is None:
        return
    assert f"torch.{ours.dtype}" == str(theirs.dtype), what
    if ours.dtype.is_float:
        units = 2.0**-8 if str(ours.dtype) == "bfloat16" else 2.0**-22
        units = 2.0**-50 if str(ours.dtype) == "float64" else units
        np.testing.assert_allclose(ours.tolist(), theirs.double().tolist(), units, units * largest, err_msg=what)
    else:
        assert ours.tolist() == theirs.tolist(), what


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name: str, device: str) -> None:
    compute = BINARY[name]
    with use_device(device), np.errstate(all="ignore"):
        for a, b in _pairs():
            x, y = VALUES[a], VALUES[b][::-1]
            ours = _outcome(lambda x, y: compute(x, y).realize(), tensor(x, dtype=a), tensor(y, dtype=b))
            other = _outcome(compute, _torch(a, x), _torch(b, y))
            if frozenset({a, b}) in NO_INT16 and other is not None and ours is not None and not ours.dtype.is_float:
                other = compute(_torch("int32", x), _torch("int32", y))
            _agree(ours, other, f"{a} {name} {b}")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name: str, device: str) -> None:
    with use_device(device):
        for a in COMPARED:
            rows = np.array(VALUES[a], dtype=object).reshape(2, 3).tolist()
            ours = _outcome(lambda x: UNARY[name](x).realize(), tensor(rows, dtype=a))
            largest = max(abs(value) for value in VALUES[a]) if "mean" in name or "sum" in name else 0.0
            _agree(ours, _outcome(UNARY[name], _torch(a, rows)), f"{name} of {a}", largest)


@pytest.mark.parametrize("device", DEVICES)
def test_every_cast_that_torch_defines(device: str) -> None:
    """Of numbers that both types hold; what does not fit saturates here and is undefined there."""
    small = {name: [0, 1, -1, 100, -128] if DTYPES[name].signed else [0, 1, 1, 100, 127] for name in DTYPES}
    small["bool"] = [0, 1, 1]
    with use_device(device):
        for a, b in _pairs():
            values = small[a] if DTYPES[b].signed else [abs(value) for value in small[a]]
            values = [min(value, 127) for value in values]
            ours, theirs = tensor(values, dtype=a).to(b), _torch(a, values).to(getattr(torch, b))
            assert ours.dtype is as_dtype(b)
            assert ours.tolist() == theirs.tolist(), (a, b)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["int8", "int32", "int64", "uint8", "uint32"])
def test_what_an_integer_type_does_not_hold_saturates(name: str, device: str) -> None:
    limits = np.iinfo(DTYPES[name].numpy)
    beyond = 2.0 ** (DTYPES[name].bits - DTYPES[name].signed)
    floats = [np.inf, -np.inf, np.nan, 1e30, -1e30, beyond, -1.5]
    expected = [limits.max, limits.min, 0, limits.max, limits.min, limits.max, max(-1, limits.min)]
    with use_device(device):
        assert tensor(floats, dtype="float32").to(name).tolist() == expected
        assert tensor(floats, dtype="float64").to(name).tolist() == expected
        wide = tensor([2**63 - 1, -(2**63), 5], dtype="int64")
        assert wide.to(name).tolist() == [limits.max, limits.min, 5]
        assert tensor([-1, 300, 7], dtype="int32").to(name).tolist() == [max(-1, limits.min), min(300, limits.max), 7]
        assert wide.to("float32").tolist() == [2.0**63, -(2.0**63), 5.0]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", DTYPES)
def test_a_value_survives_the_way_through_a_device_and_a_list(name: str, device: str) -> None:
    with use_device(device):
        x = tensor(VALUES[name], dtype=name)
        seen = x.reshape(2, 3).T.reshape(6)[::1]
        order = [0, 3, 1, 4, 2, 5]
        assert seen.tolist() == [x.tolist()[i] for i in order]
        assert seen[0].item() == x.tolist()[0]
        assert seen.numpy().dtype == DTYPES[name].numpy
        assert functional.where(x == x, x, x).tolist() == x.tolist()


@pytest.mark.parametrize("device", DEVICES)
def test_integer_sums_do_not_overflow_unless_asked_to(device: str) -> None:
    with use_device(device):
        x = tensor([2**31 - 1, 2**31 - 1, 5], dtype="int32")
        assert x.sum().item() == 2**32 + 3
        assert x.sum(dtype="int32").item() == 3
        assert tensor([127] * 1000, dtype="int8").sum().item() == 127000
        assert (functional.ones(70000) == 1).sum().item() == 70000
        assert tensor([2**63 - 1, 1], dtype="int64").sum().item() == -(2**63)


def test_means_of_integers_and_differences_of_bools_are_refused() -> None:
    whole, truth = tensor([1, 2]), tensor([True, False])
    with pytest.raises(DTypeError, match=r"mean\(\) takes floats, not int32; use \.float\(\) first"):
        whole.mean()
    with pytest.raises(DTypeError, match=r"mean\(\) takes floats, not float32 as int64"):
        functional.ones(2).mean(dtype="int64")
    with pytest.raises(DTypeError, match=r"sum\(\) gives numbers, not bool"):
        truth.sum(dtype="bool")
    with pytest.raises(DTypeError, match="sub: there is no sub of bools; write a != b"):
        operator.sub(truth, truth)
    with pytest.raises(DTypeError, match="neg: there is no neg of bools; write ~a"):
        operator.neg(truth)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("number", [0.1, 3.14159, 257, 1 / 3, 1e-5])
def test_a_number_beside_bfloat16_is_not_rounded_first(number: float, device: str) -> None:
    operations: list[Callable[[Any, Any], Any]] = [operator.add, operator.sub, operator.mul, operator.truediv]
    values = np.arange(1, 200, dtype=np.float32)
    with use_device(device):
        x = tensor(values, dtype="bfloat16")
        for operation in operations:
            for narrow, wide in (
                (operation(x, number), operation(x.float(), number)),
                (operation(number, x), operation(number, x.float())),
                (operation(x, tensor(number, dtype="float32")), operation(x.float(), number)),
            ):
                assert str(narrow.dtype) == "bfloat16"
                assert narrow.tolist() == wide.to("bfloat16").tolist(), operation
        assert (x * number).tolist() == (torch.tensor(values).bfloat16() * number).float().tolist()


SUMMING: dict[str, Callable[[Any], Any]] = {
    "mean": lambda x: x.mean(),
    "mean of rows": lambda x: x.mean(1),
    "sum": lambda x: x.sum(),
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "cross_entropy": lambda x: F.cross_entropy(x, np.arange(len(x.shape) and x.shape[0]) % 7),
    "mse_loss": lambda x: F.mse_loss(x, x * 0),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy_with_logits(x, x * 0),
    "product": lambda x: (x @ x.T)[0],
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SUMMING)
def test_whatever_sums_bfloat16_does_so_in_float32_and_rounds_once(name: str, device: str) -> None:
    values = np.random.default_rng(5).normal(0.3, 1, (11, 300)).astype(np.float32)
    with use_device(device):
        x = tensor(values, dtype="bfloat16")
        narrow, wide = SUMMING[name](x), SUMMING[name](x.float())
        assert str(narrow.dtype) == "bfloat16"
        np.testing.assert_allclose(narrow.tolist(), wide.tolist(), rtol=2.0**-8 * 1.001)


@pytest.mark.parametrize("device", DEVICES)
def test_a_mean_of_many_ones_and_its_gradient(device: str) -> None:
    with use_device(device):
        ones = functional.ones(3000).to("bfloat16").requires_grad_()
        assert ones.mean().item() == 1.0
        scale = tensor(1.0, dtype="bfloat16", requires_grad=True)
        (functional.ones(3000).to("bfloat16") * scale).sum().backward()
        assert scale.grad is not None
        assert scale.grad.item() == torch.tensor(3000.0).bfloat16().item()


def test_data_out_of_range_name_the_type_that_holds_them() -> None:
    assert tensor([2**40, -1], dtype="int64").tolist() == [2**40, -1]
    assert str(tensor(np.array([1, 2])).dtype) == "int32"
    for data, dtype, message in (
        ([2**40], None, r"values 1099511627776\.\.1099511627776 do not fit into int32; give dtype='int64'"),
        (2**40, None, "do not fit into int32; give dtype='int64'"),
        ([2**70], None, r"values 1180591620717411303424\.\..* do not fit into int32$"),
        ([2**63], "int64", r"values 9223372036854775808\.\..* do not fit into int64$"),
        ([1e20], "int32", "do not fit into int32"),
        ([float("nan"), 1.0], "int8", "do not fit into int8"),
    ):
        with pytest.raises(DTypeError, match=message):
            tensor(data, dtype=dtype)


def test_int64_is_shown_indexed_and_batched() -> None:
    from weft.framework.data import DataLoader, TensorDataset

    x = tensor([2**40, -(2**40)], dtype="int64")
    assert repr(x) == "tensor([ 1099511627776, -1099511627776], dtype=int64)"
    assert "1099511627776" in x._repr_html_()
    assert tensor([1]).long().dtype is as_dtype("int64")
    ((batch,),) = DataLoader(TensorDataset(x), batch_size=2)
    assert (str(batch.dtype), batch.tolist()) == ("int64", x.tolist())
    assert str(TensorDataset(x)[0][0].dtype) == "int64"
    with pytest.raises(AxisError, match="one_hot: label 4294967296 in row 1 is not a class: there are 3 classes"):
        F.one_hot(tensor([2, 2**32], dtype="int64"), 3)
