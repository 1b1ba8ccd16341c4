"""Views share what they see; copies do not; writing in place shows in every view."""

from __future__ import annotations

SCRIPTS = {
    "a row is a view": """
x = torch.zeros(2, 2)
row = x[0]
row[1] = 5.0
x
""",
    "a change shows in a view": """
x = torch.zeros(2, 2)
row = x[0]
x.fill_(3.0)
row
""",
    "a view of a view": """
x = torch.zeros(2, 3)
v = x[1][1:]
v[0] = 7.0
x
""",
    "a transpose is a view": """
x = torch.zeros(2, 3)
x.t()[2, 0] = 4.0
x
""",
    "reshape of what is contiguous is a view": """
x = torch.zeros(4)
x.reshape(2, 2)[1, 1] = 2.0
x
""",
    "view is a view": """
x = torch.zeros(6)
y = x.view(2, 3)
y += 1
x
""",
    "unsqueeze is a view": """
x = torch.zeros(3)
x.unsqueeze(0)[0, 1] = 9.0
x
""",
    "squeeze is a view": """
x = torch.zeros(1, 3)
x.squeeze(0)[1] = 9.0
x
""",
    "permute is a view": """
x = torch.zeros(2, 2, 2)
x.permute(2, 0, 1)[1, 0, 0] = 1.0
x
""",
    "narrow is a view": """
x = torch.zeros(5)
x.narrow(0, 1, 2).fill_(1.0)
x
""",
    "chunks are views": """
x = torch.zeros(6)
a, b = x.chunk(2)
a += 1
b -= 1
x
""",
    "split parts are views": """
x = torch.zeros(4)
x.split(2)[1].mul_(0).add_(3)
x
""",
    "unbind gives views": """
x = torch.zeros(2, 2)
x.unbind(1)[0].fill_(2.0)
x
""",
    "a diagonal is a view": """
x = torch.zeros(3, 3)
x.diagonal().fill_(1.0)
x
""",
    "a clone is none": """
x = torch.zeros(3)
y = x.clone()
y[0] = 1.0
x, y
""",
    "detach shares": """
x = torch.zeros(3, requires_grad=True)
x.detach()[0] = 1.0
x
""",
    "arithmetic makes a copy": """
x = torch.zeros(3)
y = x + 0
y[0] = 1.0
x
""",
    "assignment is another name": """
x = torch.zeros(3)
y = x
y += 1
x
""",
    "augmented assignment writes": """
x = torch.zeros(3)
y = x
y = y + 1
x, y
""",
    "a loop over rows writes": """
x = torch.zeros(3, 2)
for k, row in enumerate(x):
    row += k
x
""",
    "expand repeats": """
x = torch.tensor([1.0, 2.0])
y = x.expand(3, 2)
x[0] = 9.0
y
""",
    "a slice takes a number": """
x = torch.zeros(5)
x[1:4] = 2.0
x
""",
    "a slice takes a tensor": """
x = torch.zeros(2, 3)
x[:, 1:] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
x
""",
    "a slice takes a broadcast": """
x = torch.zeros(2, 3)
x[:] = torch.tensor([1.0, 2.0, 3.0])
x
""",
    "a column takes a vector": """
x = torch.zeros(2, 3)
x[:, 0] = torch.tensor([5.0, 6.0])
x
""",
    "an element takes a number": """
x = torch.zeros(2, 2, dtype=torch.int64)
x[0, 1] = 3
x
""",
    "a slice is added to": """
x = torch.ones(4)
x[1:3] += 10
x
""",
    "the type stays": """
x = torch.zeros(3, dtype=torch.int32)
x[0] = 2.7
x += 1
x.dtype, x
""",
    "copy_ casts": """
x = torch.zeros(2, dtype=torch.int32)
x.copy_(torch.tensor([1.9, -1.9]))
x
""",
    "in place of a float by an int": """
x = torch.zeros(2)
x += torch.tensor([1, 2])
x
""",
    "in-place methods return the tensor": """
x = torch.zeros(2)
x.add_(1) is x, x.mul_(3).sub_(1), x
""",
    "zero_ and fill_": """
x = torch.arange(3.0)
y = x.clone().zero_()
z = x.fill_(2)
x, y, z
""",
    "clamp_ and masked_fill_": """
x = torch.tensor([-1.0, 0.5, 3.0])
x.clamp_(0, 1)
x.masked_fill_(x == 0, 7.0)
x
""",
    "a leaf is written under no_grad": """
w = torch.ones(2, requires_grad=True)
with torch.no_grad():
    w -= 0.5
w, w.requires_grad
""",
    "a leaf is not written else": """
w = torch.ones(2, requires_grad=True)
try:
    w += 1
    kind = None
except RuntimeError:
    kind = 'RuntimeError'
kind
""",
    "the gradient through in place": """
x = torch.ones(3, requires_grad=True)
y = x * 2
y[0] = 0.0
y.sum().backward()
x.grad
""",
    "the gradient of what is written": """
x = torch.ones(2, requires_grad=True)
y = torch.zeros(3)
y[1:] = x * 3
y.sum().backward()
x.grad
""",
    "swapping rows": """
x = torch.arange(4.0).reshape(2, 2)
x[0], x[1] = x[1].clone(), x[0].clone()
x
""",
}
