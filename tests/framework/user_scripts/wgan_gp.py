"""A Wasserstein GAN whose critic is held to slopes of one: the penalty is a gradient of a gradient."""

import numpy as np
import torch
from torch import autograd, nn


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def seeded(model, rng):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.uniform(-0.3, 0.3, size=tuple(p.shape)), dtype=p.dtype))
    return model


class WGAN:
    def __init__(self, rng, lambda_gp=10.0, n_critic=3):
        self.rng, self.lambda_gp, self.n_critic = rng, lambda_gp, n_critic
        self.generator = seeded(mlp(2, 16, 2), rng)
        self.critic = seeded(mlp(2, 24, 24, 1), rng)
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=1e-3, betas=(0.0, 0.9))

    def normal(self, *shape):
        return torch.from_numpy(self.rng.standard_normal(shape).astype(np.float32))

    def real(self, n):
        angle = torch.from_numpy(self.rng.integers(0, 8, n).astype(np.float32)) * (np.pi / 4)
        return 2 * torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1) + 0.05 * self.normal(n, 2)

    def gradient_penalty(self, real, fake):
        alpha = torch.from_numpy(self.rng.random((real.size(0), 1)).astype(np.float32)).expand_as(real)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        scores = self.critic(mixed)
        (grads,) = autograd.grad(
            outputs=scores,
            inputs=mixed,
            grad_outputs=torch.ones_like(scores),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )
        return ((grads.norm(2, dim=1) - 1) ** 2).mean() * self.lambda_gp

    def step(self, n=16):
        for p in self.critic.parameters():
            p.requires_grad_(True)
        for _ in range(self.n_critic):
            real = self.real(n)
            with torch.no_grad():
                fake = self.generator(self.normal(n, 2))
            penalty = self.gradient_penalty(real, fake)
            distance = self.critic(real).mean() - self.critic(fake).mean()
            self.opt_c.zero_grad()
            (penalty - distance).backward()
            self.opt_c.step()
        for p in self.critic.parameters():
            p.requires_grad_(False)
        self.opt_g.zero_grad()
        loss = -self.critic(self.generator(self.normal(n, 2))).mean()
        loss.backward()
        self.opt_g.step()
        return loss.item(), distance.item(), penalty.item()


def main():
    gan = WGAN(np.random.default_rng(1))
    history = [gan.step() for _ in range(5)]
    for g, d, p in history:
        print(f"generator {g:+.4f} distance {d:+.4f} penalty {p:.4f}")
    grads = [p.grad is None for p in gan.critic.parameters()]
    return {"history": history, "frozen": grads, "g": gan.generator.state_dict(), "c": gan.critic.state_dict()}


if __name__ == "__main__":
    main()
