"""Gradients, writing in place, and what else a program of tensors needs around it."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25], [3.0, -0.75, 2.0]])
w = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
i = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)
b = torch.tensor([True, False, True])
seen = []
"""

IN_PLACE = {
    "add_": "y, alpha=2", "sub_": "1.5", "mul_": "y", "div_": "2", "exp_": "", "clamp_": "-1, 1", "zero_": "",
    "fill_": "7", "copy_": "y",
}  # fmt: skip
"""Method → its arguments."""

CASES = {
    **{
        f"Tensor.{name}": f"z = x.clone()\nview = z[0]\ny = x[1]\nr = z.{name}({given})\nz, view, r is z"
        for name, given in IN_PLACE.items()
    },
    "Tensor.__ipow__": "z = x.clone()\nz **= 2\nz",
    "Tensor.__setitem__": (
        "z = x.clone()\nz[0] = 1.0\nz[:, 1] = torch.tensor([7.0, 8.0])\nz[1, 2] = -z[1, 2]\nz[..., :1] *= 2\nz"
    ),
    "Tensor.__reversed__": "[int(t[0]) for t in reversed(i)]",
    "Tensor.backward": "((x * w).sum() ** 2).backward()\nw.grad",
    "Tensor.grad": "a = w.grad\n(w * w).sum().backward()\n(w * 3).sum().backward()\na, w.grad",
    "Tensor.requires_grad": "x.requires_grad, w.requires_grad, (w * 2).requires_grad, w.detach().requires_grad",
    "Tensor.requires_grad_": "x.clone().requires_grad_().requires_grad, x.requires_grad_() is x",
    "Tensor.is_leaf": "w.is_leaf, (w * 2).is_leaf, x.is_leaf",
    "Tensor.detach": "d = w.detach()\nd[0] = 9.0\nw, d.requires_grad",
    "torch.no_grad": "with torch.no_grad():\n    y = w * 2\ny.requires_grad, (w * 2).requires_grad",
    "torch.set_default_device": (
        "torch.set_default_device('cpu')\ny = torch.zeros(2)\ntorch.set_default_device(None)\ny"
    ),
    "torch.save torch.load": (
        "import os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'x.pt')\n"
        "torch.save({'x': x, 'i': i}, path)\nfound = sorted(torch.load(path).items())\npath = None\nfound"
    ),
}
