"""Gaussian process regression by Cholesky: the marginal likelihood is maximised, then mean and variance predicted."""

import math

import numpy as np
import torch


class RBFKernel(torch.nn.Module):
    def __init__(self, lengthscale=1.0, outputscale=1.0, noise=0.1):
        super().__init__()
        self.raw_lengthscale = torch.nn.Parameter(torch.tensor(lengthscale).log())
        self.raw_outputscale = torch.nn.Parameter(torch.tensor(outputscale).log())
        self.raw_noise = torch.nn.Parameter(torch.tensor(noise).log())

    @property
    def noise(self):
        return self.raw_noise.exp()

    def forward(self, x1, x2):
        sq = (x1[:, None, :] - x2[None, :, :]).pow(2).sum(-1)
        return self.raw_outputscale.exp() * torch.exp(-0.5 * sq / self.raw_lengthscale.exp() ** 2)


def negative_log_likelihood(kernel, x, y):
    n = x.shape[0]
    K = kernel(x, x) + kernel.noise * torch.eye(n, dtype=x.dtype)
    L = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(y.unsqueeze(-1), L)
    data_fit = 0.5 * (y.unsqueeze(0) @ alpha).squeeze()
    complexity = torch.log(torch.diagonal(L)).sum()
    return data_fit + complexity + 0.5 * n * math.log(2 * math.pi)


@torch.no_grad()
def predict(kernel, x, y, x_new):
    K = kernel(x, x) + kernel.noise * torch.eye(len(x), dtype=x.dtype)
    L = torch.linalg.cholesky(K)
    K_s = kernel(x, x_new)
    alpha = torch.cholesky_solve(y[:, None], L)
    mean = (K_s.T @ alpha).squeeze(-1)
    v = torch.linalg.solve_triangular(L, K_s, upper=False)
    cov = kernel(x_new, x_new) - v.T @ v
    return mean, cov.diagonal().clamp(min=0).sqrt()


def main():
    torch.set_default_dtype(torch.float64)
    try:
        rng = np.random.default_rng(70)
        x = torch.from_numpy(np.sort(rng.uniform(-3, 3, (18, 1)), axis=0))
        y = torch.sin(2 * x).squeeze(-1) + 0.1 * torch.from_numpy(rng.standard_normal(18))
        kernel = RBFKernel()
        optimizer = torch.optim.Adam(kernel.parameters(), lr=0.1)
        losses = []
        for i in range(8):
            optimizer.zero_grad()
            loss = negative_log_likelihood(kernel, x, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            print(f"Iter {i + 1}/8 - Loss: {loss.item():.3f} lengthscale: {kernel.raw_lengthscale.exp().item():.3f}")
        mean, std = predict(kernel, x, y, torch.linspace(-3, 3, 9).unsqueeze(-1))
        K = kernel(x, x).detach() + 0.1 * torch.eye(18)
        return {
            "losses": losses,
            "mean": mean,
            "std": std,
            "logdet": torch.logdet(K),
            "solve": torch.linalg.solve(K, y),
            "inverse": torch.linalg.inv(K)[0, :4],
            "eigenvalues": torch.linalg.eigvalsh(K),
            "hyper": {n: p.item() for n, p in kernel.named_parameters()},
        }
    finally:
        torch.set_default_dtype(torch.float32)


if __name__ == "__main__":
    main()
