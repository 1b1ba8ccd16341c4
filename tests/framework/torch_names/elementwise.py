"""One result element from one element of each operand: arithmetic and functions."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25], [3.0, -0.75, 2.0]])
y = torch.tensor([0.5, -2.0, 4.0])
p = torch.tensor([[0.5, 1.0, 2.5], [4.0, 0.125, 9.0]])
u = torch.tensor([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -1.5, 3.7, -3.2])
i = torch.tensor([[7, -7, 3], [0, 5, -2]], dtype=torch.int32)
j = torch.tensor([2, 3, -4], dtype=torch.int32)
b = torch.tensor([True, False, True])
"""

UNARY = {
    "abs": "x", "exp": "x", "sqrt": "p", "log": "p", "log1p": "p", "erf": "x", "sigmoid": "x", "tanh": "x",
}  # fmt: skip
"""Functions of one operand, methods too, and what they are tried on."""

CASES = {
    **{
        f"Tensor.{f} torch.{f}": f"{of}.{f}(), i.abs().{f}(), torch.{f}({of}), torch.{f}({of} * 2)"
        for f, of in UNARY.items()
    },
    "Tensor.expm1": "x.expm1(), i.expm1()",
    "Tensor.reciprocal": "p.reciprocal(), i[0].reciprocal()",
    "Tensor.neg": "x.neg(), i.neg(), -x",
    "Tensor.relu": "x.relu(), i.relu()",
    "Tensor.add": "x + y, x.add(y), x.add(2), 1 + x, i + 1, i + 0.5, b + b, x.add(y, alpha=2)",
    "Tensor.sub": "x - y, x.sub(y), 1 - x, i - j, x.sub(y, alpha=0.5)",
    "Tensor.mul": "x * y, x.mul(2), 3 * i, b * i",
    "Tensor.div": "x / y, x.div(2), 1 / p, i / j",
    "Tensor.maximum torch.maximum": "x.maximum(p), torch.maximum(p, x), i.maximum(j)",
    "Tensor.minimum torch.minimum": "x.minimum(p), torch.minimum(p, x), i.minimum(j)",
    "Tensor.__pow__": "x ** 2, x ** -1, p ** 0.5, i ** 2, p ** 1.5, p ** x, i ** 3",
    "Tensor.__rpow__": "2 ** x, 2.5 ** p",
    "Tensor.pow torch.pow": (
        "x.pow(2), p.pow(0.3), torch.pow(p, 3), torch.pow(p, x), torch.pow(2, x), x.pow(torch.tensor(3.0))"
    ),
    "Tensor.square": "x.square(), i.square(), torch.square(x)",
    "Tensor.sign torch.sign": "x.sign(), u.sign(), torch.sign(i)",
    "Tensor.rsqrt torch.rsqrt": "p.rsqrt(), torch.rsqrt(p), i.abs().rsqrt()",
    "Tensor.clamp torch.clamp": (
        "x.clamp(-1, 1), torch.clamp(x, min=0), x.clamp(max=1.5), i.clamp(0, 4), torch.clamp(x, y - 1, y + 1), "
        "x.clamp(0.25, 2)"
    ),
    "Tensor.sin torch.sin": "x.sin(), torch.sin(x), i.sin()",
    "Tensor.cos torch.cos": "x.cos(), torch.cos(x), i.cos()",
    "Tensor.floor": "u.floor(), i.floor()",
    "Tensor.ceil": "u.ceil(), i.ceil()",
    "Tensor.round": "u.round(), i.round(), (u * 10.37).round(decimals=1)",
    "Tensor.trunc": "u.trunc(), i.trunc()",
    "Tensor.floor_divide": "x.floor_divide(y), i.floor_divide(j), i.floor_divide(2)",
    "Tensor.__floordiv__": "x // y, i // j, i // 2, x // 2, 7 // p",
    "Tensor.remainder": "x.remainder(y), i.remainder(j), x.remainder(2)",
    "Tensor.__mod__": "x % y, i % j, i % 3, x % 2",
    "torch.atan2": "torch.atan2(x, y), torch.atan2(y, p[0])",
}
