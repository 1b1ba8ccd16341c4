"""A neural ordinary differential equation on a spiral, integrated by Euler and Runge-Kutta, trained through both."""

import numpy as np
import torch
import torch.nn as nn


class ODEFunc(nn.Module):
    def __init__(self, dim=2, hidden=20):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, dim))
        self.nfe = 0
        for m in self.net.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0, std=0.1)
                nn.init.constant_(m.bias, val=0)

    def forward(self, t, y):
        self.nfe += 1
        return self.net(y**3)


def euler(func, t, dt, y):
    return dt * func(t, y)


def rk4(func, t, dt, y):
    k1 = func(t, y)
    k2 = func(t + dt / 2, y + dt * k1 / 2)
    k3 = func(t + dt / 2, y + dt * k2 / 2)
    k4 = func(t + dt, y + dt * k3)
    return (k1 + 2 * k2 + 2 * k3 + k4) * dt / 6


METHODS = {"euler": euler, "rk4": rk4}


def odeint(func, y0, t, method="rk4"):
    step = METHODS[method]
    solution = [y0]
    for t0, t1 in zip(t[:-1], t[1:]):
        solution.append(solution[-1] + step(func, t0, t1 - t0, solution[-1]))
    return torch.stack(solution)


def main():
    rng = np.random.default_rng(3)
    true_A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    true_y0 = torch.tensor([[2.0, 0.0]])
    t = torch.linspace(0.0, 2.0, 21)
    with torch.no_grad():
        true_y = odeint(lambda _, y: torch.mm(y**3, true_A), true_y0, t)

    results = {"true": true_y}
    for method in METHODS:
        func = ODEFunc()
        for p in func.parameters():
            p.data = torch.tensor(0.1 * rng.standard_normal(tuple(p.shape)), dtype=torch.float32)
        optimizer = torch.optim.RMSprop(func.parameters(), lr=1e-2)
        losses = []
        for _ in range(4):
            starts = torch.from_numpy(rng.choice(np.arange(21 - 5), 6, replace=False))
            batch_y0 = true_y[starts]
            batch_t = t[:5]
            batch_y = torch.stack([true_y[starts + i] for i in range(5)], dim=0)
            optimizer.zero_grad()
            pred_y = odeint(func, batch_y0, batch_t, method)
            loss = torch.mean(torch.abs(pred_y - batch_y))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            final = odeint(func, true_y0, t, method)
        print(f"{method}: {losses[-1]:.5f} after {func.nfe} evaluations")
        results[method] = {"losses": losses, "nfe": func.nfe, "final": final[-1], "w": func.state_dict()}
    return results


if __name__ == "__main__":
    main()
