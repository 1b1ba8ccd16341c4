"""Many elements to one along axes."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25, 1.5], [3.0, -0.75, 2.0, 0.0], [-1.0, 4.0, 4.0, 2.0]])
z = torch.tensor([[0.0, 2.0, 3.0], [4.0, 0.0, 0.5]])
i = torch.tensor([[7, -7, 3], [3, 5, -2]], dtype=torch.int32)
b = torch.tensor([[True, False, True], [False, False, False]])
n = torch.tensor([1.0, float("nan"), 2.0])
"""

CASES = {
    "Tensor.sum torch.sum": (
        "x.sum(), x.sum(1), x.sum(dim=0, keepdim=True), x.sum(axis=1), x.sum((0, 1)), i.sum(), b.sum(0), "
        "torch.sum(x, dim=1), torch.sum(i, dtype=torch.float32), x.sum(axis=0, keepdims=True)"
    ),
    "Tensor.mean torch.mean": (
        "x.mean(), x.mean(0), torch.mean(x, dim=-1, keepdim=True), x.mean((0, 1)), torch.mean(x, axis=0)"
    ),
    "Tensor.prod torch.prod": (
        "x.prod(), x.prod(1), z.prod(0), z.prod(1, keepdim=True), torch.prod(i, 1), i.prod(), z.prod()"
    ),
    "Tensor.amax torch.amax": (
        "x.amax(), x.amax(1), torch.amax(x, dim=(0, 1)), x.amax(0, keepdim=True), i.amax(1), n.amax()"
    ),
    "Tensor.amin torch.amin": (
        "x.amin(), x.amin(1), torch.amin(x, dim=(0, 1)), x.amin(0, keepdim=True), i.amin(1), n.amin()"
    ),
    "Tensor.max torch.max": (
        "x.max(), x.max(1), x.max(dim=0, keepdim=True), x.max(1).values, x.max(0).indices, torch.max(x, z[0, 0]), "
        "torch.max(x), torch.max(i, 1), torch.max(n, 0), torch.max(b, 1)"
    ),
    "Tensor.min torch.min": (
        "x.min(), x.min(1), x.min(dim=0, keepdim=True), x.min(1).values, torch.min(x, z[0, 0]), torch.min(i, dim=0), "
        "n.min(), torch.min(b, 0)"
    ),
    "Tensor.argmax torch.argmax": (
        "x.argmax(), x.argmax(1), x.argmax(dim=0), torch.argmax(x, dim=1, keepdim=True), n.argmax(), i.argmax(1), "
        "x.argmax(keepdim=True), torch.argmax(x, axis=1)"
    ),
    "Tensor.argmin torch.argmin": (
        "x.argmin(), x.argmin(1), torch.argmin(x, dim=1, keepdim=True), n.argmin(), i.argmin(1)"
    ),
    "Tensor.any torch.any": (
        "b.any(), b.any(1), torch.any(b, dim=0), (x > 3).any(), n.any(), torch.zeros(0).any(), i.any(1)"
    ),
    "Tensor.all torch.all": (
        "b.all(), b.all(1), torch.all(b, dim=0), (x > -3).all(), n.all(), torch.zeros(0).all(), z.all(0)"
    ),
    "Tensor.var torch.var": (
        "x.var(), x.var(1), torch.var(x, dim=0, unbiased=False), torch.var(x, 0, correction=0, keepdim=True), "
        "x.var(False)"
    ),
    "Tensor.std torch.std": (
        "x.std(), x.std(1), torch.std(x, dim=0, unbiased=False), x.std(0, keepdim=True), x.std((0, 1), correction=0)"
    ),
    "Tensor.norm torch.norm": (
        "x.norm(), x.norm(dim=1), x.norm(1), torch.norm(x, p=2, dim=0, keepdim=True), x.norm(float('inf')), "
        "z.norm(0, dim=1), torch.norm(x, 1, dim=1), (x * 0).norm(dim=1)"
    ),
    "Tensor.logsumexp torch.logsumexp": (
        "x.logsumexp(1), torch.logsumexp(x, dim=(0, 1)), torch.logsumexp(x * 100, 0, keepdim=True), "
        "torch.logsumexp(torch.tensor([-float('inf'), -float('inf')]), 0)"
    ),
    "Tensor.dist": "x.dist(x * 2), z.dist(z + 1, 1)",
}
