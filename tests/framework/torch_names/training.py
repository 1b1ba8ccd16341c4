"""Optimisers and data: ``torch.optim`` and ``torch.utils.data``."""

from __future__ import annotations

PRELUDE = """
import torch.nn as nn
import torch.optim as optim
from torch.utils import data
def steps(make, number=5):
    w = nn.Parameter(torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]]))
    b = nn.Parameter(torch.tensor([0.5, -0.5]))
    optimizer = make([w, b])
    losses = []
    for _ in range(number):
        optimizer.zero_grad()
        loss = ((w * w).sum() + (w.sum(1) * b).sum() - b.exp().sum()) * 0.1
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses, w.detach(), b.detach()
class Squares(data.Dataset):
    def __len__(self):
        return 7
    def __getitem__(self, i):
        if i >= 7:
            raise IndexError(i)
        return torch.tensor([float(i), float(i * i)]), i
class Numbers(data.IterableDataset):
    def __iter__(self):
        return iter([1, 2, 3, 4, 5])
table = data.TensorDataset(torch.arange(10.0).reshape(5, 2), torch.arange(5))
"""

OPTIMISERS = {
    "Adadelta": ("lr=0.5", "lr=0.5, rho=0.8, weight_decay=0.1"), "Adagrad": ("lr=0.1", "lr=0.1, lr_decay=0.1"),
    "Adam": ("", "lr=0.05, betas=(0.8, 0.9), weight_decay=0.1", "lr=0.05, amsgrad=True"),
    "AdamW": ("", "lr=0.05, weight_decay=0.3"), "Adamax": ("", "lr=0.05, weight_decay=0.1"),
    "NAdam": ("", "lr=0.05"), "RAdam": ("lr=0.05",),
    "RMSprop": ("", "lr=0.02, momentum=0.9, centered=True"),
    "SGD": ("lr=0.1", "lr=0.1, momentum=0.9, nesterov=True", "lr=0.1, momentum=0.9, weight_decay=0.01, dampening=0.1"),
}  # fmt: skip
"""Optimiser → arguments that it is made with."""

CASES = {
    **{
        f"torch.optim.{name}": ", ".join(f"steps(lambda p: optim.{name}(p, {options}))" for options in made_with)
        for name, made_with in OPTIMISERS.items()
    },
    "torch.optim.Muon": "steps(lambda p: optim.Muon(p[:1], lr=0.05))[1].shape",
    "torch.optim.Optimizer": (
        "isinstance(optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1), optim.Optimizer), "
        "optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1).param_groups[0]['lr']"
    ),
    "torch.optim.lr_scheduler": (
        "rates = []\nsgd = optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)\n"
        "schedule = optim.lr_scheduler.StepLR(sgd, 2, 0.5)\n"
        "for _ in range(6):\n    sgd.step()\n    schedule.step()\n    rates.append(schedule.get_last_lr())\nrates"
    ),
    "torch.utils.data.Dataset": "len(Squares()), Squares()[3], isinstance(Squares(), data.Dataset)",
    "torch.utils.data.TensorDataset": "len(table), table[2], table[-1], isinstance(table, data.TensorDataset)",
    "torch.utils.data.DataLoader": (
        "list(data.DataLoader(Squares(), batch_size=3)), list(data.DataLoader(table, 2, drop_last=True)), "
        "len(data.DataLoader(table, 2)), sorted(i for _, ii in data.DataLoader(Squares(), 2, "
        "shuffle=True) for i in ii.tolist())"
    ),
    "torch.utils.data.Subset": "len(data.Subset(table, [0, 3])), data.Subset(table, [0, 3])[1]",
    "torch.utils.data.ConcatDataset": "len(data.ConcatDataset([table, table])), data.ConcatDataset([table, table])[7]",
    "torch.utils.data.random_split": (
        "[len(part) for part in data.random_split(table, [3, 2])], [len(part) for part in data.random_split(table, "
        "[0.6, 0.4])], sorted(y.item() for part in data.random_split(table, [3, 2]) for _, y in part)"
    ),
    "torch.utils.data.Sampler": "isinstance(data.SequentialSampler(table), data.Sampler)",
    "torch.utils.data.SequentialSampler": "list(data.SequentialSampler(table))",
    "torch.utils.data.RandomSampler": (
        "sorted(data.RandomSampler(table)), len(list(data.RandomSampler(table, replacement=True, num_samples=9)))"
    ),
    "torch.utils.data.SubsetRandomSampler": "sorted(data.SubsetRandomSampler([4, 1, 2]))",
    "torch.utils.data.WeightedRandomSampler": "list(data.WeightedRandomSampler([0.0, 1.0, 0.0], 4, replacement=True))",
    "torch.utils.data.BatchSampler": (
        "list(data.BatchSampler(data.SequentialSampler(table), 2, False)), list(data.BatchSampler(range(5), 2, True))"
    ),
    "torch.utils.data.default_collate": (
        "data.default_collate([(1, True), (3, False)]), data.default_collate([{'a': torch.ones(2)}, "
        "{'a': torch.zeros(2)}])"
    ),
    "torch.utils.data.get_worker_info": "data.get_worker_info()",
    "torch.optim torch.utils torch.nn": (
        "torch.optim.SGD is optim.SGD, torch.utils.data is data, torch.nn.Linear is nn.Linear"
    ),
}
