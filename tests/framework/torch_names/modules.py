"""What a module can do: ``torch.nn.Module``."""

from __future__ import annotations

PRELUDE = """
import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.block = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4))
        self.last = nn.Linear(4, 2, bias=False)
        self.register_buffer("scale", torch.tensor([2.0, 0.5]))
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        return self.last(self.block(self.first(x))) * self.scale
    def extra_repr(self):
        return "two by two"
net = Net()
with torch.no_grad():
    for p in net.parameters():
        p.copy_(((torch.arange(p.numel()) * 7) % 11).float().reshape(p.shape) / 5 - 1)
x = torch.tensor([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0], [2.0, 0.5, 1.5], [-3.0, 1.0, 0.0]])
names = lambda pairs: [name for name, _ in pairs]
seen = []
"""

CASES = {
    "torch.nn.Module.forward": "net(x), net.forward(x)",
    "torch.nn.Module.parameters": "[p.shape for p in net.parameters()], len(list(net.first.parameters()))",
    "torch.nn.Module.named_parameters": "names(net.named_parameters()), names(net.block.named_parameters())",
    "torch.nn.Module.buffers": "[b.shape for b in net.buffers()]",
    "torch.nn.Module.named_buffers": "names(net.named_buffers())",
    "torch.nn.Module.children": "[type(m).__name__ for m in net.children()]",
    "torch.nn.Module.named_children": "names(net.named_children())",
    "torch.nn.Module.modules": "[type(m).__name__ for m in net.modules()]",
    "torch.nn.Module.named_modules": "names(net.named_modules())",
    "torch.nn.Module.state_dict": "net.state_dict(), list(net.state_dict().keys())",
    "torch.nn.Module.load_state_dict": (
        "other = Net()\nother.load_state_dict(net.state_dict())\nother.eval()\nnet.eval()\nother(x), net(x), "
        "other.load_state_dict({**net.state_dict(), 'more': torch.ones(2)}, strict=False).unexpected_keys"
    ),
    "torch.nn.Module.train torch.nn.Module.training": (
        "net.training, net.train(False).training, net.block.training, net.train().training"
    ),
    "torch.nn.Module.eval": "net.eval().training, net(x), net.block[1].training",
    "torch.nn.Module.zero_grad": "net(x).sum().backward()\nnet.zero_grad()\n[p.grad for p in net.parameters()]",
    "torch.nn.Module.requires_grad_": "[p.requires_grad for p in net.requires_grad_(False).parameters()]",
    "torch.nn.Module.apply": "net.apply(lambda m: seen.append(type(m).__name__))\nseen",
    "torch.nn.Module.add_module": "net.add_module('more', nn.ReLU())\nnames(net.named_children())",
    "torch.nn.Module.register_module": "net.register_module('more', nn.ReLU())\nnames(net.named_children())",
    "torch.nn.Module.register_parameter": (
        "net.register_parameter('w', nn.Parameter(torch.ones(2)))\nnames(net.named_parameters())"
    ),
    "torch.nn.Module.register_buffer": (
        "net.register_buffer('kept', torch.ones(1))\nnet.register_buffer('lost', torch.ones(1), persistent=False)\n"
        "list(net.state_dict()), names(net.named_buffers())"
    ),
    "torch.nn.Module.register_forward_hook": (
        "handle = net.first.register_forward_hook(lambda m, given, out: seen.append((type(m).__name__, out.shape)))\n"
        "net(x)\nhandle.remove()\nnet(x)\nseen"
    ),
    "torch.nn.Module.get_parameter": "net.get_parameter('first.weight'), net.get_parameter('block.1.bias')",
    "torch.nn.Module.get_submodule": "type(net.get_submodule('block.1')).__name__, net.get_submodule('') is net",
    "torch.nn.Module.to": (
        "net.to(torch.bfloat16).first.weight.dtype, net.to('cpu') is net, net.to(dtype=torch.float32).scale.dtype"
    ),
    "torch.nn.Module.float": "net.to(torch.bfloat16).float().last.weight.dtype",
    "torch.nn.Module.bfloat16": "net.bfloat16().first.weight.dtype, net.scale.dtype",
    "torch.nn.Module.double": "net.double().first.weight.dtype, net(x.to(torch.float64)).dtype",
    "torch.nn.Module.cpu": "net.cpu() is net, net.cpu().first.weight.shape",
    "torch.nn.Module.extra_repr": "net.extra_repr(), nn.Linear(3, 2).extra_repr()",
}
