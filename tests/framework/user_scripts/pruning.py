"""Magnitude pruning with masks: fine-tuning with masked gradients, lottery-ticket rewinding, sparsity by layer."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class MaskedLinear(nn.Linear):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)
        self.register_buffer("mask", torch.ones(out_features, in_features))

    def forward(self, input):
        return F.linear(input, self.weight * self.mask, self.bias)

    def prune(self, threshold):
        keep = (self.weight.data.abs() > threshold).to(self.mask.dtype)
        self.mask.mul_(keep)
        self.weight.data.mul_(self.mask)

    def extra_repr(self):
        return super().extra_repr() + f", sparsity={1 - self.mask.mean().item():.2f}"


class LeNet300(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = MaskedLinear(20, 24), MaskedLinear(24, 12), MaskedLinear(12, 4)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def prune_by_percentile(self, q):
        alive = []
        for _, module in self.named_modules():
            if isinstance(module, MaskedLinear):
                tensor = module.weight.data.cpu().numpy()
                alive.append(np.abs(tensor[np.nonzero(tensor)]))
        threshold = float(np.percentile(np.concatenate(alive), q))
        self.apply(lambda m: m.prune(threshold) if isinstance(m, MaskedLinear) else None)
        return threshold


def by_kthvalue(weight, amount):
    """The mask that keeps the largest part of a tensor."""
    k = int(amount * weight.numel())
    threshold = weight.abs().flatten().kthvalue(k).values
    return weight.abs() > threshold


def by_channels(weight, amount):
    norms = weight.norm(p=2, dim=1)
    _, order = torch.sort(norms)
    mask = torch.ones_like(weight)
    mask[order[: int(amount * len(norms))]] = 0
    return mask


def fit(model, x, y, steps, lr=0.05):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-3)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        for name, p in model.named_parameters():
            if "weight" in name:
                grad_tensor = p.grad.data
                p.grad.data = torch.where(p.data == 0, torch.zeros_like(grad_tensor), grad_tensor)
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    rng = np.random.default_rng(190)
    x = torch.from_numpy(rng.normal(size=(64, 20)).astype(np.float32))
    y = torch.from_numpy(np.argmax(x.numpy()[:, :4] + x.numpy()[:, 4:8], axis=1))
    model = LeNet300()
    for name, p in model.named_parameters():
        if name.endswith("weight"):
            p.data.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
        else:
            nn.init.zeros_(p)
    initial = copy.deepcopy(model.state_dict())
    curve = fit(model, x, y, 4)
    threshold = model.prune_by_percentile(50.0)
    tuned = fit(model, x, y, 4)
    print(model)

    ticket = LeNet300()
    ticket.load_state_dict(initial)
    for name, module in ticket.named_children():
        module.mask.copy_(getattr(model, name).mask)
        module.weight.data *= module.mask
    rewound = fit(ticket, x, y, 4)
    nonzero = {n: torch.count_nonzero(p).item() for n, p in ticket.named_parameters()}
    return {
        "curve": curve,
        "threshold": threshold,
        "tuned": tuned,
        "rewound": rewound,
        "nonzero": nonzero,
        "sparsity": [float(1 - m.mask.mean()) for m in model.children()],
        "kth": by_kthvalue(model.fc2.weight.detach(), 0.3).sum().item(),
        "channels": by_channels(model.fc2.weight.detach(), 0.25),
        "state": ticket.state_dict(),
    }


if __name__ == "__main__":
    main()
