"""Parameters that are computed from others: weight and spectral normalisation, and a user's own."""

from __future__ import annotations

PRELUDE = """
import torch
import torch.nn as nn
from torch.nn.utils import parametrize, parametrizations, remove_weight_norm, weight_norm
def fill(m):
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(torch.linspace(-1, 2, p.numel()).reshape(p.shape) + 0.1)
    return m
class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).transpose(-1, -2)
    def right_inverse(self, w):
        return w.triu()
class Twice(nn.Module):
    def forward(self, w):
        return w * 2
def told(m):
    return [(n, p) for n, p in m.named_parameters()], list(m.state_dict()), type(m).__name__
def learned(m, *given):
    y = fill(m)(*given)
    (y * y).sum().backward()
    return y, told(m), [p.grad for p in m.parameters()]
def refused(run):
    try:
        run()
    except Exception as error:
        return "refused"
    return "taken"
x = torch.linspace(-1, 1, 6).reshape(2, 3)
im = torch.linspace(-1, 1, 50).reshape(1, 2, 5, 5)
"""

LAYERS = {
    "of rows": "parametrizations.weight_norm(nn.Linear(3, 2)), x",
    "of columns": "parametrizations.weight_norm(nn.Linear(3, 2), dim=1), x",
    "of all": "parametrizations.weight_norm(nn.Linear(3, 2), dim=None), x",
    "of kernels": "parametrizations.weight_norm(nn.Conv2d(2, 3, 3)), im",
    "of transposed kernels": "parametrizations.weight_norm(nn.ConvTranspose2d(2, 3, 3), dim=1), im",
    "of a bias": "parametrizations.weight_norm(nn.Linear(3, 2), name='bias'), x",
    "of both": "parametrizations.weight_norm(parametrizations.weight_norm(nn.Linear(3, 2)), name='bias'), x",
    "by older names": "weight_norm(nn.Linear(3, 2)), x",
    "by older names, of all": "weight_norm(nn.Linear(3, 2), dim=None), x",
    "by older names, of a recurrent layer": "weight_norm(nn.GRUCell(3, 2), 'weight_hh'), x",
}
"""Weight normalisation → a layer and what it is called with."""

CASES = {
    **{f"weight norm {name}": f"learned({given})" for name, given in LAYERS.items()},
    "a parametrization of the user's": "m = nn.Linear(3, 3)\nparametrize.register_parametrization(m, 'weight', "
    "Symmetric())\nlearned(m, x), parametrize.is_parametrized(m), parametrize.is_parametrized(m, 'bias')",
    "two parametrizations, one after the other": """
m = nn.Linear(3, 3)
parametrize.register_parametrization(m, "weight", Symmetric())
parametrize.register_parametrization(m, "weight", Twice())
learned(m, x)
""",
    "a parametrized parameter is set": """
m = fill(parametrizations.weight_norm(nn.Linear(3, 2)))
m.weight = torch.ones(2, 3)
m.weight, told(m)
""",
    "parametrizations are taken off": """
m = fill(parametrizations.weight_norm(parametrizations.weight_norm(nn.Linear(3, 2)), name="bias"))
parametrize.remove_parametrizations(m, "weight")
first = told(m)
parametrize.remove_parametrizations(m, "bias")
first, told(m), m(x), parametrize.is_parametrized(m)
""",
    "the original comes back": """
m = nn.Linear(3, 3)
parametrize.register_parametrization(m, "weight", Twice())
fill(m)
parametrize.remove_parametrizations(m, "weight", leave_parametrized=False)
told(m)
""",
    "weight norm by older names is taken off": "m = remove_weight_norm(fill(weight_norm(nn.Linear(3, 2))))\ntold(m), "
    "m(x)",
    "a buffer is parametrized": """
m = nn.BatchNorm1d(3)
parametrize.register_parametrization(m, "running_mean", Twice())
m.eval()
before = list(m.state_dict())
y = m(x)
parametrize.remove_parametrizations(m, "running_mean")
before, y, list(m.state_dict())
""",
    "a parametrization of another shape": """
class Wider(nn.Module):
    def forward(self, w):
        return torch.cat([w, w])
refused(lambda: parametrize.register_parametrization(nn.Linear(3, 2), "weight", Wider()))
""",
    "names of nothing": "[refused(f) for f in (lambda: parametrizations.weight_norm(nn.Linear(3, 2), 'wight'), "
    "lambda: weight_norm(nn.Linear(3, 2), 'wight'), lambda: remove_weight_norm(nn.Linear(3, 2)), "
    "lambda: parametrize.remove_parametrizations(nn.Linear(3, 2), 'weight'))]",
    "spectral norm in use": """
m = fill(parametrizations.spectral_norm(nn.Linear(3, 2)))
with torch.no_grad():
    m.parametrizations.weight[0]._u.copy_(torch.tensor([0.6, 0.8]))
    m.parametrizations.weight[0]._v.copy_(torch.tensor([0.0, 0.6, 0.8]))
first = learned(m, x)
first, m(x), m.eval()(x), m(x), list(m.state_dict())
""",
    "a model with normalised weights learns": """
m = fill(nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.Tanh(), weight_norm(nn.Linear(4, 1))))
optimizer = torch.optim.SGD(m.parameters(), lr=0.05)
def step(t):
    optimizer.zero_grad()
    loss = (m(t) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()
[step(x) for _ in range(4)], told(m)
""",
}
