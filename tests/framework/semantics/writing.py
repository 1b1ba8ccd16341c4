"""In-place operators and assignment by index."""

from __future__ import annotations

PRELUDE = "import torch\n"

CASES = {
    "augmented assignment changes the tensor that others hold": """
x = torch.ones(3)
same = x
x += 1
x *= torch.tensor([1.0, 2.0, 3.0])
is_same = same is x
""",
    "plain assignment does not": """
x = torch.ones(3)
other = x
x = x + 1
""",
    "all the augmented operators": """
x = torch.tensor([7.0, -3.0, 2.0])
x -= 1
x /= 2
x **= 2
x //= 1
x %= 4
n = torch.tensor([6, 3])
n &= 5
n |= 8
n ^= 1
n <<= 2
n >>= 1
""",
    "methods with an underscore return the tensor": """
x = torch.tensor([1.0, -4.0, 9.0])
same = x.abs_().sqrt_() is x
x.add_(1, alpha=2).mul_(3).sub_(0.5).div_(2)
x.clamp_(max=6).neg_()
""",
    "fill, zero and copy": """
x = torch.empty(2, 3)
x.fill_(2.5)
x[0].zero_()
x[1].copy_(torch.tensor([1, 2, 3]))
kind = x.dtype
""",
    "an in-place operation keeps the type": """
n = torch.tensor([1, 2, 3], dtype=torch.int32)
n += 1
h = torch.ones(2, dtype=torch.bfloat16)
h += torch.tensor([0.5, 0.25])
kinds = n.dtype, h.dtype
try:
    n += 0.5
    outcome = "added"
except RuntimeError:
    outcome = "refused"
""",
    "writing an element, a row, a column": """
x = torch.zeros(3, 3)
x[0, 0] = 1
x[1] = torch.tensor([1.0, 2.0, 3.0])
x[:, 2] = 9.0
x[-1, :2] = torch.tensor(4.0)
""",
    "writing with steps": """
x = torch.zeros(8)
x[::2] = 1.0
x[1::3] = torch.arange(3.0)
x[-2:] -= 5
""",
    "writing by a mask": """
x = torch.tensor([[-1.0, 2.0], [3.0, -4.0]])
x[x < 0] = 0.0
x[x > 2] *= 10
""",
    "writing values by a mask": """
x = torch.zeros(5)
mask = torch.tensor([True, False, True, True, False])
x[mask] = torch.tensor([1.0, 2.0, 3.0])
x[~mask] = -1.0
""",
    "a mask of rows": """
x = torch.arange(6.0).reshape(3, 2)
rows = torch.tensor([True, False, True])
x[rows] = torch.tensor([7.0, 8.0])
x[rows, 1] = 0.0
""",
    "writing at places": """
x = torch.zeros(4, 3)
rows, columns = torch.tensor([0, 1, 3]), torch.tensor([2, 0, 1])
x[rows, columns] = torch.tensor([1.0, 2.0, 3.0])
x[rows] += 10.0
""",
    "augmented assignment at repeated places counts once": """
x = torch.zeros(3)
places = torch.tensor([0, 0, 2])
x[places] += 1.0
y = torch.zeros(3)
y.index_add_(0, places, torch.ones(3))
z = torch.zeros(3).scatter_add_(0, places, torch.tensor([1.0, 2.0, 3.0]))
""",
    "index_put_ with accumulate": """
x = torch.zeros(2, 3)
where = torch.tensor([0, 0, 1]), torch.tensor([1, 1, 2])
x.index_put_(where, torch.tensor([1.0, 2.0, 3.0]), accumulate=True)
""",
    "writing broadcasts": """
x = torch.zeros(2, 3, 2)
x[0] = torch.tensor([[1.0], [2.0], [3.0]])
x[1, :, 0] = 5.0
x[..., 1] += torch.tensor([10.0, 20.0, 30.0])
""",
    "one-hot by scatter_": """
labels = torch.tensor([2, 0, 1])
one_hot = torch.zeros(3, 4).scatter_(1, labels.unsqueeze(1), 1.0)
again = torch.zeros(3, 4)
again[torch.arange(3), labels] = 1.0
""",
    "masked_fill_ and masked_scatter": """
scores = torch.arange(9.0).reshape(3, 3)
future = torch.triu(torch.ones(3, 3), diagonal=1).bool()
scores.masked_fill_(future, float("-inf"))
weights = torch.softmax(scores, dim=-1)
""",
    "the loop that fills a table": """
table = torch.zeros(3, 3)
for i in range(3):
    for j in range(3):
        table[i, j] = i * 3 + j
trace = table.trace()
""",
    "a running maximum written in a loop": """
x = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0])
best = torch.empty_like(x)
best[0] = x[0]
for i in range(1, len(x)):
    best[i] = torch.maximum(best[i - 1], x[i])
""",
    "the gradient of what was written": """
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x * 2
y[1] = 0.0
y += 1
(y**2).sum().backward()
gradient = x.grad
""",
    "the gradient of a value that was written": """
def rows(a):
    out = torch.zeros(2, 3)
    out[0] = a
    out[1] = a * a
    return out
a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
out = rows(a)
out.sum().backward()
gradient = a.grad
""",
    "an in-place activation": """
x = torch.tensor([-1.0, 2.0, -3.0], requires_grad=True)
h = x * 1.5
torch.relu_(h)
h.sum().backward()
gradient = x.grad
""",
    "a step of gradient descent by hand": """
w = torch.tensor([1.0, -2.0], requires_grad=True)
for _ in range(3):
    loss = (w**2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad.zero_()
""",
    "a leaf that requires a gradient refuses": """
w = torch.ones(2, requires_grad=True)
try:
    w += 1
    outcome = "added"
except RuntimeError:
    outcome = "refused"
""",
    "changing what the backward pass needs is refused": """
x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x.exp()
y += 1
try:
    y.sum().backward()
    outcome = "passed"
except RuntimeError:
    outcome = "refused"
""",
    "resizing by an operator is refused": """
x = torch.ones(3)
try:
    x += torch.ones(2, 3)
    outcome = "added"
except RuntimeError:
    outcome = "refused"
""",
    "random filling": """
torch.manual_seed(0)
x = torch.empty(1000).uniform_(-1, 1)
inside = bool((x >= -1).all() and (x < 1).all())
centre = abs(torch.empty(10000).normal_(3.0, 0.5).mean().item() - 3.0) < 0.05
coins = sorted(set(torch.empty(50).bernoulli_(0.5).tolist()))
dice = sorted(set(torch.empty(200, dtype=torch.int64).random_(1, 7).tolist())), torch.empty(9).random_(3).max() < 3
waits = abs(torch.empty(9000).exponential_(2.0).mean().item() - 0.5) < 0.05
trials = bool((torch.empty(9).geometric_(0.5) > 0).all())
x = x.shape
""",
    "a buffer written round and round": """
buffer = torch.zeros(3)
for i in range(5):
    buffer[i % 3] = float(i)
    mean = buffer.mean()
order = torch.roll(buffer, 1)
""",
    "an embedding table's row is replaced": """
table = torch.nn.Embedding(4, 2)
with torch.no_grad():
    table.weight.fill_(1.0)
    table.weight[2] = torch.tensor([5.0, 6.0])
rows = table(torch.tensor([2, 0])).detach()
""",
    "in-place operations in a function that returns a new tensor": """
def step(x):
    y = x.clone()
    y[:, 0] = 0.0
    y += 1
    return y
x = torch.arange(6.0).reshape(2, 3)
first, second = step(x), step(x * 2)
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
