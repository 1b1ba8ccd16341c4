"""Parameters as one vector, and what else of torch's layers is taken, or refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn.utils import clip_grad_value_, parameters_to_vector, vector_to_parameters
from weft.framework.tensor import tensor


def test_parameters_as_a_vector_and_back() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    made, aim = parameters_to_vector(ours.parameters()), torch.nn.utils.parameters_to_vector(theirs.parameters())
    np.testing.assert_array_equal(made.numpy(), aim.detach().numpy())
    (made * made).sum().backward()
    (aim * aim).sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)
    vector_to_parameters(tensor(np.arange(8.0)), ours.parameters())
    assert ours.weight.numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert ours.weight.requires_grad
    assert parameters_to_vector(ours.parameters()).numpy().tolist() == list(range(8))


def test_one_tensor_stands_for_a_list_of_it() -> None:
    x = tensor([3.0], requires_grad=True)
    (x * x).sum().backward()
    clip_grad_value_(x, 2.0)
    assert x.grad is not None
    assert x.grad.tolist() == [2.0]
    vector_to_parameters(tensor([5.0]), x)
    assert x.tolist() == [5.0]


def test_embedding_takes_torchs_arguments_in_its_order() -> None:
    torch = pytest.importorskip("torch")
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    ours = nn.Embedding(3, 2, 1, None, 2.0, False, False, tensor(table), True)
    theirs = torch.nn.Embedding(3, 2, 1, None, 2.0, False, False, torch.tensor(table), True)
    assert repr(ours) == repr(theirs)
    assert ours.weight.requires_grad == theirs.weight.requires_grad
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.numpy())


def test_double_keeps_what_float32_cannot_hold() -> None:
    layer = nn.Linear(2, 1).double()
    assert layer.weight.dtype is weft.float64
    assert layer(weft.zeros(1, 2, dtype="float64")).dtype is weft.float64


NO_TENSORS: list[Any] = [[None], nn.Linear(1, 1)]  # what a type checker would refuse


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Linear(2, 1).half(), "there is no float16; bfloat16"),
        (lambda: nn.Embedding(3, 2, max_norm=1.0), "max_norm is not supported; scale the rows of weight"),
        (lambda: nn.Embedding(3, 2, scale_grad_by_freq=True), "scale_grad_by_freq is not supported; divide"),
        (lambda: nn.Embedding(3, 2, sparse=True), "sparse is not supported; the gradient is dense"),
        (lambda: nn.Embedding(3, 2, _weight=weft.zeros(2, 3)), r"_weight is \[3, 2\], not \[2, 3\]"),
        (lambda: parameters_to_vector(NO_TENSORS[0]), "takes tensors, such as model.parameters.., not a NoneType"),
        (lambda: parameters_to_vector([]), "takes one parameter or more"),
        (
            lambda: parameters_to_vector([weft.zeros(1), weft.zeros(1, dtype="bfloat16")]),
            "of one element type, not float32 and bfloat16",
        ),
        (lambda: parameters_to_vector(NO_TENSORS[1]), "takes tensors, such as model.parameters"),
        (lambda: vector_to_parameters(weft.zeros(3), nn.Linear(1, 1).parameters()), r"so vec is \[2\], not \[3\]"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_vectors.py:\d+: .*{message}"):
        call()
