"""The layers and losses of ``torch.nn``, with the same parameters under both."""

from __future__ import annotations

PRELUDE = """
import torch.nn as nn
def grid(*shape):
    n = 1
    for extent in shape:
        n *= extent
    return (((torch.arange(n) * 7) % 23).float() / 8 - 1.25).reshape(shape)
def made(layer):
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(grid(*p.shape) * 0.3)
    return layer
def told(layer):
    return [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
def used(layer, *given):
    return made(layer)(*given), told(layer), layer.eval()(*given)
x = grid(4, 6)
seq = grid(3, 5, 6)
im = grid(2, 4, 6, 6)
line = grid(2, 4, 9)
target = grid(4, 6) * 0.5 + 0.1
labels = torch.tensor([1, 5, 0, 2])
"""

OF_X = {
    "ELU": ("", "0.5"), "GELU": ("", "approximate='tanh'"), "Identity": ("",), "LeakyReLU": ("", "0.2"),
    "LogSoftmax": ("dim=1", "0"), "PReLU": ("", "6"), "ReLU": ("",), "SiLU": ("",), "Sigmoid": ("",),
    "Softmax": ("dim=1", "-1"), "Softplus": ("", "beta=2"), "Tanh": ("",), "Flatten": ("", "0"),
    "LayerNorm": ("6", "(6,), eps=1e-3"), "RMSNorm": ("6", "6, eps=1e-3"), "BatchNorm1d": ("6", "6, affine=False"),
    "Linear": ("6, 3", "6, 2, bias=False"),
}  # fmt: skip
"""Layer of a matrix → arguments that it is made with."""
OF_IMAGES = {
    "BatchNorm2d": ("4", "4, momentum=0.3"), "GroupNorm": ("2, 4",), "InstanceNorm2d": ("4", "4, affine=True"),
}  # fmt: skip
LOSSES = {
    "BCELoss": "torch.sigmoid(x), torch.sigmoid(target)", "BCEWithLogitsLoss": "x, torch.sigmoid(target)",
    "CrossEntropyLoss": "x, labels", "HuberLoss": "x, target", "KLDivLoss": "x.log_softmax(1), target.softmax(1)",
    "L1Loss": "x, target", "MSELoss": "x, target", "NLLLoss": "x.log_softmax(1), labels", "SmoothL1Loss": "x, target",
}  # fmt: skip
REDUCTIONS = ("reduction='sum'", "reduction='none'")
OWN = {"KLDivLoss": ("reduction='batchmean'",)}
"""Loss → its usual mean, where that is not the default."""


def _used(layer: str, made_with: tuple[str, ...], given: str) -> str:
    return ", ".join(f"used(nn.{layer}({arguments}), {given})" for arguments in made_with)


CASES = {
    **{f"torch.nn.{layer}": _used(layer, made_with, "x") for layer, made_with in OF_X.items()},
    **{f"torch.nn.{layer}": _used(layer, made_with, "im") for layer, made_with in OF_IMAGES.items()},
    **{
        f"torch.nn.{loss}": ", ".join(f"nn.{loss}({how})({given})" for how in (*OWN.get(loss, ("",)), *REDUCTIONS))
        for loss, given in LOSSES.items()
    },
    "torch.nn.Conv1d": _used("Conv1d", ("4, 3, 3", "4, 2, 3, stride=2, dilation=2, padding=1"), "line"),
    "torch.nn.Bilinear": "used(nn.Bilinear(6, 6, 3), x, target)",
    "torch.nn.Unflatten": "used(nn.Unflatten(1, (2, 3)), x)",
    "torch.nn.Sequential": (
        "used(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)), x), len(nn.Sequential(nn.ReLU()))"
    ),
    "torch.nn.ModuleList": (
        "[made(layer)(x) for layer in nn.ModuleList([nn.Linear(6, 2), nn.Linear(6, 3)])], "
        "told(nn.ModuleList([nn.Linear(2, 1)]))"
    ),
    "torch.nn.ModuleDict": (
        "list(nn.ModuleDict({'a': nn.ReLU(), 'b': nn.Linear(6, 1)}).keys()), told(nn.ModuleDict({'b': nn.Linear(6, "
        "1)}))"
    ),
    "torch.nn.ParameterList": "told(nn.ParameterList([nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))]))",
    "torch.nn.Parameter": (
        "nn.Parameter(torch.ones(2)).requires_grad, nn.Parameter(torch.ones(2), requires_grad=False).requires_grad, "
        "isinstance(nn.Parameter(x), torch.Tensor)"
    ),
    "torch.nn.functional": "nn.functional.relu(x)",
    "torch.nn.init": (
        "nn.init.constant_(torch.empty(2, 2), 0.5), nn.init.zeros_(torch.ones(2)), nn.init.eye_(torch.empty(2, 3)), "
        "bool((nn.init.xavier_uniform_(torch.empty(30, 30)).abs() <= (6 / 60) ** 0.5).all()), "
        "abs(nn.init.kaiming_normal_(torch.empty(90, 90)).std().item() - (2 / 90) ** 0.5) < 0.02"
    ),
    "torch.nn.utils": (
        "layer = made(nn.Linear(6, 2))\nlayer(x).sum().backward()\n"
        "norm = nn.utils.clip_grad_norm_(layer.parameters(), 1.0)\nnorm, [p.grad for p in layer.parameters()]"
    ),
    "torch.nn.Module": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(6, 3)\n"
        "    def forward(self, x):\n        return self.a(x).relu()\nused(Net(), x)"
    ),
}
