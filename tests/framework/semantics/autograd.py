"""Gradients: by which tensors, to which order, what is kept of the history, and when nothing is recorded."""

from __future__ import annotations

PRELUDE = """
import torch
from torch.autograd import grad
x = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
w = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]], requires_grad=True)
c = torch.tensor([2.0, 3.0, 4.0])

def refused(run):
    try:
        run()
    except Exception as error:
        return "refused"
    return "taken"
"""

CASES = {
    "grad of a scalar": "grad((x * x).sum(), x)",
    "grad is a tuple": "found = grad((x * x).sum(), [x]); type(found).__name__, len(found)",
    "grad by several": "grad((w @ x).sum(), (x, w))",
    "grad by a generator": "grad((w @ x).sum(), (t for t in (w, x)))",
    "grad leaves .grad alone": "grad((x * x).sum(), x); x.grad is None",
    "grad with a cotangent": "grad(x * x, x, torch.tensor([1.0, 10.0, 100.0]))",
    "grad of several outputs": "grad([x.exp().sum(), (x * 3)], x, [None, c])",
    "grad of one output given twice": "y = (x * x).sum(); grad([y, y], x)",
    "grad by a tensor on the way": "y = x * 2; z = (y * y).sum(); grad(z, y)",
    "grad by a tensor on the way and its source": "y = x * 2; z = (y * y).sum(); grad(z, [y, x])",
    "grad of a tensor by itself": "y = (x * 2).sum(); grad(y, y)",
    "grad of a leaf by itself": "s = torch.tensor(3.0, requires_grad=True); grad(s, s)",
    "unused is refused": "refused(lambda: grad((x * x).sum(), w))",
    "unused is allowed": "grad((x * x).sum(), [x, w], allow_unused=True)",
    "unused is zeros": "grad((x * x).sum(), [x, w], materialize_grads=True)",
    "an input without a gradient is refused": "refused(lambda: grad((x * c).sum(), c))",
    "an output without a gradient is refused": "refused(lambda: grad((c * c).sum(), x))",
    "no scalar, no cotangent": "refused(lambda: grad(x * x, x))",
    "cotangent of another shape": "refused(lambda: grad(x * x, x, torch.ones(2)))",
    "a second grad": "y = (x * x).sum(); grad(y, x); refused(lambda: grad(y, x))",
    "a second grad after retain_graph": "y = (x * x).sum(); grad(y, x, retain_graph=True), grad(y, x)",
    "a second backward": "y = (x * x).sum(); y.backward(); refused(lambda: y.backward())",
    "history behind the asked tensor stays": """
h = x * x
z = (h * h).sum()
(g,) = grad(z, h)
h.sum().backward()
x.grad
""",
    "second gradient": "(g,) = grad((x ** 3).sum(), x, create_graph=True); grad(g.sum(), x)",
    "third gradient": """
(g,) = grad((x ** 4).sum(), x, create_graph=True)
(h,) = grad(g.sum(), x, create_graph=True)
grad(h.sum(), x)
""",
    "second gradient through .grad": """
y = (x ** 3).sum()
y.backward(create_graph=True)
g = x.grad
x.grad = None
g.sum().backward()
x.grad
""",
    "gradient penalty": """
y = (w @ x).tanh().sum()
(g,) = grad(y, x, create_graph=True)
penalty = (g * g).sum()
penalty.backward()
w.grad, x.grad
""",
    "mixed derivative": "(g,) = grad(((w @ x) ** 2).sum(), x, create_graph=True); grad((g * c).sum(), w)",
    "Hessian times vector": """
(g,) = grad((x.exp() * x).sum(), x, create_graph=True)
grad((g * c).sum(), x)
""",
    "cotangent with a gradient": """
v = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
(g,) = grad(x * x, x, v, create_graph=True)
grad(g.sum(), [v, x])
""",
    "create_graph gives history": """
(g,) = grad((x ** 3).sum(), x, create_graph=True)
(h,) = grad((x ** 3).sum(), x)
g.requires_grad, h.requires_grad, h.is_leaf
""",
    "a linear function has no second gradient": """
(g,) = grad((x * c).sum(), x, create_graph=True)
g.requires_grad
""",
    "create_graph keeps the history": """
y = (x ** 3).sum()
grad(y, x, create_graph=True)
grad(y, x)
""",
    "create_graph under no_grad": """
y = (x ** 3).sum()
with torch.no_grad():
    (g,) = grad(y, x, create_graph=True)
g.requires_grad
""",
    "backward by some": "(w @ x).sum().backward(inputs=[x]); x.grad, w.grad",
    "backward by a tensor on the way": """
y = x * 2
y.retain_grad()
(y * y).sum().backward(inputs=[y])
y.grad, x.grad
""",
    "backward of several": "torch.autograd.backward([x.sum(), (x * 2).sum()]); x.grad",
    "backward with cotangents": "torch.autograd.backward([x * 1, x * 2], [c, c]); x.grad",
    "gradients add up": "x.sum().backward(); (x * x).sum().backward(); x.grad",
    "gradients add up with create_graph": """
x.sum().backward()
first = x.grad
(x * x).sum().backward(create_graph=True)
first, x.grad
""",
    "gradients set to None start anew": "x.sum().backward(); x.grad = None; (x * 2).sum().backward(); x.grad",
    "zeroed gradients start anew": "x.sum().backward(); x.grad.zero_(); (x * 2).sum().backward(); x.grad",
    "the same tensor twice": "(x * x * x + x).sum().backward(); x.grad",
    "no_grad": """
with torch.no_grad():
    y = x * 2
y.requires_grad, torch.is_grad_enabled()
""",
    "no_grad as a decorator": """
@torch.no_grad()
def double(t):
    return t * 2
@torch.no_grad
def triple(t):
    return t * 3
double(x).requires_grad, triple(x).requires_grad, double.__name__, triple.__name__
""",
    "enable_grad inside no_grad": """
with torch.no_grad():
    with torch.enable_grad():
        y = x * 2
    z = x * 2
y.requires_grad, z.requires_grad
""",
    "enable_grad as a decorator": """
@torch.enable_grad()
def double(t):
    return t * 2
with torch.no_grad():
    y = double(x)
y.requires_grad
""",
    "set_grad_enabled": """
with torch.set_grad_enabled(False):
    y = x * 2
z = x * 2
torch.set_grad_enabled(False)
u = x * 2
torch.set_grad_enabled(True)
v = x * 2
y.requires_grad, z.requires_grad, u.requires_grad, v.requires_grad
""",
    "set_grad_enabled as a decorator": """
@torch.set_grad_enabled(False)
def double(t):
    return t * 2
y = x * 2
y.requires_grad, double(x).requires_grad, torch.is_grad_enabled()
""",
    "inference_mode": """
with torch.inference_mode():
    y = x * 2
    inside = torch.is_grad_enabled()
y.requires_grad, inside, torch.is_grad_enabled()
""",
    "inference_mode off": """
with torch.inference_mode(False):
    y = x * 2
y.requires_grad
""",
    "inference_mode as a decorator": """
@torch.inference_mode()
def double(t):
    return t * 2
double(x).requires_grad
""",
    "a generator under no_grad": """
@torch.no_grad()
def steps(t):
    yield torch.is_grad_enabled()
    yield (t * 2).requires_grad
outside = []
inside = []
for step in steps(x):
    inside.append(step)
    outside.append(torch.is_grad_enabled())
inside, outside
""",
    "an exception ends the mode": """
try:
    with torch.no_grad():
        raise ValueError
except ValueError:
    pass
torch.is_grad_enabled()
""",
    "modes nest": """
seen = []
with torch.no_grad():
    seen.append(torch.is_grad_enabled())
    with torch.no_grad():
        seen.append(torch.is_grad_enabled())
    seen.append(torch.is_grad_enabled())
seen + [torch.is_grad_enabled()]
""",
    "leaves": """
y = x * 2
d = y.detach()
with torch.no_grad():
    n = x * 2
x.is_leaf, y.is_leaf, d.is_leaf, n.is_leaf, c.is_leaf
""",
    "grad_fn": """
y = x * 2
x.grad_fn is None, y.grad_fn is None, y.detach().grad_fn is None, c.grad_fn is None, y.grad_fn == y.grad_fn
""",
    "grad_fn names": "(x * 2).grad_fn.name(), (x + 1).grad_fn.name(), x.exp().grad_fn.name()",
    "next_functions": """
y = x * c
y.grad_fn.next_functions[0][0].variable is x, y.grad_fn.next_functions[1][0]
""",
    "detach cuts": "y = (x * x).detach() * x; y.sum().backward(); x.grad",
    "requires_grad_ from the middle": """
y = (x * x).detach().requires_grad_()
(y * y).sum().backward()
y.grad, x.grad
""",
    "a frozen factor": "x.requires_grad_(False); (w * x).sum().backward(); w.grad, x.grad",
    "broadcast sums the gradient": "(w + x).exp().sum().backward(); x.grad, w.grad",
    "relu at zero": "t = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True); t.relu().sum().backward(); t.grad",
    "abs at zero": "t = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True); t.abs().sum().backward(); t.grad",
    "maximum at a tie": """
a = torch.tensor([1.0, 2.0], requires_grad=True)
(torch.where(a > 1, a * a, a)).sum().backward()
a.grad
""",
    "a diamond": "a = x * 2; b = a + 1; d = a * 3; (b * d).sum().backward(); x.grad",
    "gradient through a view": "(w[0] * w.T[:, 1]).sum().backward(); w.grad",
    "gradient by a view": "v = w[0]; grad((v * v).sum(), v)",
    "gradient by a transpose that a product takes": "v = w.T; grad((c.reshape(1, 3) @ v).sum(), v)",
    "integers are refused": "refused(lambda: torch.tensor([1, 2]).requires_grad_())",
    "deepcopy of a leaf": """
import copy
x.sum().backward()
twin = copy.deepcopy(x)
(twin * 2).sum().backward()
twin.grad, x.grad
""",
    "a step of gradient descent": """
for _ in range(3):
    loss = ((w @ x) ** 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        w.grad.zero_()
w, w.is_leaf
""",
    "a step by grad": """
for _ in range(3):
    (g,) = grad(((w @ x) ** 2).sum(), w)
    w = (w - 0.01 * g).detach().requires_grad_()
w
""",
    "a learned step (MAML)": """
rate = torch.tensor(0.1, requires_grad=True)
inner = ((w @ x) ** 2).sum()
(g,) = grad(inner, w, create_graph=True)
fast = w - rate * g
((fast @ c) ** 2).sum().backward()
w.grad, rate.grad
""",
}
