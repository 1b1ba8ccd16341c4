"""Quantisation-aware training: observers of ranges, straight-through gradients, learned steps, integers at the end."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class RoundSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class Observer(nn.Module):
    def __init__(self, bits=8, momentum=0.1):
        super().__init__()
        self.qmin, self.qmax, self.momentum = 0, 2**bits - 1, momentum
        self.register_buffer("min_val", torch.tensor(float("inf")))
        self.register_buffer("max_val", torch.tensor(float("-inf")))

    @torch.no_grad()
    def observe(self, x):
        lo, hi = torch.aminmax(x.detach())
        if torch.isinf(self.min_val):
            self.min_val.copy_(lo)
            self.max_val.copy_(hi)
        else:
            self.min_val.lerp_(lo, self.momentum)
            self.max_val.lerp_(hi, self.momentum)

    def qparams(self):
        lo = torch.minimum(self.min_val, torch.zeros_like(self.min_val))
        hi = torch.maximum(self.max_val, torch.zeros_like(self.max_val))
        scale = ((hi - lo) / (self.qmax - self.qmin)).clamp(min=1e-8)
        zero_point = (self.qmin - torch.round(lo / scale)).clamp(self.qmin, self.qmax)
        return scale, zero_point

    def forward(self, x):
        if self.training:
            self.observe(x)
        scale, zero_point = self.qparams()
        q = torch.clamp(RoundSTE.apply(x / scale) + zero_point, self.qmin, self.qmax)
        return (q - zero_point) * scale


def fake_quant_weight(w, bits=8):
    """Symmetric, a scale for each row; the gradient goes straight through by detach."""
    qmax = 2 ** (bits - 1) - 1
    scale = w.detach().abs().max(dim=1, keepdim=True)[0] / qmax
    q = (w / scale).round().clamp(-qmax - 1, qmax) * scale
    return w + (q - w).detach()


class LSQ(nn.Module):
    """A step size that is learned."""

    def __init__(self, init, bits=4):
        super().__init__()
        self.s = nn.Parameter(torch.tensor(init))
        self.qn, self.qp = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def forward(self, x):
        g = 1.0 / (x.numel() * self.qp) ** 0.5
        s = (self.s - self.s * g).detach() + self.s * g
        x = (x / s).clamp(self.qn, self.qp)
        return ((x.round() - x).detach() + x) * s


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = Observer()
        self.fc1, self.act1 = nn.Linear(10, 16), Observer()
        self.lsq = LSQ(0.2)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        x = F.linear(self.quant(x), fake_quant_weight(self.fc1.weight), self.fc1.bias)
        x = self.act1(F.relu(x))
        return F.linear(self.lsq(x), fake_quant_weight(self.fc2.weight, 4), self.fc2.bias)


def integers(layer, observer, x):
    """The first layer in whole numbers, as a device would compute it."""
    scale, zero = observer.qparams()
    w_scale = layer.weight.detach().abs().amax(dim=1) / 127
    q_x = (x / scale).round().add(zero).clamp(0, 255).to(torch.int32)
    q_w = (layer.weight.detach() / w_scale[:, None]).round().to(torch.int8)
    acc = (q_x - zero.to(torch.int32)).to(torch.int64) @ q_w.to(torch.int64).t()
    return acc * (scale * w_scale) + layer.bias.detach()


def main():
    rng = np.random.default_rng(200)
    model = QNet()
    for n, p in model.named_parameters():
        if "fc" in n:
            p.data.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses, steps = [], []
    for _ in range(6):
        x = torch.from_numpy(rng.normal(size=(24, 10)).astype(np.float32))
        y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        steps.append(model.lsq.s.item())
    model.eval()
    with torch.no_grad():
        exact = F.linear(model.quant(x), fake_quant_weight(model.fc1.weight), model.fc1.bias)
    whole = integers(model.fc1, model.quant, x)
    return {
        "losses": losses,
        "steps": steps,
        "ranges": [model.quant.min_val, model.quant.max_val],
        "whole": torch.allclose(exact, whole, atol=1e-4),
        "state": model.state_dict(),
    }


if __name__ == "__main__":
    main()
