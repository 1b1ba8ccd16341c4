"""Modules: what registers, what it is called, what is shared, which mode holds; and their state."""

from __future__ import annotations

PRELUDE = """import torch
import torch.nn as nn
import torch.nn.functional as F
from collections import OrderedDict
def fill(model):
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_((torch.arange(p.numel()).float().reshape(p.shape) + k).sin())
    return model
class Net(nn.Module):
    def __init__(self, hidden=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 2)
    def forward(self, x):
        return self.head(self.body(x))
net = fill(Net())
x = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, -0.5]])
names = lambda pairs: [name for name, _ in pairs]
def refused(run):
    try:
        run()
    except Exception:
        return "refused"
    return "taken"
"""

CASES = {
    "parameters in the order of assignment": "names(net.named_parameters()), sum(p.numel() for p in net.parameters())",
    "a parameter is registered, a tensor is not": """
class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.t = torch.ones(2)
scale = Scale()
listed = names(scale.named_parameters()), list(scale.state_dict())
""",
    "a list of layers has to be a ModuleList": """
class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
        self.unseen = [nn.Linear(2, 2)]
deep = fill(Deep())
deep.unseen = None
listed = names(deep.named_parameters()), names(deep.named_children()), len(deep.seen)
""",
    "containers in containers": """
tree = fill(nn.ModuleDict({"a": nn.ModuleList([nn.Linear(1, 1), nn.Sequential(nn.Tanh(), nn.Linear(1, 2))]),
    "b": nn.Identity()}))
listed = names(tree.named_modules()), names(tree.named_parameters()), "a" in tree, list(tree.keys())
""",
    "a Sequential with names": """
model = nn.Sequential(OrderedDict([("first", nn.Linear(2, 3)), ("act", nn.Tanh())]))
fill(model.append(nn.Linear(3, 1)))
listed = names(model.named_parameters()), len(model), type(model[1]).__name__, type(model.first).__name__
""",
    "slicing and indexing a Sequential": """
s = fill(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))
len(s[:2]), type(s[-1]).__name__, [type(m).__name__ for m in s]
""",
    "a shared layer counts once": """
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.b = self.a
        self.c = nn.Linear(2, 2)
        self.c.weight = self.a.weight
tied = fill(Tied())
listed = names(tied.named_parameters()), list(tied.state_dict()), len(list(tied.modules()))
""",
    "gradients of a shared weight add up": """
layer = fill(nn.Linear(2, 2, bias=False))
layer(layer(x[:, :2])).sum().backward()
gradient = layer.weight.grad
""",
    "train and eval reach every layer": """
model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.9)))
modes = [m.training for m in model.eval().modules()], model(x).equal(x), [m.training for m in model.train().modules()]
""",
    "batch norm keeps what it saw": """
norm = nn.BatchNorm1d(3)
trained = norm(x)
norm.eval()
used = norm(x)
kept = norm.state_dict()
""",
    "apply visits children first": "seen = []\nnet.apply(lambda m: seen.append(type(m).__name__))\nseen",
    "initialising by apply": """
def init(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.5)
        nn.init.zeros_(m.bias)
out = net.apply(init)(x)
""",
    "freezing a part": """
for p in net.body.parameters():
    p.requires_grad = False
net(x).sum().backward()
frozen = [p.grad is None for p in net.parameters()]
""",
    "assigning None and deleting": """
net.head.bias = None
listed = names(net.head.named_parameters()), net(x)
del net.body
left = names(net.named_children())
""",
    "replacing a head": "net.head = fill(nn.Linear(4, 5))\nnet(x), names(net.named_parameters())",
    "a plain attribute may not take the place of a parameter": """
refused(lambda: setattr(net.head, 'weight', torch.ones(2, 4)))
""",
    "a module made without super().__init__()": """
class Bad(nn.Module):
    def __init__(self):
        self.a = nn.Linear(1, 1)
outcome = refused(Bad)
""",
    "an unknown attribute": "refused(lambda: net.nothing), hasattr(net, 'nothing'), getattr(net, 'nothing', 3)",
    "a buffer is state and no parameter": """
net.register_buffer("count", torch.tensor(0))
net.count += 2
listed = names(net.named_buffers()), net.state_dict()["count"], names(net.named_parameters())
""",
    "zero_grad forgets": "net(x).sum().backward()\nnet.zero_grad()\n[p.grad is None for p in net.parameters()]",
    "gradients accumulate until then": """
net(x).sum().backward()
once = net.head.weight.grad.clone()
net(x).sum().backward()
ratio = net.head.weight.grad / once
""",
    "forward hooks see and change": """
seen = []
h = net.body.register_forward_hook(lambda m, args, out: seen.append(out.shape))
double = net.head.register_forward_hook(lambda m, args, out: out * 2)
doubled = net(x)
h.remove(), double.remove()
plain = net(x)
""",
    "a pre-hook changes the argument": """
h = net.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
changed = net(x)
h.remove()
net(x)
""",
    "the state goes round": """
other = Net()
report = other.load_state_dict(net.state_dict())
same = other(x).equal(net(x)), str(report), len(report.missing_keys)
""",
    "a state that lacks a name": """
state = net.state_dict()
del state["head.bias"]
strict = refused(lambda: Net().load_state_dict(state))
report = Net().load_state_dict(state, strict=False)
keys = report.missing_keys, report.unexpected_keys
""",
    "a state with a name too many": """
state = {**net.state_dict(), "more": torch.ones(1)}
strict = refused(lambda: Net().load_state_dict(state))
keys = Net().load_state_dict(state, strict=False).unexpected_keys
""",
    "a state of another shape": r"""
refused(lambda: Net(5).load_state_dict(net.state_dict())), \
    refused(lambda: Net(5).load_state_dict(net.state_dict(), strict=False))
""",
    "a state shares with its model": """
state = net.state_dict()
with torch.no_grad():
    net.head.bias.fill_(3.0)
shown = state["head.bias"]
kept = {k: v.clone() for k, v in state.items()}
""",
    "loading copies": """
state = {k: v.clone() for k, v in net.state_dict().items()}
net.load_state_dict(state)
state["head.bias"].fill_(9.0)
bias = net.head.bias.detach()
""",
    "a deep copy stands alone": """
import copy
twin = copy.deepcopy(net)
with torch.no_grad():
    net.head.bias.zero_()
differ = twin(x) - net(x)
""",
    "parts of a state": """
state = {k.removeprefix("body."): v for k, v in net.state_dict().items() if k.startswith("body.")}
body = Net().body
body.load_state_dict(state)
out = body(x)
""",
    "a compiled forward pass": """
def step(t):
    return F.log_softmax(net(t), dim=-1)
first, second = step(x).detach(), step(x * 2).detach()
""",
    "printing a model": "print(net)\nprint(nn.Linear(2, 3, bias=False), nn.Dropout(0.1))",
}
