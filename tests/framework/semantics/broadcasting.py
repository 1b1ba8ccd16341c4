"""Broadcasting, and which element type comes out of two."""

from __future__ import annotations

PRELUDE = "import torch\n"

CASES = {
    "a column plus a row is a table": """
column = torch.tensor([[1.0], [2.0], [3.0]])
row = torch.tensor([10.0, 20.0])
table = column + row
shape = table.shape
""",
    "standardise the columns of a table": """
def step(x):
    mean = x.mean(dim=0, keepdim=True)
    std = x.std(dim=0, keepdim=True)
    return (x - mean) / (std + 1e-5)
x = torch.arange(12.0).reshape(4, 3) ** 2
first, again = step(x), step(x * 2)
""",
    "pairwise distances by two added axes": """
def step(a, b):
    return ((a[:, None, :] - b[None, :, :]) ** 2).sum(-1).sqrt()
points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
distances = step(points, points + 1.0)
""",
    "the gradient of what was broadcast is summed": """
bias = torch.zeros(3, requires_grad=True)
scale = torch.ones(2, 1, requires_grad=True)
x = torch.arange(6.0).reshape(2, 3)
(x * scale + bias).pow(2).sum().backward()
gradients = bias.grad, scale.grad
""",
    "broadcast shapes and tensors": """
shape = torch.broadcast_shapes((3, 1), (1, 4), (4,))
a, b = torch.broadcast_tensors(torch.arange(3).view(3, 1), torch.arange(2))
total = a + b
""",
    "expand does not need the size of a kept axis": """
x = torch.tensor([[1.0], [2.0]])
wide = x.expand(-1, 3)
deep = x.expand(2, -1, 3)
like = x.expand_as(torch.zeros(2, 4))
""",
    "matrix products broadcast their batch axes": """
def step(a, b):
    return a @ b
a = torch.arange(12.0).reshape(2, 1, 2, 3)
b = torch.arange(18.0).reshape(3, 3, 2)
batched = step(a, b)
shapes = batched.shape, (a @ torch.ones(3)).shape, (torch.ones(2) @ a).shape
""",
    "an integer tensor and a Python float": """
counts = torch.tensor([1, 2, 3])
half = counts * 0.5
kinds = (counts + 1).dtype, half.dtype, (counts / 2).dtype, (counts // 2).dtype, (counts ** 2).dtype
""",
    "a scalar tensor does not widen an array of its kind": """
small = torch.ones(3, dtype=torch.bfloat16)
scalar = torch.tensor(2.0)
kinds = (small * scalar).dtype, (small * torch.ones(3)).dtype, (small + 1).dtype
whole = (torch.ones(2, dtype=torch.int8) + torch.tensor(1, dtype=torch.int32)).dtype
""",
    "a scalar tensor of a higher kind does": """
whole = torch.ones(2, dtype=torch.int32)
kinds = (whole * torch.tensor(0.5)).dtype, (whole > 0).dtype, (whole + torch.tensor(True)).dtype
product = whole * torch.tensor(0.5)
""",
    "truth values count": """
hits = torch.tensor([True, False, True])
both = hits & torch.tensor([True, True, False])
kinds = hits.sum().dtype, (hits * 2).dtype, (hits + hits).dtype, (hits * 1.5).dtype
accuracy = hits.float().mean()
""",
    "promotion of pairs of types": """
kinds = [torch.bool, torch.uint8, torch.int8, torch.int32, torch.int64, torch.bfloat16, torch.float32, torch.float64]
table = [[torch.promote_types(a, b) for b in kinds] for a in kinds]
sums = [[(torch.ones(2, dtype=a) + torch.ones(2, dtype=b)).dtype for b in kinds] for a in kinds]
""",
    "comparison broadcasts to truth values": """
labels = torch.tensor([0, 2, 1])
one_hot = labels.unsqueeze(1) == torch.arange(3)
as_floats = one_hot.float()
""",
    "where chooses between shapes and types": """
x = torch.tensor([[-1.0], [2.0]])
chosen = torch.where(x > 0, torch.tensor([1.0, 2.0, 3.0]), 0.0)
whole = torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), torch.tensor([0.5, 1.5]))
""",
    "an outer product and a table of remainders": """
n = torch.arange(1, 5)
table = n[:, None] * n
remainders = n[:, None] % n
divides = (remainders == 0).sum(dim=1)
""",
    "division rounds as it is told": """
a = torch.tensor([7, -7, 7, -7])
b = torch.tensor([2, 2, -2, -2])
true, floor, trunc = a / b, torch.div(a, b, rounding_mode="floor"), torch.div(a, b, rounding_mode="trunc")
signs = a // b, a % b, torch.fmod(a, b), torch.remainder(a, b)
""",
    "integers wrap": """
small = torch.tensor([250, 255], dtype=torch.uint8)
more = small + 10
signed = torch.tensor([127, -128], dtype=torch.int8) - torch.tensor([-1, 1], dtype=torch.int8)
""",
    "scalars on the left": """
x = torch.tensor([1.0, 2.0, 4.0])
left = 1 - x, 1 / x, 2**x, 3 // x, 7 % x
negative = -x, +x, abs(x - 3)
""",
    "size-one and empty axes": """
empty = torch.zeros(0, 3)
total = empty + torch.ones(3)
one = torch.ones(1, 1) * torch.arange(3.0)
shapes = total.shape, one.shape, (empty + torch.ones(1, 1)).shape, empty.sum(), empty.sum(dim=0)
""",
    "weights of a batch of unequal lengths": """
def step(lengths, x):
    mask = (torch.arange(4) < lengths[:, None]).float()
    return (x * mask).sum(dim=1) / mask.sum(dim=1)
x = torch.arange(8.0).reshape(2, 4)
means = step(torch.tensor([2, 4]), x)
other = step(torch.tensor([1, 3]), x)
""",
    "the softmax of rows, written out": """
def step(x):
    shifted = x - x.max(dim=1, keepdim=True).values
    weights = shifted.exp()
    return weights / weights.sum(dim=1, keepdim=True)
x = torch.tensor([[1.0, 2.0, 3.0], [1000.0, 1000.0, 999.0]])
rows = step(x)
agree = torch.allclose(rows, torch.softmax(x, dim=1))
""",
    "clamping between tensors": """
x = torch.tensor([[-2.0, 0.5, 3.0], [4.0, -1.0, 0.0]])
low, high = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([[1.0], [2.0]])
limited = x.clamp(min=low), x.clamp(max=high), torch.clamp(x, -1, 1)
""",
    "conversions between types": """
x = torch.tensor([-1.7, 0.0, 2.5])
as_whole = x.int(), x.long(), x.bool(), x.to(torch.int8)
back = as_whole[0].float(), as_whole[2].float(), x.double().dtype, x.to(torch.bfloat16).float()
same = x.to(torch.float32) is x, x.float() is x, x.type_as(as_whole[0]).dtype
""",
}
