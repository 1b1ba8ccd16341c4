"""Gradients accumulated over micro-batches, clipped, with a warm-up and cosine schedule set by hand in each step."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

max_steps, warmup_steps, grad_accum_steps = 5, 2, 4
max_lr, min_lr = 1e-2, 1e-3


def get_lr(it):
    if it < warmup_steps:
        return max_lr * (it + 1) / warmup_steps
    if it > max_steps:
        return min_lr
    decay_ratio = (it - warmup_steps) / (max_steps - warmup_steps)
    coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
    return min_lr + coeff * (max_lr - min_lr)


class SwiGLU(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        output = self._norm(x.float()).type_as(x)
        return output * self.weight


class Model(nn.Module):
    def __init__(self, vocab=11, dim=12, depth=2):
        super().__init__()
        self.tok_embeddings = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(nn.Sequential(RMSNorm(dim), SwiGLU(dim, 2 * dim)))
        self.norm = RMSNorm(dim)
        self.output = nn.Linear(dim, vocab, bias=False)

    def forward(self, tokens):
        h = self.tok_embeddings(tokens)
        for layer in self.layers:
            h = h + layer(h)
        return self.output(self.norm(h)).float()


def main():
    torch.set_float32_matmul_precision("high")
    rng = np.random.default_rng(140)
    model = Model()
    for p in model.parameters():
        if p.dim() == 2:
            with torch.no_grad():
                p[...] = torch.from_numpy(rng.normal(0, 0.2, tuple(p.shape)).astype(np.float32))
    optimizer = torch.optim.AdamW(model.parameters(), lr=max_lr, betas=(0.9, 0.95), eps=1e-8)
    log = []
    for step in range(max_steps):
        lr = get_lr(step)
        for param_group in optimizer.param_groups:
            param_group["lr"] = lr
        optimizer.zero_grad()
        loss_accum = 0.0
        for _ in range(grad_accum_steps):
            x = torch.from_numpy(rng.integers(0, 11, (4, 6)))
            y = (x * 3 + 1) % 11
            logits = model(x)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
            loss = loss / grad_accum_steps
            loss_accum += loss.detach()
            loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(f"step {step:2d} | loss: {loss_accum.item():.4f} | lr {lr:.4e} | norm: {norm:.3f}")
        log.append((loss_accum.item(), lr, norm.item()))

    # what was accumulated is what one large batch would have given
    x = torch.from_numpy(rng.integers(0, 11, (8, 6)))
    y = (x * 3 + 1) % 11
    model.zero_grad()
    for a, b in zip(x.chunk(4), y.chunk(4)):
        (F.cross_entropy(model(a).flatten(0, 1), b.flatten()) / 4).backward()
    parts = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    F.cross_entropy(model(x).flatten(0, 1), y.flatten()).backward()
    same = all(torch.allclose(a, p.grad, atol=1e-6) for a, p in zip(parts, model.parameters()))
    return {"log": log, "same": same, "state": model.state_dict()}


if __name__ == "__main__":
    main()
