"""Tensors joined, put in order, and chosen from by indices and masks."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[1.5, -2.0, 0.25, 4.0], [3.0, -0.75, 2.0, -1.0], [0.5, 1.0, -3.0, 2.5]])
y = torch.tensor([[9.0, 8.0, 7.0, 6.0]])
v = torch.tensor([3.0, -1.0, 2.0, 0.5, -2.5])
d = torch.tensor([2, 1, 2, 3, 1, 2], dtype=torch.int32)
n = torch.tensor([1.0, float("nan"), -1.0])
i = torch.tensor([[0, 2], [1, 3], [3, 0]])
w = torch.tensor([0, 2, 1])
b = torch.tensor([True, False, True, False])
"""

CASES = {
    "torch.cat": (
        "torch.cat([x, y]), torch.cat((x, x), dim=1), torch.cat([v, d]), torch.cat([x, x], axis=-1), torch.cat([y, "
        "torch.zeros(0)])"
    ),
    "torch.concat": "torch.concat([x, y], dim=0)",
    "torch.stack": (
        "torch.stack([v, v * 2]), torch.stack((x, x), dim=1), torch.stack([v, v], dim=-1), torch.stack([x, x], "
        "2).shape"
    ),
    "torch.hstack": "torch.hstack([v, v]), torch.hstack((x, x))",
    "torch.vstack": "torch.vstack([v, v]), torch.vstack((x, y))",
    "Tensor.flip torch.flip": "v.flip(0), x.flip(0, 1), torch.flip(x, dims=(1,)), torch.flip(x, [0])",
    "torch.roll": (
        "torch.roll(v, 2), torch.roll(x, 1), torch.roll(x, -1, 0), torch.roll(x, (1, 2), (0, 1)), torch.roll(x, "
        "shifts=1, dims=1)"
    ),
    "Tensor.unfold": "v.unfold(0, 2, 1), x.unfold(1, 2, 2), x.unfold(0, 3, 1)",
    "Tensor.sort torch.sort": (
        "v.sort(), x.sort(dim=0), torch.sort(x, descending=True), x.sort(1, True), d.sort(stable=True), "
        "v.sort().values, n.sort()"
    ),
    "Tensor.argsort torch.argsort": "v.argsort(), torch.argsort(x, dim=0), v.argsort(descending=True), x.argsort(-1)",
    "Tensor.topk torch.topk": (
        "v.topk(2), x.topk(2, dim=1), torch.topk(x, 1, largest=False), torch.topk(v, k=3).indices, x.topk(2, 0)"
    ),
    "Tensor.kthvalue": "v.kthvalue(2), x.kthvalue(1, dim=0), x.kthvalue(3, keepdim=True)",
    "Tensor.median": (
        "v.median(), x.median(), v.median(0), x.median(dim=1).values, x.median(0, keepdim=True).values, n.median()"
    ),
    "Tensor.cumsum torch.cumsum": (
        "v.cumsum(0), x.cumsum(1), torch.cumsum(x, dim=0), d.cumsum(0), torch.cumsum(b, 0), x.cumsum(-1)"
    ),
    "Tensor.cumprod": "v.cumprod(0), x.cumprod(1), x.cumprod(dim=0), d.cumprod(0), (x * b).cumprod(1)",
    "Tensor.gather torch.gather": (
        "x.gather(1, i), torch.gather(x, 1, i[:2]), x.gather(0, torch.tensor([[2, 1, 0, 0]])), torch.gather(v, 0, w)"
    ),
    "Tensor.scatter torch.scatter": (
        "torch.zeros(3, 4).scatter(1, i, 1.0), x.scatter(1, i, x * 10), torch.scatter(v, 0, w, v[:3] + 1), "
        "x.scatter(0, torch.tensor([[1, 2, 0, 0]]), y), x.scatter(1, i, 2.0, reduce='add')"
    ),
    "Tensor.scatter_add": "torch.zeros(3, 4).scatter_add(1, i, x), v.scatter_add(0, torch.tensor([1, 1, 1]), v)",
    "Tensor.scatter_": "z = torch.zeros(3, 4)\nr = z.scatter_(1, i, 1.0)\nr is z, z",
    "Tensor.scatter_add_": "z = torch.zeros(5)\nz.scatter_add_(0, torch.tensor([0, 1, 1, 0]), torch.ones(4))\nz",
    "Tensor.index_select": "x.index_select(0, w), x.index_select(1, w), v.index_select(dim=0, index=w)",
    "Tensor.take_along_dim": (
        "x.take_along_dim(x.argsort(1), 1), x.take_along_dim(x.argmax(1, keepdim=True), dim=1), v.take_along_dim(w)"
    ),
    "Tensor.masked_select torch.masked_select": (
        "x.masked_select(x > 0), torch.masked_select(x, b), v.masked_select(v < -9)"
    ),
    "Tensor.nonzero torch.nonzero": (
        "d.nonzero(), torch.nonzero(x > 1), torch.nonzero(b, as_tuple=True), (x > 9).nonzero()"
    ),
    "Tensor.unique torch.unique": (
        "d.unique(), torch.unique(d, return_counts=True), torch.unique(d, return_inverse=True), "
        "torch.unique(torch.tensor([[1, 2], [1, 2], [0, 3]]), dim=0), v.unique()"
    ),
    "Tensor.masked_fill_": "z = torch.zeros(4)\nz.masked_fill_(b, 2.0)\nz",
}
