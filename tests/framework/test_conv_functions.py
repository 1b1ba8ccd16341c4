"""conv1d, conv2d and the transposed ones: values and gradients of torch, and what is said of what does not fit."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from weft.framework.errors import FrameworkError
from weft.framework.tensor import Tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of convolutions")
NAMES = ("conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d")


def drawn(name: str, seed: int) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Input, weight, bias and options of a convolution that has a result."""
    rng, axes = random.Random(seed), int(name[-2])
    numbers = np.random.default_rng(seed)
    groups, channels, features = (rng.choice(pool) for pool in ((1, 1, 2, 3), (1, 2), (1, 3)))
    window = [rng.choice((1, 2, 3)) for _ in range(axes)]
    options: dict[str, Any] = {"groups": groups}
    for option, pool in (("stride", (1, 2, 3)), ("dilation", (1, 2)), ("padding", (0, 1, 2))):
        drawn = tuple(rng.choice(pool) for _ in range(axes))
        options[option] = drawn if rng.random() < 0.6 else drawn[0]
    lead = [] if rng.random() < 0.2 else [rng.choice((1, 2, 3))]
    inside = groups * channels
    weight = [groups * features, channels, *window]
    if "transpose" in name:
        if rng.random() < 0.5:
            options["output_padding"] = tuple(
                rng.randrange(max(s, d)) for s, d in zip(*(each(options[o], axes) for o in ("stride", "dilation")),
                                                         strict=True)
            )  # fmt: skip
        weight = [inside, features, *window]
    elif rng.random() < 0.3:
        options |= {"padding": rng.choice(("same", "valid")), "stride": 1}
    extents = [rng.choice((7, 8, 9)) for _ in range(axes)]
    count = groups * features
    shapes = ([*lead, inside, *extents], weight, [count])
    arrays = [numbers.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    return arrays if rng.random() < 0.7 else arrays[:2], options


def each(given: Any, axes: int) -> tuple[int, ...]:
    return given if isinstance(given, tuple) else (given,) * axes


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # torch's, of its own cost
@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_those_of_torch(name: str, seed: int) -> None:
    arrays, options = drawn(name, seed)
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    wanted, made = getattr(torch.nn.functional, name)(*theirs, **options), getattr(F, name)(*ours, **options)
    np.testing.assert_array_equal(made.numpy(), wanted.detach().numpy())
    (wanted * wanted).sum().backward()
    (made * made).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6)


def test_types_are_kept_and_int8_becomes_int32() -> None:
    x, w = weft.ones(1, 2, 5), weft.ones(3, 2, 3)
    assert F.conv1d(x, w).dtype is weft.float32
    assert F.conv1d(x.to(weft.bfloat16), w.to(weft.bfloat16)).dtype is weft.bfloat16
    assert F.conv1d(x.to(weft.int8), w.to(weft.int8)).numpy().tolist() == [[[6] * 3] * 3]
    assert F.conv1d(x.to(weft.int8), w.to(weft.int8)).dtype is weft.int32


X, W = weft.ones(1, 4, 5, 5), weft.ones(6, 4, 3, 3)
FRACTION: Any = 1.5
NOTHING: Any = None
WRONG: dict[str, Any] = {
    "conv2d takes [N, channels, height, width] or the same without N, not [4, 5]": lambda: F.conv2d(X[0, 0, :4], W),
    "conv1d takes [N, channels, length] or the same without N, not [1, 4, 5, 5]": lambda: F.conv1d(X, W),
    "conv2d: the weight has 4 axes, none without elements, not [4, 3, 3]": lambda: F.conv2d(X, W[0]),
    "conv2d: the weight [6, 4, 3, 3] takes 4 channels in each of 2 groups, but the input [1, 4, 5, 5] has 4": (
        lambda: F.conv2d(X, W, groups=2)
    ),
    "conv2d: 6 output channels are not 4 equal groups": lambda: F.conv2d(X, weft.ones(6, 1, 3, 3), groups=4),
    "conv2d: groups is at least 1 and at most 2^40; it is 0": lambda: F.conv2d(X, W, groups=0),
    "conv2d: the kernel reaches over [7, 5], but the padded input has [5, 5]": (
        lambda: F.conv2d(X, W, dilation=(3, 2))
    ),
    "conv2d: stride is one number or 2, not [1, 1, 1]": lambda: F.conv2d(X, W, stride=(1, 1, 1)),
    "conv2d: stride is at least 1, not [0, 0]": lambda: F.conv2d(X, W, stride=0),
    "conv2d: padding is at least 0, not [-1, -1]": lambda: F.conv2d(X, W, padding=-1),
    "conv2d: stride is an integer, not 1.5": lambda: F.conv2d(X, W, stride=FRACTION),
    "conv2d: padding is a number, 'valid' or 'same', not 'full'": lambda: F.conv2d(X, W, padding="full"),
    "conv2d: padding='same' goes with stride 1, not [2, 2]": lambda: F.conv2d(X, W, padding="same", stride=2),
    "conv2d: the bias has shape [6], not [4]": lambda: F.conv2d(X, W, weft.ones(4)),
    "conv2d: input and weight are of one type, float32, float64, bfloat16, int8, int32, int64, not float32 and": (
        lambda: F.conv2d(X, W.to(weft.bfloat16))
    ),
    "conv2d was given None; give a tensor or an array": lambda: F.conv2d(X, NOTHING),
    "conv_transpose2d: the weight [6, 4, 3, 3] takes 6 channels, but the input [1, 4, 5, 5] has 4": (
        lambda: F.conv_transpose2d(X, W)
    ),
    "conv_transpose2d: 4 input channels are not 3 equal groups": (
        lambda: F.conv_transpose2d(X, weft.ones(4, 2, 3, 3), groups=3)
    ),
    "conv_transpose2d: output_padding [1, 1] must be less than stride or dilation": (
        lambda: F.conv_transpose2d(X, weft.ones(4, 2, 3, 3), output_padding=1)
    ),
    "conv_transpose2d: so much padding leaves nothing: the result would have [-1, -1]": (
        lambda: F.conv_transpose2d(X, weft.ones(4, 2, 3, 3), padding=4)
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_said_at_the_users_line(message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"^tests/framework/test_conv_functions.py:\d+: {re.escape(message)}"):
        WRONG[message]()
