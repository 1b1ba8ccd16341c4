"""What both refuse, by an exception that a script for torch catches."""

from __future__ import annotations

PRELUDE = """import torch
import torch.nn as nn
def caught(run, *kinds):
    try:
        run()
    except kinds:
        return "caught"
    return "taken"
x = torch.ones(2, 3)
"""

CASES = {
    "shapes that do not broadcast": """
caught(lambda: x + torch.ones(2), RuntimeError), caught(lambda: x + torch.ones(3), RuntimeError)
""",
    "products that do not fit": """
caught(lambda: x @ x, RuntimeError), caught(lambda: torch.mm(x, torch.ones(3)), RuntimeError)
""",
    "a reshape of another size": """
caught(lambda: x.reshape(4), RuntimeError), caught(lambda: x.view(-1, 4), RuntimeError)
""",
    "an axis that is not there": r"""
caught(lambda: x.sum(2), IndexError), caught(lambda: x.transpose(0, 3), IndexError), \
    caught(lambda: x.unsqueeze(-4), IndexError)
""",
    "a place that is not there": """
caught(lambda: x[2], IndexError), caught(lambda: x[0, 3], IndexError), caught(lambda: x[0, 0, 0], IndexError)
""",
    "one value of many": r"""
caught(lambda: x.item(), RuntimeError), caught(lambda: float(x), RuntimeError, ValueError), \
    caught(lambda: bool(x), RuntimeError)
""",
    "cat of other shapes": """
caught(lambda: torch.cat([x, torch.ones(2, 2)]), RuntimeError), caught(lambda: torch.stack([x, x[0]]), RuntimeError)
""",
    "cat of nothing": "caught(lambda: torch.cat([]), RuntimeError, ValueError)",
    "a ragged list": """
caught(lambda: torch.tensor([[1, 2], [3]]), ValueError), caught(lambda: torch.tensor('a'), TypeError)
""",
    "backward of many values": "caught(lambda: (x.requires_grad_() * 2).backward(), RuntimeError)",
    "backward of what needs none": "caught(lambda: x.sum().backward(), RuntimeError)",
    "backward twice": "y = (x.clone().requires_grad_() ** 2).sum()\ny.backward()\ncaught(y.backward, RuntimeError)",
    "numpy of what needs a gradient": "caught(lambda: nn.Parameter(x).numpy(), RuntimeError)",
    "a gradient of integers": "caught(lambda: torch.tensor([1, 2]).requires_grad_(), RuntimeError)",
    "a layer of other features": r"""
caught(lambda: nn.Linear(4, 2)(x), RuntimeError), \
    caught(lambda: nn.Conv2d(3, 4, 3)(torch.ones(1, 2, 8, 8)), RuntimeError)
""",
    "an embedding beyond its table": "caught(lambda: nn.Embedding(3, 2)(torch.tensor([3])), IndexError)",
    "a probability above one": "caught(lambda: nn.Dropout(1.5), ValueError)",
    "an exponent and a logarithm out of range are values": """
torch.tensor([-1.0, 0.0]).log(), torch.tensor([-1.0]).sqrt(), torch.tensor([1.0]) / 0
""",
    "division of integers by zero": """
caught(lambda: (torch.tensor([1]) // 0).tolist(), RuntimeError, ZeroDivisionError)
""",
    "bits of floats": "caught(lambda: x & x, RuntimeError, TypeError), caught(lambda: ~x, RuntimeError, TypeError)",
    "squeezing what is not one": "caught(lambda: x.squeeze(0).shape, RuntimeError), x.squeeze(0).shape",
    "permuting too few axes": """
caught(lambda: x.permute(0), RuntimeError), caught(lambda: x.permute(0, 0), RuntimeError)
""",
    "expanding what is not one": """
caught(lambda: x.expand(2, 4), RuntimeError), caught(lambda: x.expand(3), RuntimeError)
""",
    "splitting into other sizes": "caught(lambda: x.split([1, 1], dim=1), RuntimeError)",
    "topk beyond the extent": "caught(lambda: x.topk(4), RuntimeError)",
    "an equation that does not fit": "caught(lambda: torch.einsum('ij,jk->ik', x, x), RuntimeError)",
    "writing what does not fit": """
def write():
    x[0] = torch.ones(2)
caught(write, RuntimeError)
""",
    "a name that is not there": """
caught(lambda: x.nothing, AttributeError), caught(lambda: torch.nothing, AttributeError)
""",
}
