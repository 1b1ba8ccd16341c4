"""Functions with a gradient of their own, and checkpoints."""

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

CASES = {
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
}
