"""Making tensors, their element types, and the way out to Python."""

from __future__ import annotations

PRELUDE = """
import numpy as np
x = torch.tensor([[1.5, -2.0, 0.25], [3.0, -0.75, 2.0]])
i = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)
b = torch.tensor([True, False, True])
"""

CASES = {
    "torch.zeros": (
        "torch.zeros(2, 3), torch.zeros((2,)), torch.zeros(2, dtype=torch.int64), torch.zeros([1, 2], device='cpu')"
    ),
    "torch.ones": (
        "torch.ones(2, 3), torch.ones((2,), dtype=torch.bool), torch.ones(2, requires_grad=True).requires_grad"
    ),
    "torch.empty": "torch.empty(2, 3).shape, torch.empty(4, dtype=torch.int32).dtype",
    "torch.full": (
        "torch.full((2, 2), 1.5), torch.full((3,), 7), torch.full((2,), True), torch.full((2,), 3, "
        "dtype=torch.float32)"
    ),
    "torch.zeros_like": "torch.zeros_like(x), torch.zeros_like(x, dtype=torch.int32), torch.zeros_like(b)",
    "torch.ones_like": "torch.ones_like(x), torch.ones_like(i), torch.ones_like(x, dtype=torch.bool)",
    "torch.full_like": "torch.full_like(x, 2), torch.full_like(i, 3.0), torch.full_like(x, 1, dtype=torch.int64)",
    "torch.empty_like": "torch.empty_like(x).shape, torch.empty_like(i).dtype",
    "torch.arange": (
        "torch.arange(5), torch.arange(2, 9), torch.arange(1, 10, 3), torch.arange(5, 0, -2), torch.arange(0, 1, "
        "0.25), torch.arange(3.0), torch.arange(4, dtype=torch.float32), torch.arange(end=3, start=1), "
        "torch.arange(0)"
    ),
    "torch.linspace": (
        "torch.linspace(0, 1, 5), torch.linspace(-3, 3, steps=4), torch.linspace(2, 5, 1), torch.linspace(1, 0, 3)"
    ),
    "torch.eye": "torch.eye(3), torch.eye(2, 3), torch.eye(3, 2, dtype=torch.int32), torch.eye(0)",
    "torch.tensor": (
        "torch.tensor([1, 2]), torch.tensor(1.5), torch.tensor([[True]]), torch.tensor([1, 2], dtype=torch.float32), "
        "torch.tensor([1.0], requires_grad=True).requires_grad, torch.tensor([[1, 2.5]]), torch.tensor([])"
    ),
    "torch.as_tensor": (
        "torch.as_tensor([1.0, 2.0]), torch.as_tensor(x) is x, torch.as_tensor([1, 2], dtype=torch.float32)"
    ),
    "torch.from_numpy": "torch.from_numpy(np.array([1.0, 2.0], np.float32)), torch.from_numpy(np.arange(3))",
    "torch.Tensor": "isinstance(x, torch.Tensor), isinstance(2.0, torch.Tensor), type(x) is torch.Tensor",
    "torch.is_tensor": "torch.is_tensor(x), torch.is_tensor([1.0]), torch.is_tensor(np.zeros(2))",
    "Tensor.new_zeros": "x.new_zeros(2), i.new_zeros((2, 2)), x.new_zeros(3, dtype=torch.int32), b.new_zeros(1, 2)",
    "Tensor.item": "x[0, 0].item(), i[1, 1].item(), b[0].item(), type(i[0, 0].item()).__name__",
    "Tensor.tolist": "x.tolist(), i.tolist(), b.tolist(), x[0, 1].tolist()",
    "Tensor.numpy": "x.numpy(), i.numpy(), b.numpy()",
    "Tensor.__format__": 'f"{x[0, 0]:.3f}", f"{i[0, 1]:d}", f"{x.sum():8.2f}|"',
    "Tensor.__contains__": "3.0 in x, 9.0 in x, 4 in i",
    "Tensor.float": "i.float(), b.float()",
    "Tensor.int": "x.int(), b.int()",
    "Tensor.long": "x.long(), i.long()",
    "Tensor.bool": "x.bool(), i.bool()",
    "Tensor.bfloat16 torch.bfloat16": "x.bfloat16(), x.bfloat16().dtype == torch.bfloat16",
    "Tensor.double": "x.double(), i.double().dtype",
    "Tensor.type": "i.type(torch.float32), x.type(torch.int64)",
    "Tensor.type_as": "i.type_as(x), x.type_as(i)",
    "Tensor.cpu": "x.cpu(), x.cpu().device",
    "Tensor.element_size": "x.element_size(), b.element_size(), i.long().element_size(), x.bfloat16().element_size()",
    "Tensor.is_floating_point": "x.is_floating_point(), i.is_floating_point(), b.is_floating_point()",
    "Tensor.clone torch.clone": "x.clone(), torch.clone(i), x.clone() is x",
    "Tensor.real": "x.real",
    "Tensor.dtype": "x.dtype, i.dtype, b.dtype, x.dtype == torch.float32",
    "Tensor.device torch.device": "x.to('cpu').device, torch.device('cpu')",
    "torch.float32 torch.int32 torch.int8 torch.int64 torch.bool": (
        "[x.to(t) for t in (torch.float32, torch.int32, torch.int8, torch.int64, torch.bool)]"
    ),
    "torch.float torch.int torch.long": (
        "torch.float == torch.float32, torch.int == torch.int32, torch.long == torch.int64"
    ),
    "Tensor.__index__": "list(range(i[0, 2])), [10, 20, 30, 40][i[0, 1]]",
    "Tensor.to": (
        "x.to(torch.int32), x.to('cpu'), x.to(torch.bfloat16).dtype, x.to(i), x.to(device='cpu', dtype=torch.int64)"
    ),
}
