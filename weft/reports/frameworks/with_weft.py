"""The rows in weft, written as a user would write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import nn, optim
from weft.framework.device import set_default_device
from weft.framework.jit import jit
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional
from weft.framework.tensor import Tensor, tensor
from weft.reports.frameworks import workloads
from weft.reports.frameworks.workloads import RATE, Array, Weights

Step = Callable[[], Tensor]


def prepare(threads: int) -> None:
    """Compute with so many threads."""
    set_default_device(CpuDevice(threads=threads))


def finish(value: Any) -> float:
    """A step's loss, or the first number of what it gives, when it is there."""
    return float(value.reshape(-1)[0].item())


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
    return _step(nn.Sequential(*layers[:-1]), functional.cross_entropy, data, workloads.MOMENTUM, jitted)


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
        mixed = (functional.softmax(scores, -1) @ value).permute(0, 2, 1, 3).reshape(batch, tokens, width)
        x = x + self.out_proj(mixed)
        out: Tensor = x + self.linear2(functional.relu(self.linear1(self.norm2(x))))
        return out


def _transformer() -> Step:
    return _step(_Block(workloads.block()), functional.mse_loss, workloads.sequences(), 0.0, True)


STEPS: Mapping[str, Callable[[], Step]] = {
    "mlp": lambda: _perceptron(workloads.MLP, workloads.BATCH, True),
    "transformer": _transformer,
    "toy": lambda: _perceptron(workloads.TOY, workloads.TOY_BATCH, False),
    "toy-jit": lambda: _perceptron(workloads.TOY, workloads.TOY_BATCH, True),
}
"""Row → what makes its step."""
