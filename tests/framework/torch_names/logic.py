"""What is true of elements."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.0], [3.0, float("nan"), float("inf")]])
y = torch.tensor([1.5, 2.0, -float("inf")])
i = torch.tensor([[7, 0, 3], [0, 5, -2]], dtype=torch.int32)
j = torch.tensor([7, 1, 0], dtype=torch.int32)
b = torch.tensor([True, False, True])
"""

CASES = {
    "Tensor.eq": "x.eq(y), x == 1.5, i.eq(j), b == b, i == i.float()",
    "Tensor.ne": "x.ne(y), x != 1.5, i.ne(j)",
    "Tensor.lt": "x.lt(y), x < 1.5, i.lt(j), 2 < i",
    "Tensor.le": "x.le(y), x <= 1.5, i.le(j)",
    "Tensor.gt": "x.gt(y), x > 1.5, i.gt(j)",
    "Tensor.ge": "x.ge(y), x >= 1.5, i.ge(j)",
    "Tensor.logical_and torch.logical_and": "x.logical_and(y), torch.logical_and(i, b), b.logical_and(~b)",
    "Tensor.logical_not": "x.logical_not(), i.logical_not(), b.logical_not()",
    "Tensor.isnan torch.isnan": "x.isnan(), torch.isnan(y), torch.isnan(i)",
    "Tensor.isfinite torch.isfinite": "x.isfinite(), torch.isfinite(y), torch.isfinite(i)",
    "torch.allclose": (
        "torch.allclose(x, x), torch.allclose(x, x, equal_nan=True), torch.allclose(y, y + 1e-9), "
        "torch.allclose(y[:2], y[:2] + 1)"
    ),
    "Tensor.allclose": "y.allclose(y), i.allclose(i), y[:2].allclose(y[:2] * 1.01, rtol=0.1)",
    "torch.equal": "torch.equal(y, y), torch.equal(x, x), torch.equal(y, y[:2]), torch.equal(i, i.clone())",
    "torch.where": "torch.where(b, x, y), torch.where(i > 2, i, 0), torch.where(b, 1.0, x), torch.where(b, i, y)",
    "Tensor.where": "x.where(b, y), i.where(i > 1, -1)",
    "Tensor.masked_fill": (
        "x.masked_fill(b, 0.0), i.masked_fill(i > 2, -1), y.masked_fill(y > 1, float('-inf')), "
        "y.masked_fill(b[None], 2)"
    ),
    "Tensor.__xor__": "b ^ ~b, b ^ True",
}
