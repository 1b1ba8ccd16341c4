"""The rows in torch, eager and compiled."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from weft.reports.frameworks import workloads
from weft.reports.frameworks.workloads import RATE, Array, Weights

Step = Callable[[], Any]
F: Any = torch.nn.functional


def prepare(threads: int) -> None:
    """Compute with so many threads."""
    torch.set_num_threads(threads)


def finish(value: Any) -> float:
    """A step's loss, or the first number of what it gives."""
    return float(value.detach().numpy().flat[0])


def _step(model: Any, loss_of: Callable[[Any, Any], Any], data: tuple[Array, ...], momentum: float,
          compiled: bool) -> Step:  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=momentum)

    def forward(x: Any, y: Any) -> Any:
        return loss_of(model(x), y)

    run: Any = torch.compile(forward) if compiled else forward
    x, y = (torch.from_numpy(array) for array in data)
    if not y.is_floating_point():
        y = y.long()

    def step() -> Any:
        optimizer.zero_grad()
        loss = run(x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _perceptron(widths: tuple[int, ...], batch: int, compiled: bool) -> Step:
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for ours, array in zip(model.parameters(), workloads.perceptron(widths).values(), strict=True):
            ours.copy_(torch.from_numpy(array))
    data = workloads.labelled(batch, widths[0], classes=widths[-1])
    return _step(model, F.cross_entropy, data, workloads.MOMENTUM, compiled)


class _Named(torch.nn.Module):
    """A model whose parameters have the names of the workload's weights, with _ for the dot."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name, array in weights.items():
            value = torch.from_numpy(array)
            if "running" in name:
                self.register_buffer(name.replace(".", "_"), value)
            else:
                self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(value))

    def named(self, name: str) -> Any:
        """One of them."""
        return getattr(self, name.replace(".", "_"))

    def pair(self, name: str) -> tuple[Any, Any]:
        """The weight and the bias of a layer."""
        return self.named(f"{name}.weight"), self.named(f"{name}.bias")


class _LeNet(_Named):
    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(F.conv2d(x, *self.pair("conv1"), padding=2)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, *self.pair("conv2"))), 2).flatten(1)
        x = F.relu(F.linear(x, *self.pair("fc1")))
        return F.linear(F.relu(F.linear(x, *self.pair("fc2"))), *self.pair("fc3"))


class _Block(_Named):
    def forward(self, x: Any) -> Any:
        batch, tokens, width = x.shape
        heads = workloads.HEADS
        qkv = F.linear(F.layer_norm(x, (width,), *self.pair("norm1")), *self.pair("in_proj"))
        query, key, value = qkv.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, tokens, width)
        x = x + F.linear(mixed, *self.pair("out_proj"))
        hidden = F.linear(F.layer_norm(x, (width,), *self.pair("norm2")), *self.pair("linear1"))
        return x + F.linear(F.relu(hidden), *self.pair("linear2"))


def _lenet(compiled: bool) -> Step:
    data = workloads.labelled(workloads.BATCH, 1, 28, 28, classes=10)
    return _step(_LeNet(workloads.lenet()), F.cross_entropy, data, workloads.MOMENTUM, compiled)


def _transformer(compiled: bool) -> Step:
    return _step(_Block(workloads.block()), F.mse_loss, workloads.sequences(), 0.0, compiled)


def _resnet18(compiled: bool) -> Step:
    weights = {name: torch.from_numpy(array) for name, array in workloads.resnet18().items()}

    def convolution(x: Any, name: str, norm: str, stride: int, padding: int) -> Any:
        x = F.conv2d(x, weights[f"{name}.weight"], stride=stride, padding=padding)
        parts = (weights[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, False)

    def forward(x: Any) -> Any:
        x = F.max_pool2d(F.relu(convolution(x, "conv1", "bn1", 2, 3)), 3, 2, 1)
        x = workloads.residual_stages(x, weights, 4, 2, convolution, F.relu, torch.add)
        return F.linear(x.mean((2, 3)), weights["fc.weight"], weights["fc.bias"])

    run: Any = torch.compile(forward) if compiled else forward
    x = torch.from_numpy(workloads.image())

    def step() -> Any:
        with torch.inference_mode():
            return run(x)

    return step


class _ResNet20(_Named):
    def forward(self, x: Any) -> Any:
        x = F.relu(self._convolution(x, "conv1", "bn1", 1, 1))
        x = workloads.residual_stages(x, workloads.resnet20(), 3, 3, self._convolution, F.relu, torch.add)
        return F.linear(x.mean((2, 3)), *self.pair("fc"))

    def _convolution(self, x: Any, name: str, norm: str, stride: int, padding: int) -> Any:
        x = F.conv2d(x, self.named(f"{name}.weight"), stride=stride, padding=padding)
        parts = (self.named(f"{norm}.{part}") for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, True)


def _resnet20(compiled: bool) -> Step:
    data = workloads.labelled(workloads.SMALL_BATCH, 3, 32, 32, classes=10)
    return _step(_ResNet20(workloads.resnet20()), F.cross_entropy, data, workloads.MOMENTUM, compiled)


EAGER: Mapping[str, Callable[[], Step]] = {
    "mlp": functools.partial(_perceptron, workloads.MLP, workloads.BATCH, False),
    "lenet": functools.partial(_lenet, False),
    "transformer": functools.partial(_transformer, False),
    "resnet18": functools.partial(_resnet18, False),
    "resnet20": functools.partial(_resnet20, False),
    "toy": functools.partial(_perceptron, workloads.TOY, workloads.TOY_BATCH, False),
    "toy-jit": functools.partial(_perceptron, workloads.TOY, workloads.TOY_BATCH, False),
}
"""Row → what makes its step."""

COMPILED: Mapping[str, Callable[[], Step]] = {
    "mlp": functools.partial(_perceptron, workloads.MLP, workloads.BATCH, True),
    "lenet": functools.partial(_lenet, True),
    "transformer": functools.partial(_transformer, True),
    "resnet18": functools.partial(_resnet18, True),
    "resnet20": functools.partial(_resnet20, True),
    "toy-jit": functools.partial(_perceptron, workloads.TOY, workloads.TOY_BATCH, True),
}
"""The same through torch.compile."""
