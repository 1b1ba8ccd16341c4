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
    "a number takes a row": """
x = torch.arange(6.0).reshape(2, 3)
x[0], x[1], x[-1]
""",
    "two numbers take an element": """
x = torch.arange(6.0).reshape(2, 3)
x[1, 2], x[1][2], x[-1, -3]
""",
    "an element is a tensor without axes": """
x = torch.arange(6.0)
x[3].shape, x[3].ndim, x[3].item()
""",
    "a slice keeps the axis": """
x = torch.arange(12.0).reshape(3, 4)
x[0:1], x[1:], x[:2], x[:-1]
""",
    "slices of two axes": """
x = torch.arange(12.0).reshape(3, 4)
x[1:, 2:], x[:2, ::2], x[::2, 1:-1]
""",
    "a step": """
x = torch.arange(10)
x[::3], x[1:8:2], x[5::5]
""",
    "a slice beyond the end is cut": """
x = torch.arange(4)
x[2:100], x[-100:2], x[4:], x[3:1]
""",
    "dots stand for all other axes": """
x = torch.arange(24).reshape(2, 3, 4)
x[..., 0], x[0, ...], x[1, ..., 2], x[...]
""",
    "None is a new axis": """
x = torch.arange(3.0)
x[None].shape, x[:, None].shape, x[None, :, None].shape
""",
    "a number between slices": """
x = torch.arange(24).reshape(2, 3, 4)
x[:, 1], x[:, 1, :2], x[:, :, -1]
""",
    "a column as a column": """
x = torch.arange(6.0).reshape(2, 3)
x[:, 1:2], x[:, 1].unsqueeze(1)
""",
    "len is the first extent": """
x = torch.zeros(4, 2)
len(x), len(x[0])
""",
    "iteration goes over rows": """
x = torch.arange(6).reshape(3, 2)
[row.tolist() for row in x]
""",
    "unpacking rows": """
a, b = torch.arange(4.0).reshape(2, 2)
a, b
""",
    "enumerate rows": """
total = 0
for k, row in enumerate(torch.ones(3, 2)):
    total += k * row.sum()
total
""",
    "zip of two tensors": "[(a.item(), b.item()) for a, b in zip(torch.arange(3), torch.arange(3) * 2)]",
    "the shape unpacks": """
x = torch.zeros(2, 3)
rows, columns = x.shape
rows * columns
""",
    "an index out of range raises IndexError": """
try:
    torch.zeros(3)[3]
    kind = None
except IndexError:
    kind = 'IndexError'
kind
""",
    "too many indices raise IndexError": """
try:
    torch.zeros(3)[0, 0]
    kind = None
except IndexError:
    kind = 'IndexError'
kind
""",
    "a tensor without axes is an index": """
x = torch.arange(5.0)
k = torch.tensor(2)
x[k], x[k:], x[: k + 1]
""",
    "argmax indexes": """
x = torch.tensor([1.0, 5.0, 2.0])
x[x.argmax()]
""",
    "the gradient of a slice with steps": """
x = torch.arange(4.0, requires_grad=True)
(x[1:3] * 2).sum().backward()
x.grad
""",
    "the gradient of an element": """
x = torch.arange(4.0, requires_grad=True)
(x[2] ** 2).backward()
x.grad
""",
    "where takes places": """
x = torch.tensor([0, 3, 0, 5])
torch.where(x > 0)[0], x.nonzero().squeeze(1)
""",
    "an empty slice": """
x = torch.arange(3.0)
x[3:].shape, x[3:].sum(), x[0:0].numel()
""",
    "slices by variables": """
x = torch.arange(10)
batch = 4
[x[k : k + batch].tolist() for k in range(0, len(x), batch)]
""",
    "the last elements": """
x = torch.arange(10)
x[-3:], x[:-7], x[-1:]
""",
    "index then view": """
x = torch.arange(24).reshape(2, 3, 4)
x[0].reshape(-1), x[:, 0].reshape(2, 2, 2)
""",
}
