"""One result element from one element of each operand: arithmetic, comparisons, functions."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25], [3.0, -0.75, 2.0]])
y = torch.tensor([0.5, -2.0, 4.0])
p = torch.tensor([[0.5, 1.0, 2.5], [4.0, 0.125, 9.0]])
i = torch.tensor([[7, -7, 3], [0, 5, -2]], dtype=torch.int32)
j = torch.tensor([2, 3, -4], dtype=torch.int32)
b = torch.tensor([True, False, True])
"""

UNARY = {
    "abs": "x", "exp": "x", "expm1": "x", "sqrt": "p", "log": "p", "log1p": "p", "reciprocal": "p", "erf": "x",
    "sigmoid": "x", "tanh": "x", "relu": "x",
}  # fmt: skip
"""Methods of one operand, and what they are tried on."""

CASES = {
    **{f"Tensor.{name}": f"{of}.{name}(), i.{name}()" for name, of in UNARY.items() if name != "erf"},
    "Tensor.erf": "x.erf()",
    "Tensor.neg": "x.neg(), i.neg(), -x",
    "Tensor.add": "x + y, x.add(y), x.add(2), 1 + x, i + 1, i + 0.5, b + b",
    "Tensor.sub": "x - y, x.sub(y), 1 - x, i - j",
    "Tensor.mul": "x * y, x.mul(2), 3 * i, b * i",
    "Tensor.div": "x / y, x.div(2), 1 / p, i / j",
    "Tensor.maximum torch.maximum": "x.maximum(y), torch.maximum(x, y), i.maximum(j)",
    "Tensor.minimum torch.minimum": "x.minimum(y), torch.minimum(x, y), i.minimum(j)",
    "Tensor.sum": "x.sum(), x.sum(1), i.sum(), b.sum(), x.sum((0, 1), keepdim=True)",
    "torch.Tensor": "isinstance(x, torch.Tensor), isinstance(2.0, torch.Tensor)",
    "torch.where": "torch.where(x > 0, x, y), torch.where(b, x, 0.0)",
    "torch.float32 torch.int32 torch.int8 torch.int64 torch.bfloat16": (
        "[x.to(t) for t in (torch.float32, torch.int32, torch.int8, torch.int64, torch.bfloat16)]"
    ),
}
