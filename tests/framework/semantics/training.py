"""Modules, state_dict, hooks, optimisers and schedulers, as in a training script."""

from __future__ import annotations

PRELUDE = """import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
def fixed(module):
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(((torch.arange(p.numel()) * 7) % 11).float().reshape(p.shape) / 5 - 1)
    return module
x = torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0], [2.0, 1.0, 0.0]])
y = torch.tensor([0, 1, 1])
mlp = fixed(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
def trained(optimizer, model, schedule=None, number=4):
    losses = []
    for _ in range(number):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return losses, model.state_dict()
"""

CASES = {
    "a module of layers": "mlp(x), len(mlp), type(mlp[1]).__name__",
    "names of parameters": "[(n, tuple(p.shape)) for n, p in mlp.named_parameters()]",
    "count of parameters": "sum(p.numel() for p in mlp.parameters() if p.requires_grad)",
    "state_dict and back": """
saved = mlp.state_dict()
other = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
other.load_state_dict(saved)
other(x)
""",
    "a missing key is refused": """
saved = mlp.state_dict()
del saved['0.bias']
try:
    mlp.load_state_dict(saved)
    kind = None
except Exception:
    kind = 'refused'
kind
""",
    "not strict": """
saved = mlp.state_dict()
del saved['0.bias']
found = mlp.load_state_dict(saved, strict=False)
found.missing_keys, found.unexpected_keys
""",
    "train and eval": """
net = fixed(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
net.eval()
[m.training for m in net.modules()], net.train().training
""",
    "a parameter of one's own": """
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.tensor([2.0]))
    def forward(self, x):
        return x * self.s
net = Scale()
net(x).sum().backward()
net.s.grad, list(net.state_dict())
""",
    "a buffer": """
class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('by', torch.ones(3))
    def forward(self, x):
        return x + self.by
net = Shift()
net(x), list(net.parameters()), net.state_dict()
""",
    "modules within modules": """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(n, n) for _ in range(2)])
    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).relu()
        return x
net = fixed(Block(3))
net(x), [n for n, _ in net.named_modules()]
""",
    "batch norm trains and rests": """
bn = nn.BatchNorm1d(3)
a = bn(x)
bn.eval()
a, bn(x), bn.running_mean, bn.running_var
""",
    "layer norm": "nn.LayerNorm(3)(x)",
    "an embedding": """
e = fixed(nn.Embedding(5, 2))
out = e(torch.tensor([1, 3, 1]))
out.sum().backward()
out, e.weight.grad
""",
    "dropout rests in eval": """
d = nn.Dropout(0.9).eval()
d(x)
""",
    "a forward hook": """
seen = []
h = mlp[1].register_forward_hook(lambda m, i, o: seen.append(o))
mlp(x)
h.remove()
mlp(x)
seen
""",
    "a forward hook changes the result": """
mlp[2].register_forward_hook(lambda m, i, o: o * 0 + 1)
mlp(x)
""",
    "a pre-hook": """
mlp.register_forward_pre_hook(lambda m, i: (i[0] * 0,))
mlp(x)
""",
    "apply": """
def zero(m):
    if isinstance(m, nn.Linear):
        nn.init.zeros_(m.bias)
mlp.apply(zero)
mlp[0].bias, mlp[2].bias
""",
    "freezing layers": """
for p in mlp[0].parameters():
    p.requires_grad = False
mlp(x).sum().backward()
[p.grad is None for p in mlp.parameters()]
""",
    "children and modules": "[type(m).__name__ for m in mlp.children()], [type(m).__name__ for m in mlp.modules()]",
    "shared weights": """
a = fixed(nn.Linear(3, 3))
b = fixed(nn.Linear(3, 3))
b.weight = a.weight
len(list(nn.Sequential(a, b).parameters()))
""",
    "an attribute is replaced": """
mlp[2] = fixed(nn.Linear(4, 1))
mlp(x)
""",
    "gradients of a model": """
F.cross_entropy(mlp(x), y).backward()
[p.grad for p in mlp.parameters()]
""",
    "zero_grad": """
mlp(x).sum().backward()
mlp.zero_grad()
[p.grad for p in mlp.parameters()]
""",
    "clipping": """
mlp(x).sum().backward()
n = nn.utils.clip_grad_norm_(mlp.parameters(), 0.5)
n, mlp[0].weight.grad
""",
    "losses": "F.mse_loss(x, x * 2), F.cross_entropy(x, y), nn.L1Loss()(x, x + 1), F.nll_loss(F.log_softmax(x, 1), y)",
    "sgd": "trained(optim.SGD(mlp.parameters(), lr=0.1), mlp)",
    "sgd with momentum": "trained(optim.SGD(mlp.parameters(), lr=0.1, momentum=0.9), mlp)",
    "adam": "trained(optim.Adam(mlp.parameters(), lr=0.05), mlp)",
    "adamw": "trained(optim.AdamW(mlp.parameters(), lr=0.05, weight_decay=0.1), mlp)",
    "rmsprop": "trained(optim.RMSprop(mlp.parameters(), lr=0.05), mlp)",
    "adagrad": "trained(optim.Adagrad(mlp.parameters(), lr=0.05), mlp)",
    "groups": """
o = optim.SGD([{'params': mlp[0].parameters()}, {'params': mlp[2].parameters(), 'lr': 0.5}], lr=0.1)
trained(o, mlp), [g['lr'] for g in o.param_groups]
""",
    "the rate by hand": """
o = optim.SGD(mlp.parameters(), lr=0.1)
o.param_groups[0]['lr'] = 0.3
trained(o, mlp)
""",
    "step schedule": """
o = optim.SGD(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.StepLR(o, 2, 0.5)
trained(o, mlp, s), s.get_last_lr()
""",
    "cosine schedule": """
o = optim.SGD(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.CosineAnnealingLR(o, 4)
trained(o, mlp, s), s.get_last_lr()
""",
    "lambda schedule": """
o = optim.SGD(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.LambdaLR(o, lambda k: 1 / (k + 1))
trained(o, mlp, s), s.get_last_lr()
""",
    "exponential schedule": """
o = optim.Adam(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.ExponentialLR(o, 0.9)
trained(o, mlp, s), s.get_last_lr()
""",
    "multi-step schedule": """
o = optim.SGD(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.MultiStepLR(o, [1, 3], 0.1)
trained(o, mlp, s), s.get_last_lr()
""",
    "one-cycle schedule": """
o = optim.SGD(mlp.parameters(), lr=0.1, momentum=0.9)
s = optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=8)
trained(o, mlp, s), s.get_last_lr()
""",
    "plateau": """
o = optim.SGD(mlp.parameters(), lr=0.4)
s = optim.lr_scheduler.ReduceLROnPlateau(o, patience=1)
for v in (1.0, 1.0, 1.0, 1.0):
    s.step(v)
o.param_groups[0]['lr']
""",
    "accumulating gradients": """
o = optim.SGD(mlp.parameters(), lr=0.1)
o.zero_grad()
for k in range(3):
    (F.cross_entropy(mlp(x[k : k + 1]), y[k : k + 1]) / 3).backward()
o.step()
mlp.state_dict()
""",
    "an optimiser is saved and goes on": """
o = optim.SGD(mlp.parameters(), lr=0.1, momentum=0.9)
trained(o, mlp)
p = optim.SGD(mlp.parameters(), lr=0.5)
p.load_state_dict(o.state_dict())
trained(p, mlp)
""",
    "evaluating": """
mlp.eval()
with torch.no_grad():
    out = mlp(x)
(out.argmax(1) == y).float().mean(), out.requires_grad
""",
    "a linear regression": """
w = fixed(nn.Linear(1, 1))
o = optim.SGD(w.parameters(), lr=0.1)
t = torch.linspace(-1, 1, 8).unsqueeze(1)
for _ in range(20):
    loss = ((w(t) - (3 * t + 0.5)) ** 2).mean()
    o.zero_grad()
    loss.backward()
    o.step()
w.weight, w.bias, loss
""",
    "a data loader": """
from torch.utils.data import DataLoader, TensorDataset
[(a.shape, b.tolist()) for a, b in DataLoader(TensorDataset(x, y), batch_size=2)]
""",
    "a data set of one's own": """
from torch.utils.data import DataLoader, Dataset
class Squares(Dataset):
    def __len__(self):
        return 5
    def __getitem__(self, i):
        return torch.tensor([float(i)]), i * i
[(a.squeeze(1), b) for a, b in DataLoader(Squares(), batch_size=2, drop_last=True)]
""",
    "model.to": "mlp.to('cpu') is mlp, mlp.to(torch.float32)[0].weight.dtype",
    "device of data": """
device = torch.device('cpu')
a = x.to(device)
fixed(nn.Linear(3, 1)).to(device)(a).device == a.device
""",
}
