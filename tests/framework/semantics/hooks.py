"""Hooks of tensors, gradients that are kept, functions with a gradient of their own, and checkpoints."""

from __future__ import annotations

from tests.framework.semantics import autograd

PRELUDE = autograd.PRELUDE + """
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

class Exp(Function):
    @staticmethod
    def forward(ctx, t):
        result = t.exp()
        ctx.save_for_backward(result)
        return result
    @staticmethod
    def backward(ctx, g):
        (result,) = ctx.saved_tensors
        return g * result

class Pair(Function):
    @staticmethod
    def forward(a, b, factor):
        return a * b * factor, a + b
    @staticmethod
    def setup_context(ctx, inputs, output):
        a, b, ctx.factor = inputs
        ctx.save_for_backward(a, b)
    @staticmethod
    def backward(ctx, g, h):
        a, b = ctx.saved_tensors
        return g * b * ctx.factor + h, g * a * ctx.factor + h, None
"""

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
    "a Function": "Exp.apply(x).sum().backward(); x.grad",
    "a Function's second gradient": """
(g,) = grad(Exp.apply(x * 2).sum(), x, create_graph=True)
g, grad(g.sum(), x)
""",
    "a Function's third gradient": """
(g,) = grad(Exp.apply(x).sum(), x, create_graph=True)
(h,) = grad(g.sum(), x, create_graph=True)
grad(h.sum(), x)
""",
    "a Function of constants": "y = Exp.apply(c); y, y.requires_grad",
    "a Function under no_grad": """
with torch.no_grad():
    y = Exp.apply(x)
y.requires_grad
""",
    "a Function's grad_fn": "y = Exp.apply(x); y.grad_fn.name(), y.is_leaf",
    "a Function of two": "p, s = Pair.apply(x, c, 2.0); (p * s).sum().backward(); x.grad, c.grad",
    "a Function of two, one used": "p, s = Pair.apply(x, x, 2.0); s.sum().backward(); x.grad",
    "a Function of two, second gradient": """
p, s = Pair.apply(x, x * x, 0.5)
(g,) = grad((p * s).sum(), x, create_graph=True)
grad(g.sum(), x)
""",
    "needs_input_grad": """
seen = []
class Seen(Function):
    @staticmethod
    def forward(ctx, a, b, k):
        return a * b
    @staticmethod
    def backward(ctx, g):
        seen.append(ctx.needs_input_grad)
        return g, g, None
Seen.apply(x, c, 3).sum().backward()
Seen.apply(c, x, 3).sum().backward()
seen
""",
    "None for an argument": """
class First(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a * 2 + b
    @staticmethod
    def backward(ctx, g):
        return 2 * g, None
u = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
First.apply(x, u).sum().backward()
x.grad, u.grad
""",
    "straight through": """
class Sign(Function):
    @staticmethod
    def forward(ctx, t):
        return torch.where(t > 0, 1.0, -1.0)
    @staticmethod
    def backward(ctx, g):
        return g
(Sign.apply(x) * c).sum().backward()
x.grad
""",
    "gradient reversal": """
class Reverse(Function):
    @staticmethod
    def forward(ctx, t):
        return t.view_as(t) if hasattr(t, "view_as") else t[:]
    @staticmethod
    def backward(ctx, g):
        return -g
y = Reverse.apply(x)
(y * c).sum().backward()
y, x.grad
""",
    "an argument handed back": """
class Same(Function):
    @staticmethod
    def forward(ctx, t):
        return t
    @staticmethod
    def backward(ctx, g):
        return g * 5
y = Same.apply(x)
y.sum().backward()
y is x, x.grad
""",
    "not differentiable": """
class Split(Function):
    @staticmethod
    def forward(ctx, t):
        mask = t > 0
        twice = t * 2
        fixed = t * 0 + 1
        ctx.mark_non_differentiable(mask, fixed)
        return twice, mask, fixed
    @staticmethod
    def backward(ctx, g, *rest):
        return g * 2
a, m, f = Split.apply(x)
a.sum().backward()
a.requires_grad, m.requires_grad, f.requires_grad, m, x.grad
""",
    "zeros for what is unused": """
seen = []
class Two(Function):
    @staticmethod
    def forward(ctx, t):
        return t * 2, t * 3
    @staticmethod
    def backward(ctx, g, h):
        seen.append(h)
        return 2 * g + 3 * h
a, b = Two.apply(x)
a.sum().backward()
seen, x.grad
""",
    "None for what is unused": """
seen = []
class Two(Function):
    @staticmethod
    def forward(ctx, t):
        ctx.set_materialize_grads(False)
        return t * 2, t * 3
    @staticmethod
    def backward(ctx, g, h):
        seen.append(h)
        return 2 * g
a, b = Two.apply(x)
a.sum().backward()
seen, x.grad
""",
    "once differentiable": """
class Square(Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t * t
    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (t,) = ctx.saved_tensors
        return 2 * t * g
(g,) = grad(Square.apply(x).sum(), x, create_graph=True)
g, refused(lambda: grad(g.sum(), x))
""",
    "too few gradients": """
class Wrong(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a * b
    @staticmethod
    def backward(ctx, g):
        return g
refused(lambda: Wrong.apply(x, c).sum().backward())
""",
    "a gradient of another shape": """
class Wrong(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2
    @staticmethod
    def backward(ctx, g):
        return g[:2]
refused(lambda: Wrong.apply(x).sum().backward())
""",
    "no backward": """
class Half(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2
refused(lambda: Half.apply(x).sum().backward())
""",
    "attributes of ctx": """
class Scale(Function):
    @staticmethod
    def forward(ctx, a, factor):
        ctx.factor = factor
        return a * factor
    @staticmethod
    def backward(ctx, g):
        return g * ctx.factor, None
Scale.apply(x, 4.0).sum().backward()
x.grad
""",
    "a checkpoint": """
def block(t, m):
    return (m @ t.tanh()).exp()
y = checkpoint(block, x, w, use_reentrant=False)
y.sum().backward()
y, x.grad, w.grad
""",
    "a checkpoint of a closure": """
y = checkpoint(lambda t: (w * t).exp().sum(0), x, use_reentrant=False)
(y * c).sum().backward()
x.grad, w.grad
""",
    "checkpoints in a row": """
t = x
for _ in range(4):
    t = checkpoint(lambda u: (u * c).tanh() + u, t, use_reentrant=False)
t.sum().backward()
t, x.grad
""",
    "a checkpoint of several": """
a, b = checkpoint(lambda t: (t * t, t.exp()), x, use_reentrant=False)
(a * b).sum().backward()
x.grad
""",
    "a checkpoint, one result used": """
a, b = checkpoint(lambda t: (t * t, t.exp()), x, use_reentrant=False)
b.sum().backward()
x.grad
""",
    "a checkpoint's second gradient": """
y = checkpoint(lambda t: (t * 0.5).tanh() ** 3, x, use_reentrant=False)
(g,) = grad(y.sum(), x, create_graph=True)
g, grad(g.sum(), x)
""",
    "a checkpoint within a checkpoint": """
def inner(t):
    return t.exp() * t
def outer(t):
    return checkpoint(inner, t * 2, use_reentrant=False) + t
checkpoint(outer, x, use_reentrant=False).sum().backward()
x.grad
""",
    "a Function within a checkpoint": """
checkpoint(lambda t: Exp.apply(t * 2) * t, x, use_reentrant=False).sum().backward()
x.grad
""",
    "a checkpoint under no_grad": """
with torch.no_grad():
    y = checkpoint(lambda t: t * 2, x, use_reentrant=False)
y.requires_grad
""",
    "a checkpoint of constants": "y = checkpoint(lambda t: t * 2, c, use_reentrant=False); y, y.requires_grad",
    "a checkpoint twice backward": """
y = checkpoint(lambda t: t * t, x, use_reentrant=False).sum()
y.backward(retain_graph=True)
y.backward()
x.grad, refused(lambda: y.backward())
""",
    "hooks within a checkpoint": """
def block(t):
    h = t * 2
    h.register_hook(lambda g: g * 10)
    return h * h
checkpoint(block, x, use_reentrant=False).sum().backward()
x.grad
""",
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
