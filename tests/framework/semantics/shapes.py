"""Reductions along axes, and shapes: what is folded, joined, split, ordered."""

from __future__ import annotations

PRELUDE = """import torch
x = torch.tensor([[3.0, -1.0, 2.0], [0.5, 4.0, -2.5]])
n = torch.tensor([[4, 1, 1], [2, 9, 4]])
def kinds(*tensors):
    return [(t.dtype, t.shape) for t in tensors]
"""

CASES = {
    "sums of all, of rows, of columns": "x.sum(), x.sum(0), x.sum(dim=1), x.sum(dim=(0, 1)), x.sum(-1, keepdim=True)",
    "means and spreads": "x.mean(), x.mean(0), x.std(1), x.var(dim=0, unbiased=False), torch.var_mean(x, dim=1)",
    "maxima with their places": """
m = x.max(dim=1)
m.values, m.indices, x.max(), x.argmax(), x.argmax(dim=0)
v, i = x.min(0)
""",
    "sums of integers and of truth values": "kinds(n.sum(), (n > 2).sum(), n.prod(), n.cumsum(0))",
    "the mean of integers is refused": """
try:
    n.mean()
    found = 'a mean'
except RuntimeError:
    found = 'refused'
""",
    "all and any": "(x > -3).all(), (x > 3).any(dim=1), x.bool().all(0), bool((n == 1).any())",
    "counting and comparing": "(n == 4).sum().item(), torch.equal(n, n.clone()), (x > 0).float().mean().item()",
    "reductions of nothing": "e = torch.zeros(0, 2)\ne.sum(), e.sum(0), e.prod(), e.mean(), e.any(), e.all()",
    "the largest of nothing is refused": """
try:
    torch.zeros(0).max()
    found = 'a maximum'
except (RuntimeError, IndexError):
    found = 'refused'
""",
    "NaN goes through": """
y = torch.tensor([1.0, float('nan'), 3.0])
y.sum(), y.max(), y.argmax(), torch.isnan(y).sum()
""",
    "ties go to the first": "t = torch.tensor([2.0, 7.0, 7.0, 1.0, 1.0])\nt.argmax(), t.argmin(), t.max(0), t.min(0)",
    "gradients of ties are shared or not": """
t = torch.tensor([2.0, 7.0, 7.0], requires_grad=True)
t.max().backward()
shared = t.grad.clone()
t.grad = None
t.max(dim=0).values.backward()
first = t.grad
""",
    "reshape with one extent left open": "x.reshape(-1).shape, x.reshape(3, -1), x.view(-1, 1, 2).shape, n.flatten()",
    "cat and stack": "torch.cat([x, x * 2]).shape, torch.cat([x, x[:, :1]], dim=1), torch.stack([x, x], dim=-1).shape",
    "cat of different types": "kinds(torch.cat([n, x]), torch.stack([n[0], n[1]]))",
    "split, chunk, unbind": "a, b = x.split(2, dim=1)\nc = x.chunk(2, dim=1)\nd, e = x.unbind()\n[t.shape for t in c]",
    "transpose and permute": """
x.t().shape, x.T[0], x.transpose(0, 1)[1], x[None].permute(2, 0, 1).shape, x[None].mT.shape
""",
    "squeeze takes what is one": "y = torch.zeros(1, 3, 1)\ny.squeeze().shape, y.squeeze(0).shape, y.squeeze(1).shape",
    "repeat, tile and expand": """
x.repeat(2, 1).shape, x[0].repeat(2, 2), x.repeat_interleave(2, dim=0)[1], x[0].tile(2)
""",
    "flip and roll": "x.flip(0), x.flip(0, 1), torch.roll(x, 1), torch.roll(x, (1, 1), (0, 1))",
    "sorting": """
v, i = x.sort(dim=1)
w = torch.sort(x, descending=True)
top = x.topk(2, dim=1)
top.values, top.indices
""",
    "cumulative sums": "x.cumsum(1), n.cumsum(0), x.cumprod(dim=1), torch.cummax(x, 1).values",
    "masks of triangles": "torch.tril(torch.ones(3, 3)), torch.triu(torch.ones(3, 3), 1).bool(), torch.eye(2, 3)",
    "einsum": "torch.einsum('ij,kj->ik', x, x), torch.einsum('ij->j', x), torch.einsum('ij,ij->', x, x)",
    "grids": "a, b = torch.meshgrid(torch.arange(2), torch.arange(3), indexing='ij')\na + 10 * b",
    "unique values": "torch.unique(n), torch.unique(n, return_counts=True), n.unique().tolist()",
    "Python reads a tensor": """
len(x), x.tolist(), n.max().item(), float(x[0, 0]), int(n[0, 0]), bool(x[0, 0] > 1), x.ndim
""",
    "size, shape and dim": "x.size(), x.size(-1), x.shape[0], x.dim(), x.numel(), list(x.shape), tuple(x.size())",
    "printing": "print(n)\nprint(x.shape)\nprint(torch.tensor(2.5))\nprint(f'{x.mean():.3f} {x[0, 0].item():.1f}')",
    "layer norm by hand": """
def step(t):
    centred = t - t.mean(-1, keepdim=True)
    return centred / torch.sqrt(t.var(-1, unbiased=False, keepdim=True) + 1e-5)
a, b = step(x), step(x * 3)
""",
    "heads of attention": """
def step(t):
    heads = t.view(2, 3, 2, 2).transpose(1, 2)
    scores = (heads @ heads.transpose(-2, -1)) / 2**0.5
    return (scores.softmax(-1) @ heads).transpose(1, 2).reshape(2, 3, 4)
out = step(torch.arange(24.0).reshape(2, 3, 4) / 24)
again = step(torch.ones(2, 3, 4))
""",
    "patches of an image": """
def step(image):
    return image.reshape(2, 2, 2, 2).permute(0, 2, 1, 3).flatten(2).mean(-1)
pooled = step(torch.arange(16.0).reshape(4, 4))
other = step(torch.eye(4))
""",
}
