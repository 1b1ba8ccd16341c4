"""Reading parts of a tensor, as a user writes it."""

from __future__ import annotations

SCRIPTS = {
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
    "the gradient of a slice": """
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
