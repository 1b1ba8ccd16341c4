"""What layers and losses compute: ``torch.nn.functional``."""

from __future__ import annotations

PRELUDE = """
import torch.nn.functional as F
def grid(*shape):
    n = 1
    for extent in shape:
        n *= extent
    return (((torch.arange(n) * 7) % 23).float() / 8 - 1.25).reshape(shape)
x = grid(4, 6)
im = grid(2, 4, 6, 6)
line = grid(2, 4, 9)
target = grid(4, 6) * 0.5 + 0.1
p = torch.sigmoid(grid(4, 6))
labels = torch.tensor([1, 5, 0, 2])
w6 = torch.tensor([1.0, 2.0, 0.5, 1.5, 0.25, 3.0])
k2 = grid(3, 4, 3, 3)
k1 = grid(3, 4, 3)
q = grid(2, 3, 5, 4)
"""

ACTIVATIONS = {
    "relu": "", "sigmoid": "", "tanh": "", "silu": "", "elu": ", alpha=0.5", "gelu": ", approximate='tanh'",
    "leaky_relu": ", 0.2", "softplus": ", beta=2", "logsigmoid": "",
}  # fmt: skip
"""Name → further arguments of a second call."""

CASES = {
    **{f"torch.nn.functional.{f}": f"F.{f}(x), F.{f}(im{more})" for f, more in ACTIVATIONS.items()},
    "torch.nn.functional.softmax": "F.softmax(x, dim=1), F.softmax(x, dim=0), F.softmax(im, -1)",
    "torch.nn.functional.log_softmax": "F.log_softmax(x, dim=1), F.log_softmax(x * 50, dim=-1)",
    "torch.nn.functional.linear": (
        "F.linear(x, grid(3, 6)), F.linear(x, grid(3, 6), grid(3)), F.linear(x[0], grid(3, 6))"
    ),
    "torch.nn.functional.conv1d": (
        "F.conv1d(line, k1), F.conv1d(line, k1, grid(3), stride=2, padding=1), F.conv1d(line, k1, dilation=2)"
    ),
    "torch.nn.functional.conv2d": (
        "F.conv2d(im, k2), F.conv2d(im, k2, grid(3), padding=1), F.conv2d(im, k2, stride=2, padding=(1, 0)), "
        "F.conv2d(im, grid(4, 2, 3, 3), groups=2), F.conv2d(im, k2, dilation=2), F.conv2d(im, k2, padding='same')"
    ),
    "torch.nn.functional.max_pool2d": (
        "F.max_pool2d(im, 2), F.max_pool2d(im, 3, stride=1, padding=1), F.max_pool2d(im, (2, 3))"
    ),
    "torch.nn.functional.avg_pool2d": "F.avg_pool2d(im, 2), F.avg_pool2d(im, 3, stride=2, padding=1)",
    "torch.nn.functional.adaptive_avg_pool2d": (
        "F.adaptive_avg_pool2d(im, 1), F.adaptive_avg_pool2d(im, (2, 3)), F.adaptive_avg_pool2d(im, 4)"
    ),
    "torch.nn.functional.batch_norm": (
        "F.batch_norm(im, torch.zeros(4), torch.ones(4)), F.batch_norm(im, torch.zeros(4), torch.ones(4), "
        "training=True), F.batch_norm(x, w6 * 0, w6, w6, w6)"
    ),
    "torch.nn.functional.layer_norm": "F.layer_norm(x, (6,)), F.layer_norm(im, (6, 6)), F.layer_norm(x, (6,), w6, w6)",
    "torch.nn.functional.group_norm": "F.group_norm(im, 2), F.group_norm(im, 4, torch.ones(4) * 2, torch.ones(4))",
    "torch.nn.functional.rms_norm": "F.rms_norm(x, (6,)), F.rms_norm(x, (6,), w6, eps=1e-3)",
    "torch.nn.functional.normalize": "F.normalize(x), F.normalize(x, p=1, dim=0), F.normalize(x * 0)",
    "torch.nn.functional.cosine_similarity": "F.cosine_similarity(x, target), F.cosine_similarity(x, target, dim=0)",
    "torch.nn.functional.one_hot": (
        "F.one_hot(labels, 6), F.one_hot(labels), F.one_hot(labels.reshape(2, 2), num_classes=7)"
    ),
    "torch.nn.functional.mse_loss": (
        "F.mse_loss(x, target), F.mse_loss(x, target, reduction='none'), F.mse_loss(x, target, reduction='sum')"
    ),
    "torch.nn.functional.l1_loss": "F.l1_loss(x, target), F.l1_loss(x, target, reduction='sum')",
    "torch.nn.functional.smooth_l1_loss": (
        "F.smooth_l1_loss(x, target), F.smooth_l1_loss(x, target, beta=0.3, reduction='none')"
    ),
    "torch.nn.functional.huber_loss": "F.huber_loss(x, target), F.huber_loss(x, target, delta=0.4, reduction='sum')",
    "torch.nn.functional.cross_entropy": (
        "F.cross_entropy(x, labels), F.cross_entropy(x, labels, weight=w6), F.cross_entropy(x, labels, "
        "ignore_index=5), F.cross_entropy(x, labels, label_smoothing=0.1), F.cross_entropy(x, labels, "
        "reduction='none'), F.cross_entropy(x, torch.softmax(target, 1)), F.cross_entropy(im, torch.ones(2, 6, "
        "6).long())"
    ),
    "torch.nn.functional.nll_loss": (
        "F.nll_loss(F.log_softmax(x, 1), labels), F.nll_loss(x, labels, weight=w6, reduction='sum'), F.nll_loss(x, "
        "labels, ignore_index=0)"
    ),
    "torch.nn.functional.binary_cross_entropy": (
        "F.binary_cross_entropy(p, p * 0.5), F.binary_cross_entropy(p, (p > 0.5).float(), weight=w6)"
    ),
    "torch.nn.functional.binary_cross_entropy_with_logits": (
        "F.binary_cross_entropy_with_logits(x, p), F.binary_cross_entropy_with_logits(x, p, pos_weight=w6, "
        "reduction='sum')"
    ),
    "torch.nn.functional.kl_div": (
        "F.kl_div(F.log_softmax(x, 1), p, reduction='batchmean'), F.kl_div(x, F.log_softmax(target, 1), "
        "reduction='sum', log_target=True)"
    ),
    "torch.sigmoid torch.softmax torch.tanh": (
        "torch.sigmoid(x), torch.softmax(x, dim=1), torch.softmax(x, -1), torch.tanh(x)"
    ),
    "Tensor.softmax": "x.softmax(1), x.softmax(dim=0)",
    "Tensor.log_softmax": "x.log_softmax(1), x.log_softmax(dim=-1)",
    "torch.nn.functional.embedding": "F.embedding(labels, x.t()), F.embedding(torch.tensor([[0, 1], [3, 3]]), x)",
    "torch.nn.functional.pad": (
        "F.pad(x, (1, 2)), F.pad(x, (1, 0, 0, 2), value=3.0), F.pad(im, (1, 1, 1, 1), mode='reflect'), F.pad(x, (-1, "
        "1)), F.pad(im, (1, 2, 0, 1), mode='replicate')"
    ),
}
