"""Activations, as modules and as functions, against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.framework.nn.against_torch import Case, check, check_jitted, fixed, ids, narrow, normal
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.tensor import tensor

WIDE = (normal(5, 6, scale=4),)
TIES = (fixed(-6, -3, -1, -0.5, -0.0, 0, 0.5, 1, 3, 6, 20, 30, -30),)
PLAIN = (
    "ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh", "LogSigmoid", "Softsign",
    "Tanhshrink", "ELU", "CELU", "GELU", "LeakyReLU", "Softplus", "Hardtanh", "Hardshrink", "Softshrink",
)  # fmt: skip
CASES = [
    *(Case(name, inputs=WIDE) for name in PLAIN),
    *(Case(name, inputs=TIES) for name in PLAIN),
    Case("ELU", (0.3,), inputs=WIDE),
    Case("CELU", (0.3,), inputs=WIDE),
    Case("GELU", ("tanh",), inputs=WIDE),
    Case("LeakyReLU", (0.2,), inputs=WIDE),
    Case("Softplus", (2.0, 5.0), inputs=WIDE),
    Case("Hardtanh", (-2.0, 0.5), inputs=WIDE),
    Case("Hardshrink", (1.5,), inputs=WIDE),
    Case("Softshrink", (1.5,), inputs=WIDE),
    Case("Threshold", (0.1, 20.0), inputs=WIDE),
    Case("PReLU", inputs=WIDE),
    Case("PReLU", inputs=(normal(7),)),
    Case("PReLU", (6,), inputs=(normal(2, 6, 3),)),
    Case("PReLU", (3, 0.5), inputs=(normal(2, 3, 2, 2),)),
    Case("GLU", inputs=WIDE),
    Case("GLU", (0,), inputs=(normal(4, 3),)),
    *(Case(name, (dim,), inputs=WIDE) for name in ("Softmax", "Softmin", "LogSoftmax") for dim in (0, 1, -1)),
    Case("Softmax", (1,), inputs=(normal(2, 3, 4),)),
    Case("Softmax", (0,), inputs=(normal(1, 0),)),
    *(Case(name, inputs=(normal(0, 3),)) for name in ("ReLU", "GELU", "ELU", "Softplus", "Hardtanh")),
]


@pytest.mark.parametrize("case", ids(CASES))
def test_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids([Case(name, inputs=WIDE) for name in PLAIN]))
def test_jitted(case: Case) -> None:
    check_jitted(case)


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "Tanhshrink"])  # torch rounds tanh first
def test_bfloat16_is_rounded_once(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = narrow(Case(name, inputs=WIDE))
    assert found.dtype.name == "bfloat16"
    x = torch.tensor(WIDE[0](np.random.default_rng(100))).bfloat16()
    expected = getattr(torch.nn, name)()(x)
    np.testing.assert_allclose(found.float().numpy(), expected.float().numpy(), rtol=2**-7, atol=1e-6)


@pytest.mark.parametrize("name", ["ReLU", "ELU", "SiLU", "Hardswish", "LeakyReLU", "Mish", "SELU", "ReLU6"])
def test_in_place(name: str) -> None:
    x = tensor([[-1.0, 2.0]])
    layer = getattr(nn, name)(inplace=True)
    assert "inplace=True" in repr(layer)
    y = layer(x)
    assert x.tolist() == y.tolist() == getattr(nn, name)()(tensor([[-1.0, 2.0]])).tolist()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38, -1e38, 1e-40])
def test_what_is_not_finite(value: float) -> None:
    torch = pytest.importorskip("torch")
    for name in PLAIN:
        found, expected = getattr(nn, name)()(tensor([value])), getattr(torch.nn, name)()(torch.tensor([value]))
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-38, err_msg=name)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_the_axis_that_is_taken_where_none_is_given(rank: int) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 2)[:rank]).astype(np.float32)
    for name in ("softmax", "log_softmax", "softmin"):
        dim = 0 if rank in (1, 3) else 1
        expected = getattr(torch.nn.functional, name)(torch.tensor(x), dim=dim)
        np.testing.assert_allclose(getattr(F, name)(tensor(x)).numpy(), expected.numpy(), rtol=1e-6)


UNCHECKED: Any = F


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.gelu(x, approximate="cubic"), "gelu: approximate is 'none' or 'tanh', not 'cubic'"),
        (lambda x: F.elu(tensor([1])), r"elu takes floats, not int32; use .float\(\) first"),
        (lambda x: F.celu(x, 0), "celu divides by alpha, which is 0"),
        (lambda x: F.prelu(x, tensor([0.1, 0.2, 0.3])), r"one for each of the 2 channels of \[1, 2\], not \[3\]"),
        (lambda x: F.hardtanh(x, 1, -1), "min_val ≤ max_val; they are 1.0 and -1.0"),
        (lambda x: F.softshrink(x, -1), "lambd is not negative; it is -1.0"),
        (lambda x: F.glu(tensor([[1.0, 2.0, 3.0]])), r"glu halves axis -1, which \[1, 3\] does not allow"),
        (lambda x: UNCHECKED.leaky_relu(x, "x"), "negative_slope is a number, not 'x'"),
        (lambda x: UNCHECKED.silu(None), "silu was given None; give a tensor or an array"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_activations.py:\d+: .*{message}"):
        call(tensor([[1.0, 2.0]]))
