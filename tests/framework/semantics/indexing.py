"""Reading by index: numbers, slices, None, ellipsis, masks, index tensors."""

from __future__ import annotations

PRELUDE = """import torch
x = torch.arange(24.0).reshape(2, 3, 4)
v = torch.tensor([5.0, -1.0, 3.0, 0.0])
"""

CASES = {
    "numbers give fewer axes": "x[0].shape, x[0, 1].shape, x[1, 2, 3], x[-1, -1, -1].item()",
    "slices keep them": "x[:1].shape, x[:, 1:, ::2], x[1:1].shape, x[:, -2:, 1:3]",
    "slices beyond the end": "v[2:100], v[-100:2], v[4:].shape, v[3:1].shape",
    "ellipsis stands for the rest": "x[..., 0], x[0, ...].shape, x[..., 1:, 0].shape, x[...].shape",
    "None adds an axis": "v[None].shape, v[:, None].shape, x[:, None, :, 0].shape, x[..., None].shape",
    "a scalar is indexed by nothing": "s = torch.tensor(3.0)\ns[None].shape, s[...].item(), s[()].item()",
    "iterating over rows": """
rows = [row.sum().item() for row in x[0]]
pairs = [(i, t.item()) for i, t in enumerate(v)]
""",
    "unpacking": "a, b = x\nfirst, *rest = v\n(p, q), r = x[0, :2, :2], len(x)",
    "rows by a list of numbers": "x[0, [2, 0]], v[[3, 3, 1]]",
    "rows by an index tensor": "i = torch.tensor([2, 0])\nx[0][i], x[:, i].shape, v[i], x[..., i].shape",
    "an index table gives its shape": "i = torch.tensor([[0, 1], [3, 2]])\nv[i], x[0][:, i].shape",
    "index tensors pair up": "i, j = torch.tensor([0, 1, 2]), torch.tensor([3, 0, 1])\nx[0][i, j], x[:, i, j]",
    "index tensors broadcast": "i = torch.tensor([[0], [2]])\nj = torch.tensor([1, 3])\nx[1][i, j]",
    "the chosen logit of each row": "logits = x[0]\nlabels = torch.tensor([3, 0, 2])\nlogits[torch.arange(3), labels]",
    "a mask of elements": "mask = v > 0\nv[mask], v[~mask], v[(v > 0) & (v < 5)], x[x > 20]",
    "a mask of rows": "keep = torch.tensor([True, False, True])\nx[0][keep], x[:, keep].shape",
    "an empty choice": "v[v > 100], v[torch.tensor([], dtype=torch.long)].shape, x[0][torch.zeros(3).bool()].shape",
    "negative places": "v[torch.tensor([-1, -4])], x[0][[-1]]",
    "places separated by a slice": "i = torch.tensor([1, 0])\nx[i, :, i].shape, x[i, :, i]",
    "a tensor of one element as a number": "k = torch.tensor(2)\nv[k], x[0, k].shape, v[:k], list(range(k))",
    "where without values": "rows, columns = torch.where(x[0] > 8)\nplaces = torch.nonzero(v)",
    "gather along an axis": "i = torch.tensor([[0, 2, 1, 0]])\nx[0].gather(0, i), torch.gather(x[1], 1, i.t()[:3])",
    "take along the order of sorting": """
order = v.argsort(descending=True)
v.gather(0, order), v.take_along_dim(order)
""",
    "index_select keeps the axis": """
torch.index_select(x, 1, torch.tensor([2, 2])).shape, x.index_select(2, torch.tensor([1]))
""",
    "the gradient of a slice": "w = torch.ones(4, requires_grad=True)\n(w[1:3] * 3).sum().backward()\nw.grad",
    "the gradient at repeated places adds up": (
        "w = torch.ones(3, requires_grad=True)\nw[torch.tensor([0, 0, 2])].sum().backward()\nw.grad"
    ),
    "the gradient under a mask": "w = v.clone().requires_grad_()\n(w[w > 0] ** 2).sum().backward()\nw.grad",
    "a window in a compiled step": """
def step(t):
    return t[:, 1:] - t[:, :-1], t[..., -1], t[0, None]
a = step(x[0])
b = step(x[1])
""",
    "labels in a compiled step": """
def step(logits, labels):
    return logits.gather(1, labels[:, None])[:, 0] - logits.logsumexp(1)
a = step(x[0], torch.tensor([3, 0, 2]))
b = step(x[1], torch.tensor([0, 0, 1]))
""",
}
