"""Logistic regression with L2 in float64, trained to its optimum: where the gradient is nothing. Is the digit odd?

python examples/l2_optimum.py --device cpu --steps 2500
"""

import argparse
from typing import Any

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import digits, jit

STRENGTH = 1e-2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--steps", type=int, default=2500)
    options = parser.parse_args()

    split = digits()
    images = weft.tensor(split.train_images, dtype=weft.float64, device=options.device)
    odd = weft.tensor(split.train_labels % 2, dtype=weft.float64, device=options.device).unsqueeze(1)
    model = nn.Linear(64, 1, dtype=weft.float64, device=options.device)
    with weft.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    weight, bias = model.parameters()
    free: dict[str, Any] = {"params": [bias]}  # of the decay
    decaying: dict[str, Any] = {"params": [weight], "weight_decay": STRENGTH}
    optimizer = optim.SGD([decaying, free], lr=0.5, momentum=0.95, nesterov=True)

    @jit
    def step(x: weft.Tensor, y: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(options.steps):
        step(images, odd)

    optimizer.zero_grad()
    log_loss = F.binary_cross_entropy_with_logits(model(images), odd)
    value = log_loss + STRENGTH / 2 * (model.weight**2).sum()
    value.backward()
    slope = max(p.grad.abs().max().item() for p in model.parameters() if p.grad is not None)
    print(f"value {value.item():.12f}, largest gradient {slope:.1e} after {options.steps} steps")


if __name__ == "__main__":
    main()
