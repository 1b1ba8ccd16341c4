"""Names that whole training scripts use beside the common ones: elementary functions, counts, scattering, questions."""

from __future__ import annotations

PRELUDE = """import torch
x = torch.tensor([[0.3, -0.7, 0.05], [0.9, -0.2, 0.6]])
p = torch.tensor([1.0, 1.5, 2.0, 30.0])
n = torch.tensor([2, 0, 3, 2, 2])
def graded(function, value):
    value = value.clone().requires_grad_()
    made = function(value)
    made.sum().backward()
    return made, value.grad
"""

ELEMENTARY = ("tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "atanh", "exp2")

CASES = {
    **{f"{name} and its gradient": f"graded(torch.{name}, x), x.{name}(), torch.{name}(n * 0)" for name in ELEMENTARY},
    **{f"{name} and its gradient": f"graded(torch.{name}, p + 0.5), p.{name}()" for name in ("log2", "log10", "acosh")},
    "outside of where they are defined": "torch.asin(p), torch.acos(p), torch.atanh(p), torch.acosh(x), torch.log2(x)",
    "far out": """
far = torch.tensor([-30.0, -3.0, 1e-6, 3.0, 30.0])
torch.sinh(far), torch.asinh(far), torch.cosh(far), torch.atan(far), torch.tan(far)
""",
    "elementary functions in place": "y = x.clone()\ny.tan_().atan_().sinh_().asinh_()\ny",
    "logit": "graded(torch.logit, torch.sigmoid(x)), torch.logit(torch.tensor([0.0, 0.5, 1.0]), eps=0.01)",
    "logaddexp": """
far = torch.tensor([1e4, -float('inf')])
torch.logaddexp(p, p.flip(0)), torch.logaddexp(far, far)
""",
    "hypot": "torch.hypot(x, x + 1), torch.hypot(torch.tensor([3.0, 0.0, 1e30]), torch.tensor([4.0, 0.0, 1e30]))",
    "nan_to_num": """
odd = torch.tensor([float('nan'), float('inf'), -float('inf'), 1.5])
torch.nan_to_num(odd), odd.nan_to_num(nan=2.0, posinf=7.0, neginf=-7.0), torch.nan_to_num(n)
""",
    "aminmax": """
found = torch.aminmax(x)
rows = x.aminmax(dim=1, keepdim=True)
found.min, found.max, rows.min, rows.max
""",
    "count_nonzero": "torch.count_nonzero(n), torch.count_nonzero(x > 0, dim=1), x.count_nonzero(dim=(0, 1))",
    "bincount": "torch.bincount(n), n.bincount(minlength=6), torch.bincount(n, weights=torch.arange(5).float())",
    "searchsorted": """
edges = torch.tensor([0.0, 0.3, 0.6])
torch.searchsorted(edges, x), torch.searchsorted(edges, x, right=True), torch.searchsorted(edges, x, side='right')
""",
    "searchsorted in rows": "torch.searchsorted(torch.tensor([[0.0, 1.0], [0.5, 0.7]]), x)",
    "bucketize": """
edges = torch.tensor([-0.5, 0.0, 0.5])
torch.bucketize(x, edges), torch.bucketize(x, torch.tensor([0.05]), right=True)
""",
    "isin": "torch.isin(n, torch.tensor([0, 3])), torch.isin(n, torch.tensor([[9]]))",
    "cdist": """
a = x.clone().requires_grad_()
d = torch.cdist(a, p[:3].expand(4, 3))
d.sum().backward()
d, a.grad, torch.cdist(x, x, p=1.0), torch.cdist(x[None], x[None] + 1)
""",
    **{
        f"scatter_reduce by {reduce}": f"""
index = torch.tensor([[0, 1, 1], [2, 2, 1]])
base = torch.full((3, 3), 0.25)
(base.scatter_reduce(0, index, x, reduce={reduce!r}),
 torch.scatter_reduce(base, 1, index, x, {reduce!r}, include_self=False),
 base.scatter_reduce_(0, index, x, reduce={reduce!r}, include_self=False), base)
"""
        for reduce in ("sum", "mean", "amax", "amin")
    },
    "the gradient of scatter_reduce": """
graded(lambda v: torch.zeros(4).scatter_reduce(0, n[:3], v[0], reduce='mean').square(), x)
""",
    "constructors by type": """
made = [torch.FloatTensor([1, 2]), torch.LongTensor([[1], [2]]), torch.BoolTensor([True]), torch.DoubleTensor([0.5])]
[(t.dtype, t) for t in made], torch.FloatTensor(2, 3).shape, torch.LongTensor(2).shape
""",
    "there is no other machine": """
asked = torch.cuda.is_available(), torch.cuda.device_count(), torch.backends.mps.is_available()
torch.cuda.manual_seed_all(0)
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.deterministic = True
torch.backends.cuda.matmul.allow_tf32 = True
torch.set_float32_matmul_precision('high')
torch.use_deterministic_algorithms(False)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
asked, torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision(), x.to(device)
""",
    "log_softmax in front": "torch.log_softmax(x, dim=1), torch.log_softmax(x, 0)",
    "data replaced leaves what was seen of it": """
w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
kept, view = w.data, w.detach()[:1]
w.data = torch.tensor([5.0, 6.0])
w.data.mul_(2)
before = kept.clone(), view.clone()
w.data = kept
kept, view, w, before, w.requires_grad
""",
    "gradients of weights that were made of weights": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
fast = w
for _ in range(3):
    (g,) = torch.autograd.grad((fast ** 3).sum(), [fast])
    fast = fast - 0.01 * g
(fast ** 2).sum().backward()
w.grad
""",
    "a gradient by what lies behind another": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w * w
z = y.exp().sum()
torch.autograd.grad(z, [y, w])
""",
    "what was walked is gone": """
w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w.exp()
z = (y * y).sum()
torch.autograd.grad(z, [y])
try:
    torch.autograd.grad(z, [y])
    found = 'again'
except RuntimeError:
    found = 'gone'
y.sum().backward()
found, w.grad
""",
    **{
        f"truncated backpropagation through {kind}": f"""
rnn = torch.nn.{kind}(2, 3)
for p in rnn.parameters():
    torch.nn.init.constant_(p, 0.25)
h = torch.zeros(1, 2, 3)
h = (h, h.clone()) if {kind == "LSTM"} else h
for i in range(3):
    h = tuple(v.detach() for v in h) if {kind == "LSTM"} else h.detach()
    out, h = rnn(torch.stack([x[:, i:][:, :1].expand(2, 2), x[:, :2]]), h)
    out.square().sum().backward()
grads = [p.grad for p in rnn.parameters()]
h = [v.detach() for v in h]
"""
        for kind in ("RNN", "GRU", "LSTM")
    },
    "reset_parameters": """
layers = [torch.nn.Linear(3, 2), torch.nn.Conv2d(1, 2, 3), torch.nn.GRU(2, 3)]
for layer in layers:
    for parameter in layer.parameters():
        torch.nn.init.constant_(parameter, 9.0)
    layer.reset_parameters()
norm = torch.nn.BatchNorm1d(2)
norm(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
torch.nn.init.constant_(norm.weight, 3.0)
norm.reset_parameters()
found = [max(q.abs().max().item() for q in layer.parameters()) <= 1 for layer in layers]
del layers, layer, parameter
found, norm.weight, norm.running_mean
""",
    "functional_call": """
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
names = dict(net.named_parameters()), dict(net.named_buffers())
given = {name: torch.full_like(value, 0.5).requires_grad_() for name, value in names[0].items()}
given['0.weight'] = torch.tensor([[1.0, 2.0], [3.0, -1.0]], requires_grad=True)
buffers = {name: value.clone() for name, value in names[1].items()}
out = torch.func.functional_call(net, (given, buffers), (torch.tensor([[1.0, 2.0], [0.5, -1.0]]),))
(out * torch.tensor([1.0, 3.0])).sum().backward()
apart = net[0].weight.grad is None, net[1].running_mean
bias = torch.func.functional_call(net[0], {'bias': torch.tensor([7.0, 8.0])}, torch.zeros(1, 2))
del net, names
out, given['0.weight'].grad, given['1.bias'].grad, buffers['1.running_mean'], apart, bias - bias
""",
    "functional_call takes names that are not there, unless strict": """
layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
given = {'weight': torch.eye(2), 'bias': torch.zeros(2), 'wait': torch.zeros(2)}
taken = torch.func.functional_call(layer, given, x)
found = []
for wrong in (given, {'weight': torch.eye(2)}):
    try:
        torch.func.functional_call(layer, wrong, x, strict=True)
    except Exception:
        found.append('refused')
del layer
""",
    "a device asked of a tensor in a compiled step": """
def step(x):
    places = torch.arange(0, x.shape[0], device=x.device)
    return x + places.float()[:, None].to(x.device)
once = step(x)
""",
}
