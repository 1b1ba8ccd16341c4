"""A physics-informed network for a damped oscillator and for the heat equation: the loss is made of derivatives."""

import numpy as np
import torch
import torch.nn as nn


class FCN(nn.Module):
    def __init__(self, n_input, n_output, n_hidden, n_layers):
        super().__init__()
        activation = nn.Tanh
        self.fcs = nn.Sequential(*[nn.Linear(n_input, n_hidden), activation()])
        self.fch = nn.Sequential(
            *[nn.Sequential(*[nn.Linear(n_hidden, n_hidden), activation()]) for _ in range(n_layers - 1)]
        )
        self.fce = nn.Linear(n_hidden, n_output)

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


def set_weights(net, seed):
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in net.parameters():
            bound = 1 / np.sqrt(p.shape[-1])
            p.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(p.shape)).astype(np.float32)))


def derivative(y, x, order=1):
    for _ in range(order):
        y = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]
    return y


def oscillator(d=2.0, w0=5.0, iterations=5):
    torch.manual_seed(123)
    pinn = FCN(1, 1, 12, 3)
    set_weights(pinn, 1)
    t_boundary = torch.tensor(0.0).view(-1, 1).requires_grad_(True)
    t_physics = torch.linspace(0, 1, 20).view(-1, 1).requires_grad_(True)
    optimiser = torch.optim.Adam(pinn.parameters(), lr=1e-3)
    mu, k = 2 * d, w0**2
    losses = []
    for _ in range(iterations):
        optimiser.zero_grad()
        lambda1, lambda2 = 1e-1, 1e-4
        u = pinn(t_boundary)
        loss1 = (torch.squeeze(u) - 1) ** 2
        dudt = torch.autograd.grad(u, t_boundary, torch.ones_like(u), create_graph=True)[0]
        loss2 = (torch.squeeze(dudt) - 0) ** 2
        u = pinn(t_physics)
        dudt = torch.autograd.grad(u, t_physics, torch.ones_like(u), create_graph=True)[0]
        d2udt2 = torch.autograd.grad(dudt, t_physics, torch.ones_like(dudt), create_graph=True)[0]
        loss3 = torch.mean((d2udt2 + mu * dudt + k * u) ** 2)
        loss = loss1 + lambda1 * loss2 + lambda2 * loss3
        loss.backward()
        optimiser.step()
        losses.append([loss1.item(), loss2.item(), loss3.item()])
    return losses, pinn(t_physics).detach()


def heat(alpha=0.1, iterations=4):
    """u_t = alpha u_xx with an unknown diffusivity that is fitted as well."""
    rng = np.random.default_rng(2)
    net = FCN(2, 1, 10, 2)
    set_weights(net, 3)
    log_alpha = nn.Parameter(torch.tensor(-1.0))
    optimizer = torch.optim.Adam([{"params": net.parameters()}, {"params": [log_alpha], "lr": 1e-2}], lr=2e-3)
    x = torch.tensor(rng.random((24, 1)), dtype=torch.float32, requires_grad=True)
    t = torch.tensor(rng.random((24, 1)), dtype=torch.float32, requires_grad=True)
    exact = torch.exp(-alpha * np.pi**2 * t) * torch.sin(np.pi * x)
    observed = exact.detach() + 0.01 * torch.from_numpy(rng.standard_normal((24, 1)).astype(np.float32))
    history = []
    for _ in range(iterations):
        optimizer.zero_grad()
        u = net(torch.cat([x, t], dim=1))
        u_t, u_xx = derivative(u, t), derivative(u, x, order=2)
        residual = u_t - log_alpha.exp() * u_xx
        loss = residual.pow(2).mean() + (u - observed).square().mean()
        loss.backward()
        optimizer.step()
        history.append((loss.item(), log_alpha.item()))
    return history, net


def main():
    losses, curve = oscillator()
    history, net = heat()
    return {"oscillator": losses, "curve": curve, "heat": history, "net": net}


if __name__ == "__main__":
    main()
