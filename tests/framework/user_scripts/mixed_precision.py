"""Mixed precision: autocast round the forward pass, a scaler round the backward pass, clipping in between."""

from contextlib import nullcontext

import numpy as np
import torch
import torch.nn as nn
from torch.amp import GradScaler, autocast


def make_model(in_size, hidden, out_size, num_layers):
    layers = []
    for _ in range(num_layers - 1):
        layers.append(nn.Linear(in_size, hidden))
        layers.append(nn.ReLU())
        in_size = hidden
    layers.append(nn.Linear(in_size, out_size))
    return nn.Sequential(*tuple(layers))


def seeded(net, seed=130):
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
    return net


def train(use_amp, data, targets, clip=True):
    device_type = "cuda" if torch.cuda.is_available() else "cpu"
    net = seeded(make_model(16, 32, 4, 3))
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    scaler = GradScaler(device_type, init_scale=256.0, growth_interval=3, enabled=use_amp)
    loss_fn = nn.MSELoss()
    ctx = autocast(device_type=device_type, dtype=torch.bfloat16) if use_amp else nullcontext()
    losses, scales, types = [], [], set()
    for input, target in zip(data, targets):
        with ctx:
            output = net(input)
            types.add(str(output.dtype).rpartition(".")[2])
            loss = loss_fn(output.float(), target)
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(opt)
            torch.nn.utils.clip_grad_norm_(net.parameters(), max_norm=0.5)
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()
        losses.append(round(loss.item(), 2))
        scales.append(scaler.get_scale())
    return losses, scales, types, net


def overflow():
    """A gradient that is not finite leaves the weights alone and halves the scale."""
    w = nn.Parameter(torch.ones(3))
    opt = torch.optim.SGD([w], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale((w * torch.tensor([1.0, float("inf"), 1.0])).sum()).backward()
    scaler.step(opt)
    scaler.update()
    opt.zero_grad()
    scaler.scale((w * 2).sum()).backward()
    scaler.step(opt)
    scaler.update()
    return w, scaler.get_scale(), scaler.state_dict()


def main():
    rng = np.random.default_rng(131)
    data = [torch.from_numpy(rng.standard_normal((16, 16)).astype(np.float32)) for _ in range(4)]
    targets = [torch.from_numpy(rng.standard_normal((16, 4)).astype(np.float32)) for _ in range(4)]
    plain, ones, _, net = train(False, data, targets)
    narrow, scales, types, low = train(True, data, targets)
    gap = max((a - b).abs().max().item() for a, b in zip(net.parameters(), low.parameters()))
    assert gap < 1e-2, gap
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = (data[0] @ data[0]).dtype == torch.bfloat16, torch.is_autocast_enabled("cpu")
    outside = torch.is_autocast_enabled("cpu")
    return {
        "plain": plain,
        "ones": ones,
        "scales": scales,
        "types": sorted(types),
        "near": [abs(a - b) < 0.1 for a, b in zip(plain, narrow)],
        "inside": inside,
        "outside": outside,
        "kept": [p.dtype == torch.float32 for p in low.parameters()],
        "net": net.state_dict(),
        "overflow": overflow(),
    }


if __name__ == "__main__":
    main()
