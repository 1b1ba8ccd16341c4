"""A normalising flow of affine couplings on two moons: exact likelihood, exact inverse, masks as buffers."""

import numpy as np
import torch
from torch import distributions, nn


class RealNVP(nn.Module):
    def __init__(self, nets, nett, mask, prior):
        super().__init__()
        self.prior = prior
        self.mask = nn.Parameter(mask, requires_grad=False)
        self.t = torch.nn.ModuleList([nett() for _ in range(len(mask))])
        self.s = torch.nn.ModuleList([nets() for _ in range(len(mask))])

    def g(self, z):
        x = z
        for i in range(len(self.t)):
            x_ = x * self.mask[i]
            s = self.s[i](x_) * (1 - self.mask[i])
            t = self.t[i](x_) * (1 - self.mask[i])
            x = x_ + (1 - self.mask[i]) * (x * torch.exp(s) + t)
        return x

    def f(self, x):
        log_det_J, z = x.new_zeros(x.shape[0]), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s = self.s[i](z_) * (1 - self.mask[i])
            t = self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
            log_det_J -= s.sum(dim=1)
        return z, log_det_J

    def log_prob(self, x):
        z, logp = self.f(x)
        return self.prior.log_prob(z) + logp

    def sample(self, batchSize):
        z = self.prior.sample((batchSize, 1))
        return self.g(z)


def moons(rng, n, noise=0.05):
    angle = rng.uniform(0, np.pi, n)
    lower = rng.random(n) < 0.5
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    points[lower] = [1.0, 0.5] - points[lower]
    return (points + noise * rng.standard_normal((n, 2))).astype(np.float32)


def main():
    rng = np.random.default_rng(80)
    masks = torch.from_numpy(np.array([[0, 1], [1, 0]] * 2).astype(np.float32))
    prior = distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))

    def nets():
        return nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 2), nn.Tanh())

    def nett():
        return nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 2))

    flow = RealNVP(nets, nett, masks, prior)
    with torch.no_grad():
        for name, p in flow.named_parameters():
            if name != "mask":
                p.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=1e-3)

    losses = []
    for t in range(6):
        loss = -flow.log_prob(torch.from_numpy(moons(rng, 32))).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
        losses.append(loss.item())
        if t % 3 == 0:
            print("iter %s:" % t, f"loss = {loss:.3f}")
    with torch.no_grad():
        x = torch.from_numpy(moons(rng, 6))
        z, log_det = flow.f(x)
        back = flow.g(z)
        drawn = flow.sample(5)
    return {
        "losses": losses,
        "z": z,
        "log det": log_det,
        "inverse": torch.allclose(back, x, atol=1e-5),
        "drawn": drawn.shape,
        "mask": flow.mask,
        "trained": len([p for p in flow.parameters() if p.requires_grad]),
    }


if __name__ == "__main__":
    main()
