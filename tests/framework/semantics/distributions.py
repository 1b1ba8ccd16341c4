"""Distributions: densities, entropies, moments, divergences and their gradients; the shapes and moments of draws."""

from __future__ import annotations

PRELUDE = """import torch
from torch.distributions import Bernoulli, Categorical, Exponential, Independent, Laplace, LogNormal, Normal
from torch.distributions import OneHotCategorical, Uniform, kl_divergence
a = torch.tensor([0.5, 1.5, 2.0], requires_grad=True)
b = torch.tensor([1.0, 0.25, 3.0])
v = torch.tensor([[0.3, 1.0, 2.5], [0.75, 2.0, 1.5]])
def told(d, value):
    found = d.log_prob(value), d.entropy(), d.mean, d.variance, d.stddev, d.batch_shape, d.event_shape
    a.grad = None
    (found[0].sum() + d.entropy().sum()).backward()
    return found, a.grad
def near(d, mean, spread):
    torch.manual_seed(0)
    drawn = d.sample((4000,)).float()
    least = 0.1 * (1 + spread.max())
    near = (drawn.mean(0) - mean).abs().max() < least, (drawn.std(0) - spread).abs().max() < least
    return bool(near[0]), bool(near[1]), drawn.shape, d.sample().shape
"""

MADE = {
    "Normal": ("Normal(a, b)", "Normal(0.3, a)"),
    "LogNormal": ("LogNormal(a * 0.2, b * 0.2)", "LogNormal(0.1, a * 0.2)"),
    "Laplace": ("Laplace(a, b)", "Laplace(0.5, a)"),
    "Uniform": ("Uniform(a - 3, a + 3 * b + 2)", "Uniform(a - 4, a + 3 * b + 4)"),
    "Exponential": ("Exponential(a)", "Exponential(a * 2)"),
}
CHOICES = {
    "Bernoulli": ("Bernoulli(a / 3)", "Bernoulli(logits=a)", "(v > 1).float()"),
    "Categorical": ("Categorical(a)", "Categorical(logits=a - b)", "torch.tensor([0, 2, 1])"),
    "OneHotCategorical": ("OneHotCategorical(a)", "OneHotCategorical(logits=a)", "torch.eye(3)"),
}

CASES = {
    **{
        f"{name}: what is computed": f"told({made}, v.clamp(max=2.4)), told({other}, v.clamp(max=2.4))"
        for name, (made, other) in MADE.items()
    },
    **{
        f"{name}: draws": f"""
d = {made}
near(d, d.mean.detach(), d.stddev.detach()), d.rsample((2,)).requires_grad, d.has_rsample
"""
        for name, (made, _) in MADE.items()
    },
    **{
        f"{name}: divergence": f"""
a.grad = None
d = kl_divergence({made}, {other}), kl_divergence({other}, {made})
(d[0].clamp(max=50) + d[1].clamp(max=50)).sum().backward()
d, a.grad
"""
        for name, (made, other) in MADE.items()
    },
    **{
        f"{name}: distribution functions": f"{made}.cdf(v)"
        for name, (made, _) in MADE.items()
        if name != "LogNormal"
    },
    **{
        f"{name}: what is computed": f"""
made = {one}, {other}
found = [(d.log_prob({value}), d.entropy(), d.probs, d.logits, d.batch_shape, d.event_shape) for d in made]
a.grad = None
sum(d.log_prob({value}).sum() + d.entropy().sum() for d in made).backward()
divergence = kl_divergence(*made)
kind = made[0].sample().dtype
shapes = made[0].sample().shape, made[1].sample((4, 2)).shape
found, a.grad, divergence, kind, shapes
"""
        for name, (one, other, value) in CHOICES.items()
    },
    "Bernoulli: draws": "d = Bernoulli(a.detach() / 3)\nnear(d, d.mean, d.stddev)",
    "Categorical: draws": """
d = Categorical(torch.tensor([[0.1, 0.2, 0.7], [0.0, 1.0, 3.0]]))
torch.manual_seed(0)
drawn = d.sample((4000,))
share = torch.stack([(drawn == k).float().mean(0) for k in range(3)], -1)
found = bool((share - d.probs).abs().max() < 0.05), drawn.shape, d.enumerate_support(), d.mode
del drawn, share
""",
    "Categorical: values that broadcast": """
d = Categorical(logits=torch.tensor([[0.1, 0.2], [0.5, -1.0], [0.0, 3.0]]))
d.log_prob(torch.tensor(1)), d.log_prob(torch.tensor([[0], [1]])), d.log_prob(torch.tensor([0, 1, 1]))
""",
    "Independent": """
d = Independent(Normal(a.detach().expand(2, 3), b), 1)
other = Independent(Normal(b.expand(2, 3), 1.0), 1)
moments = d.mean, d.variance
d.batch_shape, d.event_shape, d.log_prob(v), d.entropy(), moments, d.sample((5,)).shape, kl_divergence(d, other)
""",
    "what is no parameter is refused": """
found = []
for wrong in ("Normal(0.0, -1.0)", "Exponential(0.0)", "Bernoulli(1.5)", "Categorical(torch.tensor([-1.0, 2.0]))",
              "Categorical()", "Uniform(1.0, 0.0)"):
    try:
        eval(wrong)
        found.append('taken')
    except Exception:
        found.append('refused')
""",
    "a policy's step": """
weights = torch.nn.Parameter(torch.tensor([[0.5, -0.5], [0.25, 1.0], [0.0, -1.0]]))
def step(observed, action, advantage):
    policy = Categorical(logits=observed @ weights)
    loss = -(policy.log_prob(action) * advantage).mean() - 0.01 * policy.entropy().mean()
    weights.grad = None
    loss.backward()
    with torch.no_grad():
        weights.sub_(0.1 * weights.grad)
    return loss
losses = [step(v, torch.tensor([0, 1]), torch.tensor([1.0, -0.5])).item() for _ in range(3)]
""",
}
