"""Whole Jacobians and second derivatives, products with them, gradients checked, modules called with other weights."""

from __future__ import annotations

PRELUDE = """
import torch
from torch import func
from torch.autograd import functional, gradcheck, gradgradcheck
x = torch.tensor([0.5, -1.0, 2.0])
w = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]])
v = torch.tensor([1.0, -2.0, 0.5])

def vector(t):
    return torch.stack([t[0] * t[1], t[2].exp(), (t * t).sum(), t[0]])

def scalar(t):
    return (t ** 3).sum() + t[0] * t[1] * t[2]

def bilinear(a, b):
    return a @ b

def refused(run):
    try:
        run()
    except RuntimeError:
        return "refused"
    return "taken"
"""

CASES = {
    "jacrev of a vector": "func.jacrev(vector)(x), func.jacrev(scalar)(x)",
    "jacfwd is the same": "func.jacfwd(vector)(x), func.jacfwd(scalar)(x)",
    "by the second argument, and by both": """
func.jacrev(bilinear, argnums=1)(w, x), func.jacrev(bilinear, argnums=(0, 1))(w, x)
""",
    "forward by both": "func.jacfwd(bilinear, argnums=(0, 1))(w, x), func.jacfwd(bilinear, argnums=1)(w, x)",
    "of results in a dictionary": """
def several(t):
    return {"sum": t.sum(), "parts": (t[:2] * 2, t.sin())}

result = func.jacrev(several)(x)
forward = func.jacfwd(several)(x)
""",
    "by what a dictionary holds": """
def fitted(p):
    return p["w"] @ x + p["b"]

result = func.jacrev(fitted)({"w": w, "b": torch.zeros(2)})
""",
    "with what else the function gives": """
func.jacrev(lambda t: (t * t, t.sum()), has_aux=True)(x), func.jacfwd(lambda t: (t * t, t + 1), has_aux=True)(x)
""",
    "of what does not depend on it": "func.jacrev(lambda t: torch.ones(2))(x), func.jacfwd(lambda t: t * 0 + 1)(x)",
    "a hessian": "func.hessian(scalar)(x), func.hessian(lambda t: t.sum())(x)",
    "a hessian of two arguments": """
func.hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(x, v)
""",
    "a Jacobian of a Jacobian": "func.jacrev(func.jacrev(vector))(x)",
    "the trace of a hessian has a gradient": """
t = x.clone().requires_grad_()
func.hessian(lambda u: (u ** 4).sum())(t).diagonal().sum().backward()
gradient = t.grad
""",
    "a compiled hessian": """
def step(t):
    return func.hessian(scalar)(t)

result = step(x)
""",
    "functional.jacobian": """
result = functional.jacobian(vector, x), functional.jacobian(bilinear, (w, x))
several = functional.jacobian(lambda a, b: (a + b, a * b), (x, v))
""",
    "functional.hessian": """
functional.hessian(scalar, x), functional.hessian(lambda a, b: (a * b).sum() ** 2, (x, v))
""",
    "functional.vjp and jvp": """
functional.vjp(vector, x, torch.ones(4)), functional.jvp(vector, x, v), functional.vjp(scalar, x)
""",
    "functional.vjp and jvp of two": """
functional.vjp(bilinear, (w, x), torch.ones(2)), functional.jvp(bilinear, (w, x), (torch.ones(2, 3), v))
""",
    "functional.hvp and vhp": """
functional.hvp(scalar, x, v), functional.vhp(scalar, x, v), functional.hvp(lambda a, b: (a * b).sum(), (x, v), (v, x))
""",
    "with create_graph the result has a gradient": """
t = x.clone().requires_grad_()
plain = functional.jacobian(scalar, t).requires_grad
functional.jacobian(scalar, t, create_graph=True).sum().backward()
gradient = t.grad
""",
    "strict is strict": """
unused = lambda a, b: a * 2
zeros = functional.jacobian(unused, (x, v))
outcomes = refused(lambda: functional.jacobian(unused, (x, v), strict=True)), refused(lambda: functional.jvp(vector, x))
""",
    "gradients are checked": """
d = torch.tensor([0.5, 1.5, 2.0], dtype=torch.float64, requires_grad=True)
e = torch.tensor([[1.0, 0.25, -2.0]], dtype=torch.float64, requires_grad=True)
good = gradcheck(lambda a: a.exp() * a, d), gradcheck(lambda a, b: (a * b, b.sin()), (d, e))
twice = gradgradcheck(lambda a, b: (a * b).tanh(), (d, e))

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t * t

    @staticmethod
    def backward(ctx, gradient):
        return ctx.saved_tensors[0] * gradient

bad = gradcheck(Wrong.apply, (d,), raise_exception=False), refused(lambda: gradcheck(Wrong.apply, (d,)))
""",
    "a module called with other weights": """
layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
given = {"0.weight": w, "0.bias": torch.tensor([0.5, -0.5])}
result = func.functional_call(layer, given, (x,))
own = bool((layer[0].weight != w).any())
gradient = func.grad(lambda p: func.functional_call(layer, p, x).sum())(given)
del layer
""",
    "two dictionaries, and a name that there is not": """
layer = torch.nn.Linear(3, 2)
result = func.functional_call(layer, ({"weight": w}, {"bias": torch.zeros(2)}), (x,))
try:
    func.functional_call(layer, {"weight": w}, (x,), strict=True)
    outcome = "taken"
except Exception:
    outcome = "refused"
del layer
""",
    "tied weights": """
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(3, 3, bias=False)
        self.b = torch.nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight

    def forward(self, t):
        return self.b(self.a(t))

result = func.functional_call(Tied(), {"a.weight": torch.eye(3) * 2}, (x,))
""",
    "what made a NaN is found": """
import warnings
warnings.simplefilter("ignore")
t = torch.tensor([1.0, 0.0], requires_grad=True)

def run():
    with torch.autograd.detect_anomaly():
        (t.sqrt() * 0).sum().backward()

def after():
    (t.sqrt() * 0).sum().backward()

outcomes = refused(run), refused(after)
with torch.autograd.set_detect_anomaly(True):
    inside = refused(after)
outside = refused(after)
""",
}
