"""Curve fitting with L-BFGS and a closure, then the same by plain gradient descent written by hand."""

import math

import numpy as np
import torch


class Polynomial3(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(0.1))
        self.b = torch.nn.Parameter(torch.tensor(-0.2))
        self.c = torch.nn.Parameter(torch.tensor(0.3))
        self.d = torch.nn.Parameter(torch.tensor(0.05))

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3

    def string(self):
        return f"y = {self.a.item():.3f} + {self.b.item():.3f} x + {self.c.item():.3f} x^2 + {self.d.item():.3f} x^3"


def by_lbfgs(x, y, line_search):
    model = Polynomial3()
    criterion = torch.nn.MSELoss(reduction="mean")
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=8, history_size=5, line_search_fn=line_search)
    losses = []
    for _ in range(3):

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
    return losses, [p.item() for p in model.parameters()], model.string()


def by_hand(x, y, learning_rate=1e-3):
    a, b, c, d = (torch.tensor(v, requires_grad=True) for v in (0.1, -0.2, 0.3, 0.05))
    losses = []
    for t in range(30):
        y_pred = a + b * x + c * x**2 + d * x**3
        loss = (y_pred - y).pow(2).mean()
        if t % 10 == 9:
            print(t, f"{loss.item():.4f}")
        loss.backward()
        with torch.no_grad():
            a -= learning_rate * a.grad
            b -= learning_rate * b.grad
            c -= learning_rate * c.grad
            d -= learning_rate * d.grad
            a.grad = None
            b.grad = None
            c.grad = None
            d.grad = None
        losses.append(loss.item())
    return losses, [v.item() for v in (a, b, c, d)]


def main():
    rng = np.random.default_rng(60)
    x = torch.linspace(-math.pi, math.pi, 60)
    y = torch.sin(x) + 0.05 * torch.tensor(rng.standard_normal(60), dtype=torch.float32)
    return {"plain": by_lbfgs(x, y, None), "strong Wolfe": by_lbfgs(x, y, "strong_wolfe"), "by hand": by_hand(x, y)}


if __name__ == "__main__":
    main()
