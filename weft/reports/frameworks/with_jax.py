"""The rows in jax, jitted, old weights given up to the new."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from weft.reports.frameworks import workloads
from weft.reports.frameworks.workloads import RATE, Array, Weights

Step = Callable[[], Any]


def prepare(threads: int) -> None:
    """XLA takes as many threads as the process may use cores."""


def finish(value: Any) -> float:
    """A step's loss, or the first number of what it gives, when it is there."""
    return float(np.asarray(value).flat[0])


def _step(loss_of: Callable[[Any, Any, Any], Any], weights: Weights, data: tuple[Array, ...], momentum: float) -> Step:
    x, y = (jnp.asarray(array) for array in data)
    state: list[Any] = [{name: jnp.asarray(array) for name, array in weights.items()}]
    state.append({name: jnp.zeros_like(array) for name, array in state[0].items()} if momentum else {})

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train(weights: Any, velocity: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        if momentum:
            velocity = {name: momentum * velocity[name] + gradients[name] for name in weights}
        step = velocity if momentum else gradients
        return {name: weights[name] - RATE * step[name] for name in weights}, velocity, loss

    def step() -> Any:
        state[0], state[1], loss = train(*state, x, y)
        return loss

    return step


def _cross_entropy(logits: Any, labels: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def _linear(weights: Any, name: str, x: Any) -> Any:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _perceptron(widths: tuple[int, ...], batch: int) -> Step:
    def loss(weights: Any, x: Any, y: Any) -> Any:
        last = len(widths) - 2
        for n in range(last):
            x = jax.nn.relu(_linear(weights, str(n), x))
        return _cross_entropy(_linear(weights, str(last), x), y)

    data = workloads.labelled(batch, widths[0], classes=widths[-1])
    return _step(loss, workloads.perceptron(widths), data, workloads.MOMENTUM)


def _pool(x: Any) -> Any:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _lenet() -> Step:
    def convolution(weights: Any, name: str, x: Any, padding: int) -> Any:
        y = jax.lax.conv_general_dilated(x, weights[f"{name}.weight"], (1, 1), [(padding, padding)] * 2)
        return jax.nn.relu(y + weights[f"{name}.bias"][:, None, None])

    def loss(weights: Any, x: Any, y: Any) -> Any:
        x = _pool(convolution(weights, "conv1", x, 2))
        x = _pool(convolution(weights, "conv2", x, 0)).reshape(x.shape[0], -1)
        x = jax.nn.relu(_linear(weights, "fc1", x))
        return _cross_entropy(_linear(weights, "fc3", jax.nn.relu(_linear(weights, "fc2", x))), y)

    data = workloads.labelled(workloads.BATCH, 1, 28, 28, classes=10)
    return _step(loss, workloads.lenet(), data, workloads.MOMENTUM)


def _transformer() -> Step:
    heads, size = workloads.HEADS, workloads.WIDTH // workloads.HEADS

    def norm(weights: Any, name: str, x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def loss(weights: Any, x: Any, y: Any) -> Any:
        batch, tokens, width = x.shape
        qkv = _linear(weights, "in_proj", norm(weights, "norm1", x))
        query, key, value = qkv.reshape(batch, tokens, 3, heads, size).transpose(2, 0, 3, 1, 4)
        scores = jax.nn.softmax(query @ key.transpose(0, 1, 3, 2) * size**-0.5)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, tokens, width)
        x = x + _linear(weights, "out_proj", mixed)
        hidden = jax.nn.relu(_linear(weights, "linear1", norm(weights, "norm2", x)))
        return jnp.square(x + _linear(weights, "linear2", hidden) - y).mean()

    return _step(loss, workloads.block(), workloads.sequences(), 0.0)


def _resnet18() -> Step:
    def convolution(weights: Any, x: Any, name: str, norm: str, stride: int, padding: int) -> Any:
        x = jax.lax.conv_general_dilated(x, weights[f"{name}.weight"], (stride, stride), [(padding, padding)] * 2)
        mean, variance, scale, bias = (
            weights[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) * (scale * jax.lax.rsqrt(variance + 1e-5)) + bias

    def forward(weights: Any, x: Any) -> Any:
        layer = functools.partial(convolution, weights)
        x = jax.nn.relu(layer(x, "conv1", "bn1", 2, 3))
        x = jax.lax.reduce_window(
            x, -jnp.inf, jax.lax.max, (1, 1, 3, 3), (1, 1, 2, 2), ((0, 0), (0, 0), (1, 1), (1, 1))
        )
        x = workloads.residual_stages(x, weights, 4, 2, layer, jax.nn.relu, jnp.add)
        return _linear(weights, "fc", x.mean((2, 3)))

    weights = {name: jnp.asarray(array) for name, array in workloads.resnet18().items()}
    image = jnp.asarray(workloads.image())
    run = jax.jit(forward)
    return lambda: run(weights, image)


STEPS: Mapping[str, Callable[[], Step]] = {
    "mlp": functools.partial(_perceptron, workloads.MLP, workloads.BATCH),
    "lenet": _lenet,
    "transformer": _transformer,
    "resnet18": _resnet18,
    "toy-jit": functools.partial(_perceptron, workloads.TOY, workloads.TOY_BATCH),
}
"""Row → what makes its step."""
