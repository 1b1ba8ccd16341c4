"""Windows that slide: convolutions and pooling."""

from __future__ import annotations

PRELUDE = """
import torch.nn.functional as F
x = (torch.arange(96.0) * 7 % 11 - 5).reshape(2, 3, 4, 4)
w = (torch.arange(54.0) * 5 % 7 - 3).reshape(2, 3, 3, 3)
s = (torch.arange(36.0) * 3 % 8 - 4).reshape(2, 3, 6)
v = (torch.arange(18.0) * 5 % 7 - 3).reshape(2, 3, 3)
b = torch.tensor([0.5, -1.0])
"""

CASES = {
    "torch.nn.functional.conv1d": (
        "F.conv1d(s, v), F.conv1d(s, v, b, stride=2, padding=1), F.conv1d(s[0], v, dilation=2), "
        "F.conv1d(s, v, padding='same'), F.conv1d(s[:, :2], v[:, :1], groups=2)"
    ),
    "torch.nn.functional.conv2d": (
        "F.conv2d(x, w), F.conv2d(x, w, b, stride=(2, 1), padding=1), F.conv2d(input=x, weight=w, bias=None, groups=1)"
    ),
    "torch.nn.functional.max_pool2d": (
        "F.max_pool2d(x, 2), F.max_pool2d(x, kernel_size=3, stride=2, padding=1), F.max_pool2d(x, 3, 2, ceil_mode=True)"
    ),
    "torch.nn.functional.avg_pool2d": (
        "F.avg_pool2d(x, 2), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), F.avg_pool2d(x, (4, 1))"
    ),
    "torch.nn.functional.adaptive_avg_pool2d": (
        "F.adaptive_avg_pool2d(x, 1), F.adaptive_avg_pool2d(x, (3, 2)), F.adaptive_avg_pool2d(x, (None, 3))"
    ),
}
