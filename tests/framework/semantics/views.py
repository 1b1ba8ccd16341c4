"""Views: what shares its storage with what, and what a write through one shows in another."""

from __future__ import annotations

PRELUDE = "import torch\n"

CASES = {
    "a write to a view shows in its base": """
x = torch.zeros(2, 3)
flat = x.view(6)
flat[4] = 7.0
row = x[1]
row += 1
""",
    "a write to the base shows in its views": """
x = torch.arange(6.0)
table = x.view(2, 3)
columns = table.t()
x[1] = -5.0
x.mul_(2)
seen = table.clone(), columns.clone()
""",
    "a slice of a slice": """
x = torch.arange(10)
middle = x[2:8]
every_other = middle[::2]
every_other.fill_(0)
middle[1] += 100
""",
    "transposing keeps the storage": """
x = torch.arange(6.0).reshape(2, 3)
y = x.t()
y[0, 1] = 50.0
y.add_(1)
kinds = y.is_contiguous(), y.contiguous().is_contiguous(), x.is_contiguous(), y.shape
""",
    "strides and offsets": """
x = torch.arange(12).reshape(3, 4)
strides = x.stride(), x.t().stride(), x[:, ::2].stride(), x.unsqueeze(1).stride(), x.expand(2, 3, 4).stride()
offsets = x[1].storage_offset(), x[1:, 2:].storage_offset()
""",
    "the same address or not": """
x = torch.arange(6.0)
same = x.view(2, 3).data_ptr() == x.data_ptr(), x.detach().data_ptr() == x.data_ptr()
other = x.clone().data_ptr() == x.data_ptr(), (x + 0).data_ptr() == x.data_ptr()
""",
    "a clone is its own": """
x = torch.ones(3)
kept = x.clone()
x.zero_()
difference = (kept - x).sum()
""",
    "detach shares, clone does not": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
seen = w.detach()
copy = w.detach().clone()
with torch.no_grad():
    w.mul_(10)
kinds = seen.requires_grad, copy.requires_grad
""",
    "reshape copies only where it must": """
x = torch.arange(6.0).reshape(2, 3)
shared = x.reshape(3, 2)
copied = x.t().reshape(6)
x[0, 0] = 99.0
""",
    "view refuses what reshape copies": """
x = torch.arange(6).reshape(2, 3).t()
try:
    x.view(6)
    outcome = "a view"
except RuntimeError:
    outcome = "refused"
flat = x.reshape(6)
""",
    "chunks and splits are views": """
x = torch.arange(8.0)
first, second = x.chunk(2)
first.neg_()
parts = x.split([3, 5])
parts[1][0] = 40.0
""",
    "unbind and iteration give views": """
x = torch.zeros(3, 2)
for i, row in enumerate(x):
    row += i
for column in x.unbind(1):
    column.mul_(2)
""",
    "an expanded tensor reads one element often": """
x = torch.tensor([[1.0], [2.0]])
wide = x.expand(2, 3)
x[0, 0] = 9.0
shown = wide.clone()
own = wide.contiguous()
x.zero_()
""",
    "advanced indexing copies": """
x = torch.arange(5)
picked = x[torch.tensor([0, 2])]
masked = x[x > 2]
picked += 100
masked += 100
""",
    "basic indexing does not": """
x = torch.arange(24).reshape(2, 3, 4)
a, b, c = x[0], x[:, 1], x[..., -1]
a[0, 0] = -1
b[1, 1] = -2
c[1, 2] = -3
""",
    "squeeze and unsqueeze are views": """
x = torch.zeros(2, 1, 3)
thin = x.squeeze(1)
thin[0, 0] = 1.0
deep = x.unsqueeze(0)
deep[0, 1, 0, 2] = 2.0
""",
    "permute, movedim and flatten": """
x = torch.arange(24).reshape(2, 3, 4)
p = x.permute(2, 0, 1)
m = x.movedim(0, -1)
p[0, 0, 0] = 100
flat = x.flatten(1)
flat[1, 0] = 200
shapes = p.shape, m.shape, flat.shape
""",
    "a diagonal is a view": """
x = torch.zeros(3, 3)
x.diagonal().fill_(1.0)
x.diagonal(1).add_(5.0)
""",
    "narrow and select": """
x = torch.arange(12.0).reshape(3, 4)
x.narrow(1, 1, 2).zero_()
x.select(0, 2).add_(0.5)
""",
    "numpy shares with the tensor": """
import numpy as np
a = np.zeros(3, dtype=np.float32)
t = torch.from_numpy(a)
t[1] = 4.0
a[0] = 2.0
""",
    "numpy() of a tensor": """
t = torch.zeros(3)
a = t.numpy()
t.add_(1)
kinds = str(a.dtype), a.shape
total = float(a.sum())
""",
    "tensor() copies what it is given": """
import numpy as np
a = np.ones(3, dtype=np.float32)
t = torch.tensor(a)
s = torch.as_tensor(a)
a[:] = 5.0
""",
    "a gradient flows through views": """
x = torch.arange(6.0, requires_grad=True)
table = x.view(2, 3)
loss = (table[0] * table[1].flip(0)).sum() + table.t()[2].sum()
loss.backward()
gradient = x.grad
""",
    "a window over a row": """
x = torch.arange(8.0)
windows = x.unfold(0, 4, 2)
means = windows.mean(dim=1)
x[3] = 100.0
""",
    "is a view of the same storage": """
x = torch.zeros(4)
y = x[:2]
same = y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
""",
    "the real swap of two rows": """
x = torch.arange(6).reshape(3, 2)
held = x[0].clone()
x[0] = x[2]
x[2] = held
""",
    "overlapping rows through a view": """
x = torch.arange(5.0)
x[1:] = x[:-1].clone()
y = torch.arange(5.0)
y[:-1] += y[1:].clone()
""",
    "data shares and records nothing": """
w = torch.ones(2, requires_grad=True)
w.data.mul_(3)
w.data[0] = 7.0
kinds = w.data.requires_grad, w.requires_grad, w.is_leaf
""",
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
}
