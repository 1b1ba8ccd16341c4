"""The rows in weft, written as a user would write them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import nn, optim
from weft.framework.device import set_default_device
from weft.framework.jit import jit
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor
from weft.reports.frameworks import workloads
from weft.reports.frameworks.workloads import RATE, Array, Weights

Step = Callable[[], Tensor]


def prepare(threads: int) -> None:
    """Compute with so many threads."""
    set_default_device(CpuDevice(threads=threads))


def finish(value: Any) -> float:
    """A step's loss, or the first number of what it gives, when it is there."""
    return float(value.numpy().flat[0])


def _step(model: Any, loss_of: Callable[[Tensor, Tensor], Tensor], data: tuple[Array, ...], momentum: float,
          jitted: bool) -> Step:  # fmt: skip
    optimizer = optim.SGD(model.parameters(), lr=RATE, momentum=momentum)

    def train(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step: Callable[[Tensor, Tensor], Tensor] = jit(train) if jitted else train
    x, y = (tensor(array) for array in data)
    return lambda: step(x, y)


def _perceptron(widths: tuple[int, ...], batch: int, jitted: bool) -> Step:
    weights = workloads.perceptron(widths)
    layers: list[Module] = []
    for n in range(len(widths) - 1):
        layer = nn.Linear(widths[n], widths[n + 1])
        layer.load_state_dict({name: weights[f"{n}.{name}"] for name in ("weight", "bias")})
        layers += [layer, nn.ReLU()]
    data = workloads.labelled(batch, widths[0], classes=widths[-1])
    return _step(nn.Sequential(*layers[:-1]), F.cross_entropy, data, workloads.MOMENTUM, jitted)


def _linear(weights: Weights, name: str) -> nn.Linear:
    outputs, inputs = weights[f"{name}.weight"].shape
    layer = nn.Linear(inputs, outputs)
    layer.load_state_dict({part: weights[f"{name}.{part}"] for part in ("weight", "bias")})
    return layer


class _Norm(Module):
    """Layer norm over the last axis."""

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.weight, self.bias = (Parameter(weights[f"{name}.{part}"]) for part in ("weight", "bias"))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        variance = (centred * centred).mean(-1, keepdim=True)
        scaled: Tensor = centred / (variance + 1e-5).sqrt() * self.weight + self.bias
        return scaled


class _Block(Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.norm1, self.norm2 = _Norm(weights, "norm1"), _Norm(weights, "norm2")
        self.in_proj, self.out_proj = _linear(weights, "in_proj"), _linear(weights, "out_proj")
        self.linear1, self.linear2 = _linear(weights, "linear1"), _linear(weights, "linear2")

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        heads = workloads.HEADS
        qkv = self.in_proj(self.norm1(x)).reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        scores = query @ key.permute(0, 1, 3, 2) * (width // heads) ** -0.5
        mixed = (F.softmax(scores, -1) @ value).permute(0, 2, 1, 3).reshape(batch, tokens, width)
        x = x + self.out_proj(mixed)
        out: Tensor = x + self.linear2(F.relu(self.linear1(self.norm2(x))))
        return out


def _transformer() -> Step:
    return _step(_Block(workloads.block()), F.mse_loss, workloads.sequences(), 0.0, True)


class _LeNet(Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name in ("conv1", "conv2"):
            setattr(self, f"{name}_weight", Parameter(weights[f"{name}.weight"]))
            setattr(self, f"{name}_bias", Parameter(weights[f"{name}.bias"]))
        self.fc1, self.fc2, self.fc3 = (_linear(weights, name) for name in ("fc1", "fc2", "fc3"))

    def forward(self, x: Tensor) -> Tensor:
        own: Any = self
        x = F.max_pool2d(F.relu(F.conv2d(x, own.conv1_weight, own.conv1_bias, padding=2)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, own.conv2_weight, own.conv2_bias)), 2)
        x = F.relu(self.fc1(x.reshape(x.shape[0], -1)))
        out: Tensor = self.fc3(F.relu(self.fc2(x)))
        return out


def _lenet() -> Step:
    data = workloads.labelled(workloads.BATCH, 1, 28, 28, classes=10)
    return _step(_LeNet(workloads.lenet()), F.cross_entropy, data, workloads.MOMENTUM, True)


def _resnet18() -> Step:
    weights = {name: tensor(array) for name, array in workloads.resnet18().items()}

    def convolution(x: Tensor, name: str, norm: str, stride: int, padding: int) -> Tensor:
        mean, variance, weight, bias = (
            weights[f"{norm}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.conv2d(x, weights[f"{name}.weight"], stride=stride, padding=padding)
        scaled: Tensor = (x - mean) * (weight / (variance + 1e-5).sqrt()) + bias
        return scaled

    def forward(x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(convolution(x, "conv1", "bn1", 2, 3)), 3, 2, 1)
        x = workloads.residual_stages(x, weights, 4, 2, convolution, F.relu, operator.add)
        out: Tensor = x.mean((2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]
        return out

    run: Callable[[Tensor], Tensor] = jit(forward)
    image = tensor(workloads.image())
    return lambda: run(image)


class _ResNet20(Module):
    """Parameters and running statistics have the names of the workload's weights, with _ for the dot."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name, array in weights.items():
            if "running" in name:
                self.register_buffer(name.replace(".", "_"), tensor(array))
            else:
                self.register_parameter(name.replace(".", "_"), Parameter(array))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self._convolution(x, "conv1", "bn1", 1, 1))
        x = workloads.residual_stages(x, workloads.resnet20(), 3, 3, self._convolution, F.relu, operator.add)
        return F.linear(x.mean((2, 3)), self._weight("fc.weight"), self._weight("fc.bias"))

    def _weight(self, name: str) -> Any:
        return getattr(self, name.replace(".", "_"))

    def _convolution(self, x: Tensor, name: str, norm: str, stride: int, padding: int) -> Tensor:
        x = F.conv2d(x, self._weight(f"{name}.weight"), stride=stride, padding=padding)
        mean, variance, weight, bias = (
            self._weight(f"{norm}.{part}") for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, weight, bias, training=True)


def _resnet20() -> Step:
    data = workloads.labelled(workloads.SMALL_BATCH, 3, 32, 32, classes=10)
    return _step(_ResNet20(workloads.resnet20()), F.cross_entropy, data, workloads.MOMENTUM, True)


STEPS: Mapping[str, Callable[[], Step]] = {
    "mlp": lambda: _perceptron(workloads.MLP, workloads.BATCH, True),
    "lenet": _lenet,
    "transformer": _transformer,
    "resnet18": _resnet18,
    "resnet20": _resnet20,
    "toy": lambda: _perceptron(workloads.TOY, workloads.TOY_BATCH, False),
    "toy-jit": lambda: _perceptron(workloads.TOY, workloads.TOY_BATCH, True),
}
"""Row → what makes its step."""
