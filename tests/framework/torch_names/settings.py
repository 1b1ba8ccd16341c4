"""What stands around the tensors of a program: gradients on and off, how they are printed, seeds, parts of torch."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25], [3.0, -0.75, 2.0]])
w = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
a = torch.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 5.0]])
b = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.25]])
seen = []
def refused(run):
    try:
        run()
    except Exception:
        return "refused"
    return "taken"
"""

CASES = {
    "Tensor.data": "w.data.requires_grad, w.data\nw.data[0] = 9.0\nw.data.mul_(2)\nw",
    "Tensor.grad_fn": "w.grad_fn is None, (w * 2).grad_fn is None, x.grad_fn is None",
    "Tensor.register_hook": (
        "y = w * 2\ny.register_hook(lambda g: seen.append(g.clone()))\nhandle = w.register_hook(lambda g: g * 10)\n"
        "y.sum().backward()\nhandle.remove()\n(w * w).sum().backward()\nseen, w.grad"
    ),
    "Tensor.retain_grad": "y = w * 2\ny.retain_grad()\n(y * y).sum().backward()\ny.grad, y.retains_grad, w.grad",
    "Tensor.normal_": (
        "(lambda y: (abs(y.mean().item() - 5) < 0.1, abs(y.std().item() - 0.5) < 0.1))(torch.empty(9000).normal_(5.0, "
        "0.5)), (lambda y: y.normal_() is y)(torch.empty(2))"
    ),
    "Tensor.uniform_": (
        "(lambda y: (bool((y >= 2).all()), bool((y < 3).all())))(torch.empty(900).uniform_(2.0, 3.0)), (lambda y: "
        "y.uniform_() is y)(torch.empty(2))"
    ),
    "torch.autograd": (
        "torch.autograd.grad((w * w).sum(), w), torch.autograd.grad((w ** 3).sum(), w, create_graph=True)[0]"
    ),
    "torch.enable_grad": "with torch.no_grad():\n    with torch.enable_grad():\n        y = w * 2\ny.requires_grad",
    "torch.inference_mode": "with torch.inference_mode():\n    y = w * 2\ny.requires_grad, (w * 2).requires_grad",
    "torch.is_grad_enabled": (
        "first = torch.is_grad_enabled()\nwith torch.no_grad():\n    second = torch.is_grad_enabled()\nfirst, second"
    ),
    "torch.set_grad_enabled": (
        "with torch.set_grad_enabled(False):\n    y = w * 2\nwith torch.set_grad_enabled(True):\n    z = w * 2\n"
        "y.requires_grad, z.requires_grad"
    ),
    "torch.seed": "type(torch.seed()).__name__, torch.seed() != torch.seed(), torch.seed() == torch.initial_seed()",
    "torch.set_printoptions": """
def show(*values):
    for value in values:
        print(value)
many = torch.arange(40.0).reshape(20, 2) / 8
numbers = (x, x * 1e6, x[0] / 1e6, x.round(), torch.tensor(2.5), torch.tensor([1.0, float("inf"), float("nan")]),
           torch.zeros(2), torch.tensor([[True, False]]), torch.tensor([1.0, 1e9]), x[:0], torch.tensor(3.0), w)
show(*numbers)
torch.set_printoptions(precision=2, linewidth=40)
show(*numbers, many)
torch.set_printoptions(threshold=10, edgeitems=2)
show(many, many.reshape(4, 5, 2))
torch.set_printoptions(sci_mode=True, profile="short")
show(*numbers)
torch.set_printoptions(profile="default", sci_mode=False)
show(*numbers)
torch.set_printoptions(profile="default")
""",
    "torch.linalg": (
        "torch.linalg.norm(x), torch.linalg.vector_norm(x, 3, dim=1), torch.linalg.matrix_norm(x, 1), "
        "torch.linalg.inv(a), torch.linalg.solve(a, b), torch.linalg.cholesky(a), torch.linalg.det(a), "
        "torch.linalg.slogdet(-a), torch.linalg.qr(b), torch.linalg.matrix_power(a, 3)"
    ),
    "torch.func": "torch.func.grad(lambda t: (t ** 3).sum())(x)",
    "torch.amp torch.autocast torch.is_autocast_enabled torch.get_autocast_dtype": (
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    y, on = x @ b, torch.is_autocast_enabled('cpu')\n"
        "with torch.amp.autocast('cpu', enabled=False):\n    z, off = x @ b, torch.is_autocast_enabled('cpu')\n"
        "y.dtype, z, on, off, torch.get_autocast_dtype('cpu')"
    ),
    "torch.double": "x.to(torch.double), torch.ones(2, dtype=torch.double)",
    "Tensor.cuda": (
        "device = 'cuda' if torch.cuda.is_available() else 'cpu'\nx.to(device), torch.cuda.device_count(), "
        "refused(lambda: x.cuda())"
    ),
    "torch.nn.Module.cuda": (
        "layer = torch.nn.ReLU()\nif torch.cuda.is_available():\n    layer.cuda()\nrefused(lambda: torch.nn.Linear(2, "
        "2).cuda())"
    ),
}
