"""Gradients as a user meets them: collected, stopped, hooked, taken again."""

from __future__ import annotations

PRELUDE = "import torch\n"

CASES = {
    "a gradient": """
x = torch.tensor(3.0, requires_grad=True)
(x * x).backward()
x.grad
""",
    "gradients add up": """
x = torch.tensor(3.0, requires_grad=True)
for _ in range(3):
    (x * x).backward()
x.grad
""",
    "grad is None before": """
x = torch.tensor(3.0, requires_grad=True)
x.grad is None
""",
    "zeroing by hand": """
x = torch.tensor(3.0, requires_grad=True)
(x * x).backward()
x.grad.zero_()
(x * 2).backward()
x.grad
""",
    "two leaves": """
a = torch.ones(2, requires_grad=True)
b = torch.full((2,), 3.0, requires_grad=True)
(a * b).sum().backward()
a.grad, b.grad
""",
    "a leaf used twice": """
x = torch.ones(2, requires_grad=True)
(x * 2 + x ** 2).sum().backward()
x.grad
""",
    "a given gradient": """
x = torch.ones(3, requires_grad=True)
(x * 2).backward(torch.tensor([1.0, 0.1, 0.01]))
x.grad
""",
    "backward needs a number": """
x = torch.ones(3, requires_grad=True)
try:
    (x * 2).backward()
    kind = None
except RuntimeError:
    kind = 'RuntimeError'
kind
""",
    "backward twice is refused": """
x = torch.ones(1, requires_grad=True)
y = (x * x).sum()
y.backward()
try:
    y.backward()
    kind = None
except RuntimeError:
    kind = 'RuntimeError'
kind
""",
    "backward twice with retain_graph": """
x = torch.ones(1, requires_grad=True)
y = (x * x).sum()
y.backward(retain_graph=True)
y.backward()
x.grad
""",
    "no_grad records nothing": """
x = torch.ones(1, requires_grad=True)
with torch.no_grad():
    y = x * 2
y.requires_grad, x.requires_grad
""",
    "no_grad as a decorator": """
@torch.no_grad()
def twice(x):
    return x * 2
twice(torch.ones(1, requires_grad=True)).requires_grad
""",
    "detach stops": """
x = torch.ones(2, requires_grad=True)
(x.detach() * x).sum().backward()
x.grad
""",
    "integers have none": """
try:
    torch.tensor([1, 2], requires_grad=True)
    kind = None
except RuntimeError:
    kind = 'RuntimeError'
kind
""",
    "comparisons stop": """
x = torch.ones(2, requires_grad=True)
(x > 0).requires_grad, (x.argmax()).requires_grad
""",
    "requires_grad spreads": """
x = torch.ones(1, requires_grad=True)
y = torch.ones(1)
(x + y).requires_grad, (y + y).requires_grad
""",
    "is_leaf": """
x = torch.ones(1, requires_grad=True)
x.is_leaf, (x + 1).is_leaf, (x + 1).detach().is_leaf
""",
    "through cat and split": """
x = torch.arange(4.0, requires_grad=True)
a, b = x.split(2)
torch.cat([b * 3, a]).sum().backward()
x.grad
""",
    "through matmul": """
w = torch.ones(3, 2, requires_grad=True)
x = torch.arange(6.0).reshape(2, 3)
(x @ w).pow(2).sum().backward()
w.grad
""",
    "through a loop": """
x = torch.tensor(1.5, requires_grad=True)
y = x
for _ in range(4):
    y = y * x + 1
y.backward()
x.grad
""",
    "through an if": """
x = torch.tensor(-2.0, requires_grad=True)
y = x * 2 if x > 0 else x * x
y.backward()
x.grad
""",
    "through where": """
x = torch.tensor([-1.0, 2.0], requires_grad=True)
torch.where(x > 0, x * 3, x * 5).sum().backward()
x.grad
""",
    "through exp and log": """
x = torch.tensor([0.5, 2.0], requires_grad=True)
(x.exp() + x.log() + x.sqrt()).sum().backward()
x.grad
""",
    "through softmax": """
x = torch.arange(3.0, requires_grad=True)
torch.softmax(x, 0)[1].backward()
x.grad
""",
    "through std and norm": """
x = torch.arange(4.0, requires_grad=True)
(x.std() + x.norm()).backward()
x.grad
""",
    "through cumsum": """
x = torch.arange(3.0, requires_grad=True)
(x.cumsum(0) * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
x.grad
""",
    "through prod with a zero": """
x = torch.tensor([2.0, 0.0, 3.0], requires_grad=True)
x.prod().backward()
x.grad
""",
    "through gather": """
x = torch.arange(6.0).reshape(2, 3).requires_grad_()
x.gather(1, torch.tensor([[2], [0]])).sum().backward()
x.grad
""",
    "through expand and repeat": """
x = torch.ones(2, requires_grad=True)
(x.expand(3, 2).sum() + x.repeat(4).sum()).backward()
x.grad
""",
    "gradient descent by hand": """
w = torch.zeros(2, requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
for _ in range(3):
    loss = ((x @ w - 1) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad = None
w, loss
""",
    "freezing": """
a = torch.ones(1, requires_grad=True)
b = torch.ones(1, requires_grad=True)
b.requires_grad_(False)
(a * b).sum().backward()
a.grad, b.grad
""",
}
