"""A variational autoencoder with the reparametrisation trick, and with torch.distributions as its second way."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, inputs=20, hidden=32, latent=4):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, inputs)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar, eps=None):
        std = torch.exp(0.5 * logvar)
        if eps is None:
            eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x, eps=None):
        mu, logvar = self.encode(x.view(-1, 20))
        z = self.reparameterize(mu, logvar, eps)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x.view(-1, 20), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def main():
    rng = np.random.default_rng(11)
    model = VAE()
    for p in model.parameters():
        p.data = torch.as_tensor(rng.normal(0, 0.2, tuple(p.shape)), dtype=torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    prototypes = rng.random((3, 20)) < 0.5
    data = torch.tensor(np.logical_xor(prototypes[rng.integers(0, 3, 128)], rng.random((128, 20)) < 0.05)).float()

    def train_step(batch, noise):
        optimizer.zero_grad()
        recon, mu, logvar = model(batch.reshape(-1, 4, 5), noise)
        loss = loss_function(recon, batch, mu, logvar)
        loss.backward()
        optimizer.step()
        return loss

    model.train()
    curve = []
    for epoch in range(3):
        train_loss = 0.0
        for batch in torch.split(data, 32):
            noise = torch.from_numpy(rng.standard_normal((len(batch), 4)).astype(np.float32))
            train_loss += train_step(batch, noise).item()
        curve.append(train_loss / len(data))
        print(f"====> Epoch: {epoch} Average loss: {curve[-1]:.4f}")

    model.eval()
    with torch.no_grad():
        recon, mu, logvar = model(data[:8], torch.zeros(8, 4))
        posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
        prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
        kl = torch.distributions.kl_divergence(posterior, prior).sum(1)
        by_hand = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        sampled = model.decode(torch.randn(16, 4))
    return {
        "curve": curve,
        "recon": recon,
        "kl": kl,
        "kl agrees": torch.allclose(kl, by_hand, atol=1e-5),
        "log prob": posterior.log_prob(torch.zeros(8, 4)),
        "sampled": tuple(sampled.shape),
        "in range": bool(((sampled >= 0) & (sampled <= 1)).all()),
        "weights": dict(model.named_parameters()),
    }


if __name__ == "__main__":
    main()
