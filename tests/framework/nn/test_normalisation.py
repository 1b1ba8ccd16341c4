"""Normalisation layers against torch's, their running statistics too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.framework.nn.against_torch import Case, both, check, check_jitted, ids, normal
from weft.framework import nn, optim
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.tensor import tensor

CASES = [
    Case("LayerNorm", (4,), inputs=(normal(3, 4, scale=3),)),
    Case("LayerNorm", ((3, 4), 1e-2), inputs=(normal(2, 3, 4),)),
    Case("LayerNorm", (4,), {"elementwise_affine": False}, inputs=(normal(2, 3, 4),)),
    Case("LayerNorm", (4,), {"bias": False}, inputs=(normal(2, 3, 4),)),
    Case("LayerNorm", (4,), inputs=(normal(0, 4),)),
    Case("LayerNorm", (1,), inputs=(normal(3, 1),)),
    Case("RMSNorm", (4,), inputs=(normal(3, 4, scale=3),)),
    Case("RMSNorm", ((3, 4), 1e-3), inputs=(normal(2, 3, 4),)),
    Case("RMSNorm", (4,), {"elementwise_affine": False}, inputs=(normal(2, 4),)),
    Case("GroupNorm", (2, 4), inputs=(normal(3, 4, 5),)),
    Case("GroupNorm", (4, 4), inputs=(normal(3, 4, 2, 3),)),
    Case("GroupNorm", (1, 4, 1e-3, False), inputs=(normal(3, 4),)),
    *(
        Case(f"BatchNorm{d}d", (3, *args), options, inputs=(normal(4, 3, *shape),), steps=3, evaluates=evaluates)
        for d, shape in ((1, ()), (1, (5,)), (2, (2, 3)), (3, (2, 2, 2)))
        for evaluates in (False, True)
        for args, options in (
            ((), {}), ((1e-3, 0.3), {}), ((), {"momentum": None}), ((), {"affine": False}),
            ((), {"track_running_stats": False}),
        )
    ),
    *(
        Case(f"InstanceNorm{d}d", (3,), options, inputs=(normal(*batch, 3, *shape),), steps=2, evaluates=evaluates)
        for d, shape in ((1, (5,)), (2, (2, 3)), (3, (2, 2, 2)))
        for batch in ((), (4,))
        for evaluates in (False, True)
        for options in ({}, {"affine": True, "track_running_stats": True})
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", ids(CASES))
def test_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids([c for c in CASES if "1d" in c.layer or "2d" in c.layer or c.steps == 1]))
def test_jitted(case: Case) -> None:
    check_jitted(case)


def test_a_jitted_training_step_moves_the_statistics() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = both(Case("BatchNorm1d", (3,), {"momentum": None}))
    model, other = nn.Sequential(ours, nn.Linear(3, 1)), torch.nn.Sequential(theirs, torch.nn.Linear(3, 1))
    model.load_state_dict({name: value.numpy() for name, value in other.state_dict().items()})
    optimizer, theirs_too = optim.SGD(model.parameters(), lr=0.1), torch.optim.SGD(other.parameters(), lr=0.1)

    @weft.jit
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(4):
        x = np.random.default_rng(i).normal(i, 2, size=(6, 3)).astype(np.float32)
        theirs_too.zero_grad()
        loss = (other(torch.tensor(x)) ** 2).mean()
        loss.backward()
        theirs_too.step()
        np.testing.assert_allclose(step(tensor(x)).item(), loss.item(), rtol=1e-4)
    assert step.traces == 1
    for name, value in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    assert model.state_dict()["0.num_batches_tracked"] == 4
    model.eval()
    other.eval()
    np.testing.assert_allclose(model(tensor(x)).numpy(), other(torch.tensor(x)).detach().numpy(), rtol=1e-3, atol=1e-5)


def test_statistics_can_be_forgotten() -> None:
    layer = nn.BatchNorm1d(2)
    layer(tensor([[1.0, 2.0], [3.0, 5.0]]))
    layer.reset_running_stats()
    assert {name: value.tolist() for name, value in layer.named_buffers()} == {
        "running_mean": [0, 0], "running_var": [1, 1], "num_batches_tracked": 0,
    }  # fmt: skip


def test_bfloat16_statistics_are_taken_in_float32() -> None:
    x = np.full((64, 2), 256.0, np.float32)
    x[::2] += 2
    found = F.layer_norm(tensor(x.T, dtype="bfloat16"), 64)
    assert found.dtype.name == "bfloat16"
    np.testing.assert_allclose(np.abs(found.float().numpy()), 1, rtol=2**-8)
    layer = nn.BatchNorm1d(2)
    assert layer(tensor(x, dtype="bfloat16")).dtype.name == "bfloat16"
    assert layer.running_mean is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), [25.7, 25.7], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.BatchNorm1d(2)(tensor([[1.0, 2.0]])), r"more than 1 value for each channel in training"),
        (lambda: nn.BatchNorm1d(3)(tensor([[1.0, 2.0]])), r"BatchNorm1d\(3\) takes 2-dimensional or 3-.*3 channels"),
        (lambda: nn.BatchNorm2d(2)(tensor([[1.0, 2.0]])), r"BatchNorm2d\(2\) takes 4-dimensional input .* \[1, 2\]"),
        (lambda: nn.InstanceNorm1d(1)(tensor([[[1.0]]])), "instance_norm needs more than 1 value for each channel"),
        (lambda: nn.GroupNorm(3, 4), "GroupNorm: 4 channels do not make 3 groups"),
        (lambda: F.group_norm(tensor([[1.0, 2.0, 3.0]]), 2), r"takes \[N, C, ...\], C a multiple of 2, not \[1, 3\]"),
        (lambda: nn.LayerNorm(3)(tensor([[1.0, 2.0]])), r"layer_norm over \[3\] takes \[..., 3\], not \[1, 2\]"),
        (lambda: F.layer_norm(tensor([1, 2]), 2), r"layer_norm takes floats, not int32; use .float\(\) first"),
        (lambda: F.rms_norm(tensor([1.0, 2.0]), 2, tensor([1.0])), r"rms_norm: weight is \[2\], not \[1\]"),
        (lambda: F.batch_norm(tensor([[1.0], [2.0]]), None, None), "needs running_mean and running_var"),
        (
            lambda: F.batch_norm(tensor([[1.0], [2.0]]), tensor([1.0, 2.0]), tensor([1.0])),
            r"running_mean is \[1\], not \[2\]",
        ),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_normalisation.py:\d+: .*{message}"):
        call()
