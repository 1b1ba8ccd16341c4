"""A two-layer perceptron on top of tracer and autodiff, trained on handwritten digits.

    python train.py
"""

from __future__ import annotations

from itertools import pairwise

import data
import numpy as np
from autodiff import gradients
from tracer import Tensor, realise, tensor


def initial(widths: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Weights and biases in turn, float32: [w0, b0, w1, b1, …]."""
    rng = np.random.default_rng(seed)
    parameters = []
    for n, m in pairwise(widths):
        parameters.append(tensor(rng.normal(0, np.sqrt(2 / n), (n, m)), "float32"))
        parameters.append(tensor(np.zeros(m), "float32"))
    return parameters


def logits(parameters: list[Tensor], images: Tensor) -> Tensor:
    """The network: [batch, pixels] to [batch, classes]."""
    w0, b0, w1, b1 = parameters
    return (images @ w0 + b0).relu() @ w1 + b1


def cross_entropy(z: Tensor, one_hot: Tensor) -> Tensor:
    """The mean over the batch of -log softmax(z)[the right class]."""
    return (z.exp().sum((1,)).log() - (z * one_hot).sum((1,))).sum() / z.shape[0]


def training_step(
    parameters: list[Tensor], images: Tensor, one_hot: Tensor, rate: float
) -> tuple[float, list[Tensor]]:
    """One step of gradient descent: the loss before the step, as a float, and the parameters after it.

    Every new parameter is its old one minus ``rate`` times its gradient. It is a *leaf* with its value: it must not
    remember how it came about, or the recorded graph would grow with every step. The old parameters stay as they are.
    """
    # hole: training-step
    loss = cross_entropy(logits(parameters, images), one_hot)
    updated = [p - rate * g for p, g in zip(parameters, gradients(loss, parameters), strict=True)]
    realise(loss, *updated)
    return float(loss.numpy()), [tensor(p.numpy(), p.dtype) for p in updated]
    # end hole


def train(images: np.ndarray, labels: np.ndarray, epochs: int, batch: int = 64, rate: float = 0.2) -> list[Tensor]:
    """Train on images [n, pixels] and labels [n]; print each epoch's mean loss; the trained parameters."""
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    parameters = initial((images.shape[1], 32, one_hot.shape[1]))
    for epoch in range(epochs):
        losses = []
        for start in range(0, len(images) - batch + 1, batch):
            x, y = (tensor(a[start : start + batch], "float32") for a in (images, one_hot))
            loss, parameters = training_step(parameters, x, y, rate)
            losses.append(loss)
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")
    return parameters


def accuracy(parameters: list[Tensor], images: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of images whose largest logit is that of the right class."""
    guesses = logits(parameters, tensor(images, "float32")).numpy().argmax(axis=1)
    return float((guesses == labels).mean())


if __name__ == "__main__":
    digits = data.digits()
    trained = train(digits.train_images, digits.train_labels, epochs=20)
    print(f"{accuracy(trained, digits.test_images, digits.test_labels):.1%} of the test images are right")
