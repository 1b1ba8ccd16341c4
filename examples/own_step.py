"""A training step of one's own, explained without training: weft runs this file, and takes its example_inputs.

weft report examples/own_step.py:step
weft verify examples/own_step.py:step --machine nano
weft compile examples/own_step.py:step --show graph,passes,asm --layer "layer hidden"
python examples/own_step.py --device cpu --steps 200
"""

import argparse

import weft
from weft import nn, optim


class Curve(nn.Module):
    """y = f(x), learned from points."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, 32)
        self.output = nn.Linear(32, 1)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        return self.output(weft.sigmoid(self.hidden(x)))


weft.manual_seed(0)
model = Curve()
optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)


@weft.jit
def step(x: weft.Tensor, y: weft.Tensor) -> weft.Tensor:
    optimizer.zero_grad()
    loss = weft.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


x = weft.rand(64, 1) * 2 - 1
y = x * x
example_inputs = (x, y)  # what weft report, verify and compile call the step with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()

    model.to(options.device)
    inputs, targets = x.to(options.device), y.to(options.device)
    first = step(inputs, targets).item()
    for _ in range(options.steps - 1):
        loss = step(inputs, targets)
    print(f"loss {first:.4f} at first, {loss.item():.6f} after {options.steps} steps on {options.device}")


if __name__ == "__main__":
    main()
