"""SimCLR: two views of each example, InfoNCE over a similarity matrix with its diagonal taken out, a linear probe."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


def info_nce_loss(features, n_views=2, temperature=0.5):
    batch_size = features.shape[0] // n_views
    labels = torch.cat([torch.arange(batch_size) for i in range(n_views)], dim=0)
    labels = (labels.unsqueeze(0) == labels.unsqueeze(1)).float()
    features = F.normalize(features, dim=1)
    similarity_matrix = torch.matmul(features, features.T)
    mask = torch.eye(labels.shape[0], dtype=torch.bool)
    labels = labels[~mask].view(labels.shape[0], -1)
    similarity_matrix = similarity_matrix[~mask].view(similarity_matrix.shape[0], -1)
    positives = similarity_matrix[labels.bool()].view(labels.shape[0], -1)
    negatives = similarity_matrix[~labels.bool()].view(similarity_matrix.shape[0], -1)
    logits = torch.cat([positives, negatives], dim=1)
    labels = torch.zeros(logits.shape[0], dtype=torch.long)
    return logits / temperature, labels


def nt_xent(z1, z2, temperature=0.5):
    """The same loss in fewer steps."""
    z = F.normalize(torch.cat([z1, z2]), dim=-1)
    n = z1.size(0)
    sim = z @ z.t() / temperature
    sim.masked_fill_(torch.eye(2 * n, dtype=torch.bool, device=z.device), -9e15)
    positive = torch.cat([torch.diag(sim, n), torch.diag(sim, -n)])
    return -(positive - torch.logsumexp(sim, dim=-1)).mean()


class Encoder(nn.Module):
    def __init__(self, dim=12):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(12, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, dim))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 6))

    def forward(self, x, project=True):
        h = self.backbone(x)
        return self.head(h) if project else h


def main():
    rng = np.random.default_rng(55)
    model = Encoder()
    for m in model.modules():
        if isinstance(m, nn.Linear):
            m.weight.data.copy_(torch.tensor(rng.normal(0, 0.3, tuple(m.weight.shape))))
            if m.bias is not None:
                m.bias.data.fill_(0.01)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, weight_decay=1e-4)
    warm = LinearLR(optimizer, start_factor=0.1, total_iters=2)
    scheduler = SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, T_max=4)], milestones=[2])
    criterion = nn.CrossEntropyLoss()

    centres = rng.normal(size=(3, 12))
    kinds = rng.integers(0, 3, 16)
    losses, others, top1, rates = [], [], [], []
    for _ in range(5):
        base = centres[kinds] + 0.3 * rng.normal(size=(16, 12))
        views = [torch.tensor(base + 0.2 * rng.normal(size=base.shape), dtype=torch.float32) for _ in range(2)]
        features = model(torch.cat(views, dim=0))
        logits, labels = info_nce_loss(features)
        loss = criterion(logits, labels)
        other = nt_xent(*features.chunk(2))
        optimizer.zero_grad()
        (loss + other).backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        others.append(other.item())
        top1.append((logits.topk(1, 1)[1].t() == labels).float().sum().item())
        rates.append(optimizer.param_groups[0]["lr"])

    model.eval()
    with torch.no_grad():
        h = model(torch.tensor(centres[kinds], dtype=torch.float32), project=False)
    probe = nn.Linear(12, 3)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    target = torch.tensor(kinds)
    probing = torch.optim.SGD(probe.parameters(), lr=0.5)
    for _ in range(5):
        probing.zero_grad()
        criterion(probe(h), target).backward()
        probing.step()
    accuracy = (probe(h).argmax(1) == target).float().mean()
    seen = {"top1": top1, "rates": rates, "accuracy": accuracy}
    return {"losses": losses, "others": others, **seen, "probe": probe.weight}


if __name__ == "__main__":
    main()
