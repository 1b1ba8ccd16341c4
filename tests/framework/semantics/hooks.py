"""Hooks of tensors and of modules, and gradients that are kept."""

from __future__ import annotations

from tests.framework.semantics import functions

PRELUDE = functions.PRELUDE
BACKWARD = """
seen = []
def show(name, *parts):
    seen.append((name, [[None if g is None else g.clone() for g in part] for part in parts]))
class Mixed(torch.nn.Module):
    def forward(self, x, y, k):
        return x * y * k, x + 1, k
m = Mixed()
p = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
c = torch.tensor([3.0, 4.0, -1.0])
"""

CASES = {
    "a hook sees the gradient": """
seen = []
y = x * 2
y.register_hook(lambda g: seen.append(g))
(y * y).sum().backward()
seen
""",
    "a hook replaces the gradient": "y = x * 2; y.register_hook(lambda g: g * 10); (y * y).sum().backward(); x.grad",
    "a hook of a leaf": "x.register_hook(lambda g: g * 10); (x * x).sum().backward(); x.grad",
    "hooks run in order": """
y = x * 1
y.register_hook(lambda g: g + 1)
y.register_hook(lambda g: g * 10)
y.sum().backward()
x.grad
""",
    "a hook runs once, when the gradient is complete": """
seen = []
y = x * 2
y.register_hook(lambda g: seen.append(g))
(y.exp() + y * 3 + y).sum().backward()
seen
""",
    "a removed hook": """
handle = x.register_hook(lambda g: g * 10)
x.sum().backward()
handle.remove()
x.sum().backward()
x.grad
""",
    "a hook for a block": """
with x.register_hook(lambda g: g * 10):
    x.sum().backward()
x.sum().backward()
x.grad
""",
    "a hook with grad()": "x.register_hook(lambda g: g * 10); grad(x.sum(), x)",
    "a hook of the tensor asked for": "y = x * 2; y.register_hook(lambda g: g * 10); grad(y.sum(), y)",
    "a hook of the loss": "y = x.sum(); y.register_hook(lambda g: g * 10); y.backward(); x.grad",
    "a hook off the way does not run": """
seen = []
a = x * 2
b = w * 2
b.register_hook(lambda g: seen.append(g))
grad((a.sum() + b.sum()), x)
len(seen)
""",
    "a hook survives a change in place": """
x.register_hook(lambda g: g * 10)
with torch.no_grad():
    x.mul_(2)
(x * x).sum().backward()
x.grad
""",
    "a hook under create_graph": """
y = x * 1
y.register_hook(lambda g: g * x)
(g,) = grad((y * y).sum(), x, create_graph=True)
g, grad(g.sum(), x)
""",
    "a hook of a tensor without a gradient": "refused(lambda: c.register_hook(lambda g: g))",
    "a hook that gives another shape": """
y = x * 2
y.register_hook(lambda g: g.sum())
refused(lambda: y.sum().backward())
""",
    "a hook in a mode without recording": """
seen = []
x.register_hook(lambda g: seen.append(torch.is_grad_enabled()))
(x * x).sum().backward()
(x * x).sum().backward(create_graph=True)
seen
""",
    "clamping gradients": "y = x * 3; y.register_hook(lambda g: g / g.abs()); (y * y).sum().backward(); x.grad",
    "retain_grad": "y = x * 2; y.retain_grad(); (y * y).sum().backward(); y.grad, y.retains_grad, x.retains_grad",
    "retain_grad twice": "y = x * 2; y.retain_grad(); y.retain_grad(); (y * y).sum().backward(); y.grad",
    "retain_grad adds up": """
y = x * 2
y.retain_grad()
y.sum().backward(retain_graph=True)
y.sum().backward()
y.grad
""",
    "retain_grad comes behind the hooks": """
y = x * 2
y.retain_grad()
y.register_hook(lambda g: g * 10)
y.sum().backward()
y.grad
""",
    "retain_grad of a leaf": "x.retain_grad(); x.sum().backward(); x.grad, x.retains_grad",
    "retain_grad without a gradient": "refused(lambda: c.retain_grad())",
    "retain_grad of the loss": "y = x.sum(); y.retain_grad(); y.backward(); y.grad",
    "post-accumulate hook": """
seen = []
x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone() if hasattr(p.grad, "clone") else p.grad + 0))
x.sum().backward()
x.sum().backward()
seen
""",
    "an update in a post-accumulate hook": """
def update(p):
    with torch.no_grad():
        p -= 0.1 * p.grad
    p.grad = None
w.register_post_accumulate_grad_hook(update)
for _ in range(2):
    (w * w).sum().backward()
w, w.grad
""",
    "post-accumulate hook of no leaf": "refused(lambda: (x * 2).register_post_accumulate_grad_hook(lambda p: None))",
    "a module's backward hooks see the gradients of its arguments and results": BACKWARD + """
m.register_full_backward_pre_hook(lambda m, out: show("pre", out))
handle = m.register_full_backward_hook(lambda m, given, out: show("full", given, out))
a, b, k = m(p, c, 5)
(a.sum() * 2 + (b * b).sum()).backward()
a, b, k = m(c, p, 2)
a.sum().backward()
handle.remove()
m(p, p, 1)[0].sum().backward()
seen, p.grad
""",
    "a module's backward hooks change the gradients": BACKWARD + """
m.register_full_backward_hook(lambda m, given, out: show("second", given, out))
m.register_full_backward_hook(lambda m, given, out: (given[0] * 3, None, given[2]), prepend=True)
m.register_full_backward_pre_hook(lambda m, out: (out[0] * 2, out[1], out[2]))
m(p, c, 5)[0].sum().backward()
seen, p.grad
""",
    "backward hooks of a module whose arguments require nothing": BACKWARD + """
layer = torch.nn.Linear(3, 1, bias=False)
with torch.no_grad():
    layer.weight.fill_(0.5)
layer.register_full_backward_hook(lambda m, given, out: show("full", given, out))
layer(c).sum().backward()
layer(p).sum().backward()
with torch.no_grad():
    layer(p)
seen, layer.weight.grad, p.grad
""",
    "backward hooks that return what does not fit": BACKWARD + """
m.register_full_backward_hook(lambda m, given, out: (given[0],))
refused(lambda: m(p, c, 5)[0].sum().backward())
""",
    "backward hooks in a model that learns": BACKWARD + """
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
with torch.no_grad():
    for w in model.parameters():
        w.fill_(0.25)
def step(t):
    model.zero_grad()
    model(t).sum().backward()
    return [w.grad.clone() for w in model.parameters()]
model[1].register_full_backward_hook(lambda m, given, out: (given[0] * 10,))
first = step(p.detach())
model[2].register_full_backward_pre_hook(lambda m, out: (out[0] * 0.5,))
first, step(p.detach())
""",
}
