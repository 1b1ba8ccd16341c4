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
    "a row and a matrix": "torch.zeros(2, 3) + torch.tensor([1.0, 2.0, 3.0])",
    "a column and a row": "torch.arange(3.0)[:, None] * torch.arange(2.0)",
    "a column and a matrix": "torch.ones(2, 3) * torch.tensor([[2.0], [3.0]])",
    "a number and a tensor": "1 + torch.zeros(2), 2 - torch.ones(2), 3 / torch.full((2,), 4.0)",
    "no axes and a tensor": "torch.tensor(2.0) * torch.ones(2, 2)",
    "batches of matrices": "torch.ones(4, 1, 2, 3) @ torch.ones(5, 3, 2)",
    "shapes that do not meet": """
try:
    torch.zeros(2) + torch.zeros(3)
    kind = None
except Exception as e:
    kind = 'refused'
kind
""",
    "an empty tensor": "torch.zeros(0, 3) + 1, torch.zeros(0).sum(), torch.zeros(0, 3).sum(0)",
    "pairwise distances": """
x = torch.arange(6.0).reshape(3, 2)
((x[:, None] - x[None]) ** 2).sum(-1).sqrt()
""",
    "normalising rows": """
x = torch.arange(6.0).reshape(2, 3)
(x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)
""",
    "softmax by hand": """
x = torch.arange(6.0).reshape(2, 3)
e = (x - x.max(1, keepdim=True).values).exp()
e / e.sum(1, keepdim=True)
""",
    "int and float": "torch.tensor([1, 2]) + torch.tensor([0.5, 0.5]), torch.tensor([1, 2]) * 0.5",
    "int and int": "torch.tensor([1, 2]) + 1, torch.tensor([7, 8]) // 2, torch.tensor([7, 8]) % 3",
    "int division is of floats": "torch.tensor([1, 2]) / 2, torch.tensor([1, 2]) / torch.tensor([2, 4])",
    "bool and int": "torch.tensor([True, False]) + 1, torch.tensor([True, False]) * torch.tensor([3, 4])",
    "int8 and int64": "(torch.tensor([1], dtype=torch.int8) + torch.tensor([1], dtype=torch.int64)).dtype",
    "a number does not raise the type": """
(torch.tensor([1], dtype=torch.int8) + 1).dtype, (torch.ones(1, dtype=torch.bfloat16) * 2.5).dtype
""",
    "no axes do not raise the type": "(torch.ones(2, dtype=torch.bfloat16) * torch.tensor(2.0)).dtype",
    "float64 and float32": "(torch.ones(1, dtype=torch.float64) + torch.ones(1)).dtype",
    "comparison gives bools": "(torch.arange(3) > 1).dtype, (torch.arange(3) == 1).sum()",
    "bools are combined": """
a = torch.tensor([True, True, False])
b = torch.tensor([True, False, False])
a & b, a | b, ~a, a ^ b
""",
    "sums of bools count": "(torch.arange(5) > 2).sum(), (torch.arange(5) > 2).float().mean()",
    "accuracy": """
logits = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
y = torch.tensor([1, 0, 0])
(logits.argmax(1) == y).float().mean()
""",
    "sum over no axis": "torch.arange(6).reshape(2, 3).sum(), torch.arange(6.0).reshape(2, 3).mean()",
    "sum over an axis": """
x = torch.arange(6).reshape(2, 3)
x.sum(0), x.sum(1), x.sum(-1, keepdim=True)
""",
    "max with indices": """
x = torch.tensor([[1.0, 5.0], [7.0, 2.0]])
values, indices = x.max(dim=1)
values, indices
""",
    "min and argmin": """
x = torch.tensor([3.0, 1.0, 2.0])
x.min(), x.argmin(), x.min(0).indices
""",
    "any and all": """
x = torch.tensor([[True, False], [True, True]])
x.any(), x.all(), x.all(1), x.any(0)
""",
    "NaN spreads": """
x = torch.tensor([1.0, float('nan')])
x.sum(), x.max(), x.min(), x.mean()
""",
    "NaN is not NaN": """
x = torch.tensor([float('nan')])
(x == x).item(), (x != x).item(), torch.isnan(x)
""",
    "infinities": """
x = torch.tensor([1.0, -1.0, 0.0])
x / 0, torch.log(torch.tensor([0.0])), torch.exp(torch.tensor([1000.0]))
""",
    "clamp and where": """
x = torch.arange(-2.0, 3.0)
x.clamp(min=0), torch.where(x > 0, x, x * 0.1)
""",
    "masked softmax": """
s = torch.arange(4.0).reshape(2, 2)
mask = torch.tril(torch.ones(2, 2)) == 0
torch.softmax(s.masked_fill(mask, float('-inf')), dim=-1)
""",
    "one hot by comparison": """
y = torch.tensor([2, 0, 1])
(y[:, None] == torch.arange(3)).float()
""",
    "cumulative": """
x = torch.tensor([1.0, 2.0, 3.0])
x.cumsum(0), x.cumprod(0), x.flip(0).cumsum(0).flip(0)
""",
    "stack and cat": """
a, b = torch.zeros(2), torch.ones(2)
torch.stack([a, b]), torch.cat([a, b]), torch.stack([a, b], 1)
""",
    "cat promotes": "torch.cat([torch.tensor([1, 2]), torch.tensor([0.5])]).dtype",
    "outer and dot": """
a, b = torch.arange(3.0), torch.ones(3)
torch.outer(a, b), a @ b, a.dot(b)
""",
    "matrix and vector": """
m = torch.arange(6.0).reshape(2, 3)
m @ torch.ones(3), torch.ones(2) @ m
""",
    "the gradient of a broadcast": """
b = torch.zeros(3, requires_grad=True)
(torch.ones(4, 3) * b).sum().backward()
b.grad
""",
    "the gradient of a number": """
s = torch.tensor(2.0, requires_grad=True)
(s * torch.arange(3.0)).sum().backward()
s.grad
""",
    "the gradient of equal maxima": """
x = torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
x.max(0).values.backward()
a = x.grad
x.grad = None
x.amax().backward()
a, x.grad
""",
    "the gradient of abs and relu at 0": """
x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
(x.abs() + x.relu()).sum().backward()
x.grad
""",
    "topk and sort": """
x = torch.tensor([3.0, 1.0, 2.0])
x.topk(2), x.sort(descending=True), x.argsort()
""",
    "powers": """
x = torch.tensor([1.0, 2.0, 3.0])
x ** 2, 2 ** x, x ** 0.5, x ** -1
""",
    "rounding": """
x = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.5])
x.round(), x.floor(), x.ceil(), x.trunc()
""",
    "linspace and arange": "torch.linspace(0, 1, 3), torch.arange(0, 1, 0.25), torch.arange(3, 0, -1)",
    "casts cut off": "torch.tensor([1.9, -1.9]).int(), torch.tensor([0.0, 2.0]).bool(), torch.tensor([True]).float()",
    "formatted": """
x = torch.tensor(3.14159)
f'{x:.2f} {x.item():.3f} {int(x)} {float(x):.1f}'
""",
    "einsum": "torch.einsum('ij,kj->ik', torch.arange(6.0).reshape(2, 3), torch.ones(4, 3))",
    "a running mean": """
x = torch.tensor([1.0, 2.0, 6.0])
x.cumsum(0) / torch.arange(1, 4)
""",
    "a causal mask": "torch.triu(torch.ones(3, 3), diagonal=1).bool()",
    "gather picks one of each row": """
logits = torch.arange(6.0).reshape(2, 3)
logits.gather(1, torch.tensor([[2], [0]])).squeeze(1)
""",
    "scatter makes one-hot rows": "torch.zeros(2, 4).scatter_(1, torch.tensor([[3], [1]]), 1.0)",
    "scatter_add counts": "torch.zeros(3).scatter_add(0, torch.tensor([0, 2, 2, 0, 2]), torch.ones(5))",
    "a grid of points": """
a, b = torch.meshgrid(torch.arange(2.0), torch.arange(3.0), indexing="ij")
torch.stack([a.flatten(), b.flatten()], dim=1)
""",
    "the mode of a batch": """
votes = torch.tensor([2, 0, 2, 1])
counts = torch.zeros(3).scatter_add(0, votes, torch.ones(4))
counts.argmax().item(), counts.max().item()
""",
    "rolling and flipping": """
x = torch.arange(5)
x.roll(2), x.flip(0), x.roll(-1) - x
""",
    "unique values": "torch.tensor([3, 1, 3, 2]).unique(), torch.unique(torch.tensor([1, 1, 2]), return_counts=True)",
    "median and quantile by sorting": """
x = torch.tensor([5.0, 1.0, 4.0, 2.0])
x.sort().values[len(x) // 2], x.median()
""",
    "remainders of negative numbers": "torch.tensor([-7, 7]) % 3, torch.tensor([-7, 7]) // 3, torch.tensor([-7.5]) % 2",
    "norms": """
x = torch.tensor([[3.0, 4.0], [6.0, 8.0]])
x.norm(dim=1), x / x.norm(dim=1, keepdim=True), x.norm()
""",
    "variance with and without correction": """
x = torch.arange(4.0)
x.var(), x.var(unbiased=False), x.std()
""",
    "masks make averages": """
x = torch.arange(6.0).reshape(2, 3)
mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
(x * mask).sum(1) / mask.sum(1)
""",
}
