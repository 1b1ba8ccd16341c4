"""Losses, optimisers with groups, schedulers, loaders: the parts of a training loop."""

from __future__ import annotations

PRELUDE = """import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, Dataset, TensorDataset, Subset, BatchSampler, SequentialSampler
w = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
b = nn.Parameter(torch.tensor([0.5]))
logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 1.0], [1.0, 3.0, -2.0]], requires_grad=True)
labels = torch.tensor([0, 2, 1])
data = TensorDataset(torch.arange(10.0).reshape(5, 2), torch.arange(5))
def refused(run):
    try:
        run()
    except Exception:
        return "refused"
    return "taken"
def train(optimizer, steps=4, scheduler=None):
    rates = []
    for _ in range(steps):
        optimizer.zero_grad()
        ((w**2).sum() + (w * b).sum().cos()).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        rates.append([group["lr"] for group in optimizer.param_groups])
    return rates
"""

CASES = {
    "cross entropy and its gradient": "loss = F.cross_entropy(logits, labels)\nloss.backward()\nlogits.grad",
    "cross entropy is log softmax and nll": """
F.nll_loss(F.log_softmax(logits, dim=1), labels), F.cross_entropy(logits, labels)
""",
    "ignored labels": """
F.cross_entropy(logits, torch.tensor([0, -100, 1])), F.cross_entropy(logits, labels, ignore_index=2, reduction='sum')
""",
    "weights and smoothing": r"""
F.cross_entropy(logits, labels, weight=torch.tensor([1.0, 2.0, 3.0])), \
    F.cross_entropy(logits, labels, label_smoothing=0.1)
""",
    "probabilities as targets": "F.cross_entropy(logits, torch.full((3, 3), 1 / 3))",
    "reductions": """
a, t = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 0.0])
[F.mse_loss(a, t, reduction=r) for r in ('none', 'mean', 'sum')]
""",
    "binary losses agree": r"""
z, t = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0])
F.binary_cross_entropy_with_logits(z, t), \
    F.binary_cross_entropy(z.sigmoid(), t), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))(z, t)
""",
    "robust losses": """
a, t = torch.tensor([0.2, 5.0]), torch.zeros(2)
F.l1_loss(a, t), F.smooth_l1_loss(a, t), F.huber_loss(a, t, delta=2.0)
""",
    "a loss of mismatched shapes": r"""
refused(lambda: F.cross_entropy(logits, torch.tensor([0, 1]))), \
    refused(lambda: F.binary_cross_entropy_with_logits(torch.ones(2), torch.ones(3)))
""",
    "two groups with their own rates": """
optimizer = optim.SGD([{"params": [w]}, {"params": [b], "lr": 0.01}], lr=0.1, momentum=0.9)
rates = train(optimizer)
after = w.detach(), b.detach()
""",
    "no decay for the bias": """
optimizer = optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}], lr=0.05)
train(optimizer)
after = w.detach(), b.detach(), [g["weight_decay"] for g in optimizer.param_groups]
""",
    "a group is added later": """
optimizer = optim.Adam([w], lr=0.1)
train(optimizer, 2)
optimizer.add_param_group({"params": [b], "lr": 0.5})
train(optimizer, 2)
after = w.detach(), b.detach()
""",
    "a rate set by hand": """
optimizer = optim.SGD([w, b], lr=0.1)
optimizer.param_groups[0]["lr"] = 0.02
train(optimizer)
after = w.detach(), b.detach()
""",
    "the state of an optimiser goes on": """
first = optim.Adam([w, b], lr=0.1)
train(first, 3)
second = optim.Adam([w, b], lr=0.7)
second.load_state_dict(first.state_dict())
rates = train(second, 2)
after = w.detach(), b.detach()
""",
    "a parameter without a gradient stays": """
idle = nn.Parameter(torch.ones(2))
train(optim.Adam([w, b, idle], lr=0.1, weight_decay=0.1))
after = idle.detach(), idle.grad
""",
    "an optimiser without parameters": """
refused(lambda: optim.SGD([], lr=0.1)), refused(lambda: optim.SGD([w], lr=-1.0))
""",
    "clipping by norm and by value": """
(w * torch.tensor([3.0, 4.0, 0.0])).sum().backward()
norm = nn.utils.clip_grad_norm_([w], 1.0)
clipped = w.grad.clone()
nn.utils.clip_grad_value_([w], 0.7)
""",
    "zero_grad sets None": """
train(optim.SGD([w, b], lr=0.1), 1)
optimizer = optim.SGD([w, b], lr=0.1)
optimizer.zero_grad()
w.grad, b.grad
""",
    "accumulating over micro batches": """
optimizer = optim.SGD([w], lr=0.1)
for part in (1.0, 2.0, 3.0):
    ((w * part).sum() / 3).backward()
optimizer.step()
after = w.detach(), w.grad
""",
    "steps": "o = optim.SGD([w, b], lr=1e-3)\ntrain(o, 6, optim.lr_scheduler.StepLR(o, step_size=2, gamma=0.5))",
    "milestones": "o = optim.SGD([w, b], lr=1e-3)\ntrain(o, 6, optim.lr_scheduler.MultiStepLR(o, [2, 5], gamma=0.1))",
    "cosine": """
o = optim.SGD([w, b], lr=1e-3)
train(o, 7, optim.lr_scheduler.CosineAnnealingLR(o, T_max=5, eta_min=1e-5))
""",
    "a function of the step, for each group": """
o = optim.SGD([{"params": [w]}, {"params": [b], "lr": 1e-2}], lr=1e-3)
rates = train(o, 4, optim.lr_scheduler.LambdaLR(o, [lambda k: 1 / (k + 1), lambda k: 0.9**k]))
""",
    "one cycle": """
o = optim.SGD([w, b], lr=1e-3, momentum=0.9)
train(o, 8, optim.lr_scheduler.OneCycleLR(o, max_lr=0.01, total_steps=10))
""",
    "warm-up, then decay": """
o = optim.SGD([w, b], lr=1e-2)
warm = optim.lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=3)
decay = optim.lr_scheduler.ExponentialLR(o, gamma=0.9)
rates = train(o, 7, optim.lr_scheduler.SequentialLR(o, [warm, decay], milestones=[3]))
""",
    "a plateau": """
o = optim.SGD([w], lr=1.0)
plateau = optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1)
rates = []
for loss in (1.0, 0.9, 0.95, 0.94, 0.93, 0.92):
    plateau.step(loss)
    rates.append(o.param_groups[0]["lr"])
""",
    "a scheduler's state": """
o = optim.SGD([w, b], lr=1e-3)
s = optim.lr_scheduler.StepLR(o, 2)
train(o, 3, s)
state = s.state_dict()["last_epoch"], s.get_last_lr()
""",
    "batches in order": "[(x.shape, y.tolist()) for x, y in DataLoader(data, batch_size=2)]",
    "the last batch is dropped": """
loader = DataLoader(data, batch_size=2, drop_last=True)
len(loader), [y.tolist() for _, y in loader]
""",
    "shuffling sees each once": "sorted(y.item() for _, y in DataLoader(data, shuffle=True))",
    "a data set of dictionaries": """
class Words(Dataset):
    def __len__(self):
        return 3
    def __getitem__(self, i):
        return {"ids": torch.full((2,), i), "length": i, "text": "abc"[i], "score": float(i)}
batches = list(DataLoader(Words(), batch_size=2))
""",
    "samples of unequal lengths need a collate_fn": """
rows = [torch.ones(1), torch.ones(3)]
plain = refused(lambda: list(DataLoader(rows, batch_size=2)))
pad = lambda batch: nn.utils.rnn.pad_sequence(batch, batch_first=True)
padded = list(DataLoader(rows, batch_size=2, collate_fn=pad))
""",
    "a batch sampler": """
[y.tolist() for _, y in DataLoader(data, batch_sampler=BatchSampler(SequentialSampler(data), 3, False))]
""",
    "a subset": "part = Subset(data, [4, 0])\nlen(part), part[0], [y.tolist() for _, y in DataLoader(part, 2)]",
    "no batch size": "[y for _, y in DataLoader(data, batch_size=None)]",
    "a loop over epochs": """
model = nn.Linear(2, 1)
nn.init.constant_(model.weight, 0.1), nn.init.zeros_(model.bias)
optimizer = optim.SGD(model.parameters(), lr=0.01)
losses = []
for epoch in range(3):
    for x, y in DataLoader(data, batch_size=2):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x).squeeze(1), y.float())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
""",
    "a compiled training step": """
optimizer = optim.SGD([w, b], lr=0.01, momentum=0.9)
def step(x):
    optimizer.zero_grad()
    loss = ((x * w).sum(1) + b).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()
losses = [step(torch.ones(2, 3) * k) for k in (1.0, 0.5, 2.0)]
after = w.detach(), b.detach()
""",
}
