"""Functions made of functions: ``torch.func``."""

from __future__ import annotations

from tests.framework.semantics import autograd

PRELUDE = autograd.PRELUDE + """
from torch import func

def cube(t):
    return (t ** 3).sum()

def product(a, b):
    return (a * b.exp()).sum()

p = torch.tensor([0.5, 1.5, -1.0])
"""

CASES = {
    "grad": "g = func.grad(cube)(p); g, g.requires_grad",
    "grad of grad": "func.grad(lambda t: func.grad(cube)(t).sum())(p)",
    "grad three times": "func.grad(lambda t: func.grad(lambda u: func.grad(cube)(u).sum())(t).sum())(p)",
    "grad by the second": "func.grad(product, argnums=1)(p, c)",
    "grad by both": "func.grad(product, argnums=(0, 1))(p, c)",
    "grad by the last": "func.grad(product, argnums=-1)(p, c)",
    "grad with aux": "func.grad(lambda t: (cube(t), t * 2), has_aux=True)(p)",
    "grad of a dictionary": "func.grad(lambda d: (d['a'] * d['b']).sum())({'a': p, 'b': c})",
    "grad with keywords": "func.grad(lambda t, power: (t ** power).sum())(p, power=2)",
    "grad_and_value": "func.grad_and_value(cube)(p)",
    "grad_and_value with aux": "func.grad_and_value(lambda t: (cube(t), t * 2), has_aux=True)(p)",
    "grad under no_grad": """
with torch.no_grad():
    g = func.grad(cube)(p)
g
""",
    "no_grad inside grad": """
def f(t):
    with torch.no_grad():
        fixed = t * t
    return (t * fixed).sum()
func.grad(f)(p)
""",
    "grad needs a scalar": "refused(lambda: func.grad(lambda t: t * 2)(p))",
    "grad of integers": "refused(lambda: func.grad(lambda t: t.sum())(torch.tensor([1, 2])))",
    "grad of what is constant": "func.grad(lambda t: (c * c).sum() + 0 * t.sum())(p)",
    "grad of a leaf that requires one": "g = func.grad(cube)(x); g, x.grad",
    "a parameter from outside": """
g = func.grad(lambda t: (w * t * t).sum())(p)
g.sum().backward()
g.requires_grad, w.grad
""",
    "vjp": "y, pull = func.vjp(lambda t: t * t, p); y, pull(c)",
    "vjp of two": "y, pull = func.vjp(lambda a, b: a * b, p, c); y, pull(torch.ones(3))",
    "vjp of a tuple": "y, pull = func.vjp(lambda t: (t * t, t.exp()), p); y, pull((c, c))",
    "vjp called twice": "y, pull = func.vjp(lambda t: t * t, p); pull(c), pull(p)",
    "vjp with aux": "y, pull, aux = func.vjp(lambda t: (t * t, t + 1), p, has_aux=True); y, pull(c), aux",
    "jvp": "func.jvp(lambda t: t * t.exp(), (p,), (c,))",
    "jvp of two": "func.jvp(lambda a, b: a * b, (p, c), (c, p))",
    "jvp of a matrix": "func.jvp(lambda t: w.detach() @ t, (p,), (c,))",
    "jvp of grad (Hessian times vector)": "func.jvp(func.grad(cube), (p,), (c,))",
    "grad of jvp": "func.grad(lambda t: func.jvp(lambda u: u ** 3, (t,), (c,))[1].sum())(p)",
}
