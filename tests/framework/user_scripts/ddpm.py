"""Denoising diffusion on points of the plane: a noise schedule in buffers, sinusoidal time, sampling step by step."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        device = x.device
        half_dim = self.dim // 2
        emb = math.log(10000) / (half_dim - 1)
        emb = torch.exp(torch.arange(half_dim, device=device) * -emb)
        emb = x[:, None] * emb[None, :]
        return torch.cat((emb.sin(), emb.cos()), dim=-1)


class Denoiser(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPosEmb(dim), nn.Linear(dim, dim), nn.Mish(), nn.Linear(dim, dim))
        self.inp = nn.Linear(2, dim)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(dim), nn.SiLU(), nn.Linear(dim, dim)) for _ in range(2))
        self.out = nn.Linear(dim, 2)

    def forward(self, x, t):
        h = self.inp(x) + self.time_mlp(t)
        for block in self.blocks:
            h = h + block(h)
        return self.out(h)


def extract(a, t, x_shape):
    b, *_ = t.shape
    out = a.gather(-1, t)
    return out.reshape(b, *((1,) * (len(x_shape) - 1)))


class Diffusion(nn.Module):
    def __init__(self, model, timesteps=12):
        super().__init__()
        self.model, self.num_timesteps = model, timesteps
        betas = torch.linspace(1e-3, 0.3, timesteps)
        alphas = 1.0 - betas
        alphas_cumprod = torch.cumprod(alphas, dim=0)
        alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
        self.register_buffer("betas", betas)
        self.register_buffer("sqrt_recip_alphas", torch.sqrt(1.0 / alphas))
        self.register_buffer("sqrt_alphas_cumprod", torch.sqrt(alphas_cumprod))
        self.register_buffer("sqrt_one_minus", torch.sqrt(1.0 - alphas_cumprod))
        self.register_buffer("posterior_variance", betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod))

    def q_sample(self, x_start, t, noise):
        return (
            extract(self.sqrt_alphas_cumprod, t, x_start.shape) * x_start
            + extract(self.sqrt_one_minus, t, x_start.shape) * noise
        )

    def forward(self, x, t, noise):
        predicted = self.model(self.q_sample(x, t, noise), t)
        return F.smooth_l1_loss(predicted, noise)

    @torch.inference_mode()
    def sample(self, x, noises):
        for i in reversed(range(self.num_timesteps)):
            t = torch.full((x.shape[0],), i, dtype=torch.long)
            scaled = extract(self.betas, t, x.shape) * self.model(x, t) / extract(self.sqrt_one_minus, t, x.shape)
            mean = extract(self.sqrt_recip_alphas, t, x.shape) * (x - scaled)
            x = mean if i == 0 else mean + torch.sqrt(extract(self.posterior_variance, t, x.shape)) * noises[i]
        return x


def main():
    rng = np.random.default_rng(90)

    def normal(*shape):
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))

    diffusion = Diffusion(Denoiser())
    for p in diffusion.parameters():
        if p.ndim == 2:
            p.data.copy_(normal(*p.shape) * p.shape[1] ** -0.5)
        elif p.ndim == 1 and bool((p == 0).all()):
            p.data += 0.01
        else:
            p.data.fill_(1.0)
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=2e-3)
    ema = torch.optim.swa_utils.AveragedModel(
        diffusion, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=False
    )

    def train_step(x, t, noise):
        optimizer.zero_grad()
        loss = diffusion(x, t, noise)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for _ in range(6):
        angle = rng.uniform(0, 2 * np.pi, 32)
        x = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32))
        t = torch.from_numpy(rng.integers(0, 12, 32))
        losses.append(train_step(x, t, normal(32, 2)).item())
        ema.update_parameters(diffusion)
    drawn = diffusion.sample(normal(8, 2), normal(12, 8, 2))
    smooth = ema.module.sample(normal(8, 2), normal(12, 8, 2))
    state = diffusion.state_dict()
    return {"losses": losses, "drawn": drawn, "smooth": smooth, "grad": drawn.requires_grad, "state": state}


if __name__ == "__main__":
    main()
