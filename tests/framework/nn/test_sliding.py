"""Convolution and pooling layers, and padding, against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.framework.nn.against_torch import Case, check, check_jitted, ids, normal
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.tensor import tensor

LINE, PLANE = (normal(2, 4, 7),), (normal(2, 4, 6, 5),)
CASES = [
    Case("Conv1d", (4, 6, 3), inputs=LINE),
    Case("Conv1d", (4, 6, 3), {"padding": "same", "dilation": 2}, inputs=LINE),
    Case("Conv1d", (4, 6, 3, 2, 1, 1, 2, False), inputs=(normal(4, 7),)),
    Case("Conv2d", (4, 6, 3), inputs=PLANE),
    Case("Conv2d", (4, 6, (2, 3), (2, 1), (1, 0)), {"groups": 2}, inputs=PLANE),
    Case("Conv2d", (4, 4, 3), {"padding": 1, "groups": 4, "bias": False, "stride": 2}, inputs=PLANE),
    Case("Conv2d", (4, 3, 1), inputs=(normal(0, 4, 3, 3),)),
    *(
        Case("Conv2d", (4, 2, 3), {"padding": (2, 1), "padding_mode": mode}, inputs=PLANE)
        for mode in ("reflect", "replicate", "circular")
    ),
    Case("Conv1d", (4, 2, 4), {"padding": "same", "padding_mode": "circular"}, inputs=LINE),
    Case("ConvTranspose1d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, inputs=LINE),
    Case("ConvTranspose2d", (4, 6, 3), {"stride": 2, "groups": 2, "bias": False}, inputs=PLANE),
    Case("ConvTranspose2d", (4, 2, (2, 3)), {"dilation": 2, "output_padding": 1}, inputs=PLANE),
    Case("MaxPool1d", (2,), inputs=LINE),
    Case("MaxPool2d", (2,), inputs=PLANE),
    Case("MaxPool2d", (3, 2, 1), {"ceil_mode": True}, inputs=PLANE),
    Case("MaxPool2d", ((2, 3),), {"dilation": 2, "stride": (1, 2)}, inputs=(normal(4, 6, 5),)),
    Case("AvgPool1d", (2,), inputs=LINE),
    Case("AvgPool2d", (3, 2, 1), {"count_include_pad": False}, inputs=PLANE),
    Case("AvgPool2d", (2,), {"divisor_override": 3, "ceil_mode": True}, inputs=PLANE),
    Case("AdaptiveAvgPool1d", (3,), inputs=LINE),
    Case("AdaptiveAvgPool2d", (1,), inputs=PLANE),
    Case("AdaptiveAvgPool2d", ((3, None),), inputs=PLANE),
    Case("AdaptiveMaxPool1d", (3,), inputs=LINE),
    Case("AdaptiveMaxPool2d", ((2, 3),), inputs=PLANE),
    *(
        Case("Unfold", windows, inputs=inputs)
        for windows in ((2,), ((2, 3),), (3, 1, 1, 2), ((2, 3), (2, 1), (0, 2), (3, 1)), ((6, 5),))
        for inputs in (PLANE, (normal(4, 6, 5),), (normal(0, 4, 6, 5),))
    ),
    *(
        Case("Fold", windows, inputs=(normal(*batch, columns, number),))
        for windows, columns, number in (
            (((6, 5), 2), 12, 20), (((6, 5), (2, 3), (2, 1), (0, 2), (3, 1)), 18, 14), ((4, 3, 1, 1, 2), 27, 4),
        )
        for batch in ((2,), (), (0,))
    ),
]


@pytest.mark.parametrize("case", ids(CASES))
def test_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids(CASES[::2]))
def test_jitted(case: Case) -> None:
    check_jitted(case)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("around", [(1, 2), (0, 1, 2, 0), (2, 1, 1, 1)])
def test_padding(mode: str, around: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 3)).astype(np.float32)
    x = x if len(around) == 4 else x[0]
    mine, theirs = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, expected = F.pad(mine, around, mode), torch.nn.functional.pad(theirs, around, mode)
    np.testing.assert_array_equal(found.numpy(), expected.detach().numpy())
    cotangent = np.random.default_rng(1).normal(size=found.shape).astype(np.float32)
    (found * tensor(cotangent)).sum().backward()
    (expected * torch.tensor(cotangent)).sum().backward()
    assert mine.grad is not None
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-6, atol=1e-6)


def test_padding_cuts_and_fills() -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for around, value in (((-1, 2), 5.0), ((1, -2, -1, 0), None), ((), 1.0)):
        expected = torch.nn.functional.pad(torch.tensor(x), around, value=value)
        np.testing.assert_array_equal(F.pad(tensor(x), around, value=value).numpy(), expected.numpy())
    assert F.pad(tensor([1, 2]), (1, 0), value=7).tolist() == [7, 1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: 3 and 4 channels do not divide into 2 groups"),
        (lambda: nn.Conv2d(3, 4, 0), r"Conv2d: kernel_size is at least 1, not \[0, 0\]"),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), r"Conv2d: kernel_size is one number or 2, not \[1, 2, 3\]"),
        (lambda: nn.Conv1d(3, 4, 3, padding="full"), "is a number, 'valid' or, with stride 1, 'same', not 'full'"),
        (lambda: nn.Conv1d(3, 4, 3, 2, padding="same"), "'valid' or, with stride 1, 'same', not 'same'"),
        (lambda: nn.Conv1d(3, 4, 3, padding_mode="mirror"), "padding_mode is 'zeros', 'reflect', .*, not 'mirror'"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, padding_mode="reflect"), "padding_mode is 'zeros', not 'reflect'"),
        (lambda: nn.Conv1d(2, 1, 1)(tensor([[1.0, 2.0]])), "conv1d: the weight .* has 1$"),
        (lambda: F.pad(tensor([1.0]), (1,)), r"pad takes two numbers for each of some last axes of \[1\]"),
        (lambda: F.pad(tensor([1.0, 2.0]), (2, 0), "reflect"), r"pad: 2 and 0 around axis 0 of \[2\] \(reflect\)"),
        (lambda: F.pad(tensor([1.0]), (1, 1), "edge"), "mode is constant, reflect, replicate or circular, not 'edge'"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_sliding.py:\d+: .*{message}"):
        call()
