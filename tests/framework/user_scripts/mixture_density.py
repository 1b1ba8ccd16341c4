"""A mixture density network for a relation with several answers: log-sum-exp of Gaussians, and its own sampling."""

import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical

ONEOVERSQRT2PI = 1.0 / np.sqrt(2 * np.pi)


class MDN(nn.Module):
    """Maps inputs to pi (batch, gaussians), sigma and mu (batch, gaussians, out)."""

    def __init__(self, in_features, out_features, num_gaussians):
        super().__init__()
        self.in_features, self.out_features, self.num_gaussians = in_features, out_features, num_gaussians
        self.pi = nn.Sequential(nn.Linear(in_features, num_gaussians), nn.Softmax(dim=1))
        self.sigma = nn.Linear(in_features, out_features * num_gaussians)
        self.mu = nn.Linear(in_features, out_features * num_gaussians)

    def forward(self, minibatch):
        pi = self.pi(minibatch)
        sigma = torch.exp(self.sigma(minibatch))
        sigma = sigma.view(-1, self.num_gaussians, self.out_features)
        mu = self.mu(minibatch)
        mu = mu.view(-1, self.num_gaussians, self.out_features)
        return pi, sigma, mu


def gaussian_probability(sigma, mu, target):
    target = target.unsqueeze(1).expand_as(sigma)
    ret = ONEOVERSQRT2PI * torch.exp(-0.5 * ((target - mu) / sigma) ** 2) / sigma
    return torch.prod(ret, 2)


def mdn_loss(pi, sigma, mu, target):
    prob = pi * gaussian_probability(sigma, mu, target)
    nll = -torch.log(torch.sum(prob, dim=1))
    return torch.mean(nll)


def stable_loss(pi, sigma, mu, target):
    component = torch.distributions.Normal(mu, sigma)
    log_prob = component.log_prob(target.unsqueeze(1)).sum(-1)
    return -torch.logsumexp(torch.log(pi) + log_prob, dim=1).mean()


def sample(pi, sigma, mu):
    pis = Categorical(pi).sample().view(pi.size(0), 1, 1).expand(-1, -1, mu.size(2))
    gaussian_noise = torch.randn((sigma.size(2), sigma.size(0)), requires_grad=False)
    variance_samples = sigma.gather(1, pis).detach().squeeze()
    mean_samples = mu.detach().gather(1, pis).squeeze()
    return (gaussian_noise.view(-1) * variance_samples + mean_samples).unsqueeze(-1)


def main():
    rng = np.random.default_rng(100)
    y = rng.uniform(-10, 10, (64, 1)).astype(np.float32)
    x = (7 * np.sin(0.75 * y) + 0.5 * y + 0.5 * rng.standard_normal((64, 1))).astype(np.float32)
    x, y = torch.from_numpy(x / 10), torch.from_numpy(y / 10)

    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), MDN(16, 1, 4))
    for p in model.parameters():
        nn.init.constant_(p, 0.0)
        p.data += torch.from_numpy(rng.normal(0, 0.4, tuple(p.shape)).astype(np.float32))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    def train_step(x, y):
        optimizer.zero_grad()
        pi, sigma, mu = model(x)
        loss = mdn_loss(pi, sigma, mu, y)
        loss.backward()
        optimizer.step()
        return loss

    losses = [train_step(x, y).item() for _ in range(10)]
    pi, sigma, mu = model(x)
    agree = (mdn_loss(pi, sigma, mu, y) - stable_loss(pi, sigma, mu, y)).abs().item() < 1e-5
    drawn = sample(pi, sigma, mu)
    mixture = Categorical(probs=pi)
    return {
        "losses": losses,
        "agree": agree,
        "drawn": list(drawn.size()),
        "entropy": mixture.entropy(),
        "log prob": mixture.log_prob(torch.zeros(64, dtype=torch.long)),
        "pi": pi,
        "mu": mu,
    }


if __name__ == "__main__":
    main()
