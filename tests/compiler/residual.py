"""A residual network for CIFAR-10 (K. He and others 2015), for weft and, by the same words, for torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def training_step(nn: ModuleType, optim: ModuleType, device: str, depth: int = 3) -> tuple[Any, Any]:
    """A network of 6·depth + 2 layers on ``device``, and a step of SGD with momentum on images [N, 3, 32, 32] and
    labels [N]; nn, optim: weft's or torch's."""
    F = nn.functional

    class Block(nn.Module):  # type: ignore[name-defined]  # of the library that is given
        def __init__(self, before: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            same = before == channels and stride == 1
            across = [nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)]
            self.short = nn.Identity() if same else nn.Sequential(*across)

        def forward(self, x: Any) -> Any:
            y = F.relu(self.norm1(self.conv1(x)))
            return F.relu(self.norm2(self.conv2(y)) + self.short(x))

    class Network(nn.Module):  # type: ignore[name-defined]  # of the library that is given
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            blocks, before = [], 16
            for channels, stride in ((16, 1), (32, 2), (64, 2)):
                for n in range(depth):
                    blocks.append(Block(before, channels, stride if n == 0 else 1))
                    before = channels
            self.blocks = nn.Sequential(*blocks)
            self.output = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = self.blocks(F.relu(self.norm(self.conv(x))))
            return self.output(x.mean((2, 3)))

    model = Network().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def step(images: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return model, step
