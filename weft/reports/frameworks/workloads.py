"""What every framework is given alike: the data and the first weights of each row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Weights = dict[str, npt.NDArray[np.float32]]
X = TypeVar("X")

RATE, MOMENTUM = 0.01, 0.9


MLP, TOY = (784, 512, 512, 10), (4, 4, 2)
BATCH, TOY_BATCH = 64, 8
WIDTH, HEADS, TOKENS, SEQUENCES, HIDDEN = 128, 4, 64, 8, 512
STAGES = (64, 128, 256, 512)
"""Channels of ResNet-18's stages, of two blocks each."""
SMALL_STAGES, SMALL_BATCH = (16, 32, 64), 32
"""Channels of ResNet-20's stages, of three blocks each."""


def _uniform(rng: np.random.Generator, fan_in: int, *shape: int) -> npt.NDArray[np.float32]:
    """torch's own first weights: uniform within 1/√fan_in."""
    bound = fan_in**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def perceptron(widths: tuple[int, ...]) -> Weights:
    """First weights of linear layers, ``0.weight`` [out, in] and ``0.bias`` [out] onward."""
    rng = np.random.default_rng(1)
    weights: Weights = {}
    for n, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        weights[f"{n}.weight"] = _uniform(rng, inputs, outputs, inputs)
        weights[f"{n}.bias"] = _uniform(rng, inputs, outputs)
    return weights


def labelled(*shape: int, classes: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Random inputs of ``shape``, and a class for each of the first axis."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape).astype(np.float32), rng.integers(0, classes, shape[0]).astype(np.int32)


def lenet() -> Weights:
    """LeNet-5 for 28² images: two 5² convolutions (the first padded by 2), 2² maximum pooling, 400-120-84-10."""
    rng = np.random.default_rng(1)
    weights: Weights = {}
    for name, shape in (("conv1", (6, 1, 5, 5)), ("conv2", (16, 6, 5, 5)), ("fc1", (120, 400)), ("fc2", (84, 120)),
                        ("fc3", (10, 84))):  # fmt: skip
        fan_in = int(np.prod(shape[1:]))
        weights[f"{name}.weight"] = _uniform(rng, fan_in, *shape)
        weights[f"{name}.bias"] = _uniform(rng, fan_in, shape[0])
    return weights


def block() -> Weights:
    """A transformer block: x + attention(norm1(x)), then x + linear2(relu(linear1(norm2(x)))); names as torch's."""
    rng = np.random.default_rng(1)
    weights: Weights = {}
    for name, (outputs, inputs) in {
        "in_proj": (3 * WIDTH, WIDTH),
        "out_proj": (WIDTH, WIDTH),
        "linear1": (HIDDEN, WIDTH),
        "linear2": (WIDTH, HIDDEN),
    }.items():
        weights[f"{name}.weight"] = _uniform(rng, inputs, outputs, inputs)
        weights[f"{name}.bias"] = _uniform(rng, inputs, outputs)
    for name in ("norm1", "norm2"):
        weights[f"{name}.weight"], weights[f"{name}.bias"] = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    return weights


def sequences() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Inputs and wanted outputs of the block: [batch, tokens, width]."""
    rng = np.random.default_rng(0)
    shape = (SEQUENCES, TOKENS, WIDTH)
    return rng.standard_normal(shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32)


def _residual(stem: int, channels: Sequence[int], blocks: int, classes: int) -> Weights:
    rng = np.random.default_rng(1)
    weights: Weights = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, size: int) -> None:
        spread = np.sqrt(2 / (inputs * size**2))
        weights[f"{name}.weight"] = (spread * rng.standard_normal((outputs, inputs, size, size))).astype(np.float32)
        for part, low, high in (("weight", 0.5, 1), ("bias", -0.1, 0.1), ("running_mean", -0.1, 0.1),
                                ("running_var", 0.5, 1.5)):  # fmt: skip
            weights[f"{norm}.{part}"] = rng.uniform(low, high, outputs).astype(np.float32)

    inputs = channels[0]
    convolution("conv1", "bn1", inputs, 3, stem)
    for stage, outputs in enumerate(channels, start=1):
        for n in range(blocks):
            at = f"layer{stage}.{n}"
            convolution(f"{at}.conv1", f"{at}.bn1", outputs, inputs, 3)
            convolution(f"{at}.conv2", f"{at}.bn2", outputs, outputs, 3)
            if inputs != outputs:
                convolution(f"{at}.downsample.0", f"{at}.downsample.1", outputs, inputs, 1)
            inputs = outputs
    weights["fc.weight"], weights["fc.bias"] = _uniform(rng, inputs, classes, inputs), _uniform(rng, inputs, classes)
    return weights


def resnet18() -> Weights:
    """Weights of ResNet-18 by torchvision's names; its batch norms have seen data."""
    return _residual(7, STAGES, 2, 1000)


def resnet20() -> Weights:
    """Weights of ResNet-20 for 32² images, named alike, with a convolution in each shortcut that changes shape."""
    return _residual(3, SMALL_STAGES, 3, 10)


def residual_stages(
    x: X, weights: Iterable[str], stages: int, blocks: int, convolution: Callable[[X, str, str, int, int], X],
    relu: Callable[[X], X], add: Callable[[X, X], X],
) -> X:  # fmt: skip
    """The stages of a residual network in any framework. ``convolution`` takes x, its own name, that of the batch norm
    after it, stride and padding."""
    names = set(weights)
    for stage, n in itertools.product(range(1, stages + 1), range(blocks)):
        at, stride = f"layer{stage}.{n}", 2 if stage > 1 and n == 0 else 1
        y = relu(convolution(x, f"{at}.conv1", f"{at}.bn1", stride, 1))
        y = convolution(y, f"{at}.conv2", f"{at}.bn2", 1, 1)
        if f"{at}.downsample.0.weight" in names:
            x = convolution(x, f"{at}.downsample.0", f"{at}.downsample.1", stride, 0)
        x = relu(add(x, y))
    return x


def image() -> npt.NDArray[np.float32]:
    """One image, [1, 3, 224, 224]."""
    return np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)
