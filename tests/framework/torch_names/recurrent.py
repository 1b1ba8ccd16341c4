"""Layers of sequences, windows and tables, and what trains them: recurrent ones, attention, convolution, embedding."""

from __future__ import annotations

from tests.framework.torch_names import layers

PRELUDE = layers.PRELUDE + """
import torch.nn.functional as F
import torch.optim as optim
numbers = torch.tensor([[0, 2, 1], [4, 4, 0]])
flat = numbers.reshape(6)
begins = torch.tensor([0, 2, 2])
q, k, v = grid(5, 3, 8), grid(4, 3, 8) + 0.5, grid(4, 3, 8) - 0.5
mask = torch.triu(torch.ones(5, 5), 1).bool()
"""

OF_IMAGES = {
    "AdaptiveAvgPool2d": ("1", "(3, 2)"), "AvgPool2d": ("2", "3, 2, 1"), "MaxPool2d": ("2", "3, stride=1, padding=1"),
    "Conv2d": ("4, 3, 3", "4, 2, 3, stride=2, padding=1, bias=False"), "Upsample": ("scale_factor=2", "size=(4, 9)"),
    "ConvTranspose2d": ("4, 3, 3", "4, 2, 2, stride=2, output_padding=1"), "ZeroPad2d": ("1", "(1, 2, 0, 3)"),
}  # fmt: skip
"""Layer of images → arguments that it is made with."""
RECURRENT = {"RNN": ("5, 4", "5, 2, nonlinearity='relu'"), "GRU": ("6, 4", "6, 2, num_layers=2"),
             "LSTM": ("6, 4", "6, 3, bidirectional=True, batch_first=True")}  # fmt: skip
TRANSFORMERS = {
    "TransformerEncoderLayer": "used(nn.TransformerEncoderLayer(8, 2, 16, 0.0), q), used(nn.TransformerEncoderLayer(8, "
    "2, 16, 0.0, activation='gelu', norm_first=True, batch_first=True), q)",
    "TransformerEncoder": "used(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.0), 2, "
    "enable_nested_tensor=False), q)",
    "TransformerDecoderLayer": "used(nn.TransformerDecoderLayer(8, 2, 16, 0.0), q, k)",
    "Transformer": "used(nn.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True), k[:, :2], k)",
}

CASES = {
    **{f"torch.nn.{name}": ", ".join(f"used(nn.{name}({given}), im)" for given in all_) for name, all_ in
       OF_IMAGES.items()},
    **{
        f"torch.nn.{name}": ", ".join(f"used(nn.{name}({given}), {'grid(3, 5, 5)' if name == 'RNN' else 'seq'})" for
                                      given in all_)
        for name, all_ in RECURRENT.items()
    },
    **{f"torch.nn.{name}": script for name, script in TRANSFORMERS.items()},
    "torch.nn.LSTMCell": "used(nn.LSTMCell(6, 4), x), used(nn.LSTMCell(6, 4, bias=False), x)",
    "torch.nn.MultiheadAttention": (
        "used(nn.MultiheadAttention(8, 2), q, k, v), made(nn.MultiheadAttention(8, 4, add_bias_kv=True))(q, q, q, "
        "attn_mask=mask)"
    ),
    "torch.nn.functional.scaled_dot_product_attention": (
        "F.scaled_dot_product_attention(q[:4], k, v), F.scaled_dot_product_attention(q, q, q, is_causal=True), "
        "F.scaled_dot_product_attention(q[:4, None], k[:, None], v[:, None], scale=0.1), "
        "F.scaled_dot_product_attention(q, q, q, attn_mask=grid(3, 3))"
    ),
    "torch.nn.functional.multi_head_attention_forward": (
        "F.multi_head_attention_forward(q, k, v, 8, 2, grid(24, 8), grid(24), None, None, False, 0.0, grid(8, 8), "
        "grid(8)), F.multi_head_attention_forward(q, q, q, 8, 4, None, None, grid(1, 1, 8), grid(1, 1, 8), True, 0.0, "
        "grid(8, 8), None, use_separate_proj_weight=True, q_proj_weight=grid(8, 8), k_proj_weight=grid(8, 8) * 0.5, "
        "v_proj_weight=grid(8, 8), attn_mask=mask, need_weights=False)"
    ),
    "torch.nn.Embedding": "used(nn.Embedding(5, 3), numbers), used(nn.Embedding(5, 3, padding_idx=0), numbers)",
    "torch.nn.EmbeddingBag": (
        "used(nn.EmbeddingBag(5, 3), numbers), used(nn.EmbeddingBag(5, 3, mode='sum'), flat, begins), "
        "used(nn.EmbeddingBag(5, 3, mode='max', padding_idx=4), flat, begins)"
    ),
    "torch.nn.Dropout": (
        "nn.Dropout(0.5).eval()(x), nn.Dropout(0.0)(x), nn.Dropout(1.0)(x), sorted(set(nn.Dropout(0.5)(torch.ones(500))"
        ".tolist())), 150 < (nn.Dropout(0.5)(torch.ones(500)) == 0).sum().item() < 350"
    ),
    "torch.nn.Dropout2d": (
        "nn.Dropout2d(0.5).eval()(im), nn.Dropout2d(1.0)(im), bool((nn.Dropout2d(0.5)(torch.ones(9, 9, 2, 2)).amax((2, "
        "3)) == nn.Dropout2d(0.0)(torch.ones(9, 9, 2, 2)).mean((2, 3)) * 2).any())"
    ),
    "torch.nn.functional.dropout": (
        "F.dropout(x, training=False), F.dropout(x, 0.0), F.dropout(x, 1.0), sorted(set(F.dropout(torch.ones(500), "
        "0.2).tolist())) == [0.0, 1.25], F.dropout(x, 0.5, False) is x"
    ),
    "torch.nn.functional.unfold": (
        "F.unfold(im, 3), F.unfold(im, (2, 3), padding=1, stride=(2, 1)), F.unfold(im, 2, 2), F.unfold(im[0], 4)"
    ),
    "torch.nn.functional.interpolate": (
        "F.interpolate(im, scale_factor=2), F.interpolate(im, size=(4, 9), mode='bilinear', align_corners=False), "
        "F.interpolate(im, scale_factor=0.5, mode='nearest'), F.interpolate(line, size=5)"
    ),
    "torch.optim.LBFGS": """
def minimised(**options):
    w = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimizer = optim.LBFGS([w], **options)
    losses = []
    def closure():
        optimizer.zero_grad()
        loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        loss.backward()
        losses.append(loss.item())
        return loss
    first = [optimizer.step(closure).item() for _ in range(3)]
    return first, len(losses), w.detach().float()
minimised(lr=1e-3), minimised(line_search_fn='strong_wolfe'), minimised(line_search_fn='strong_wolfe', max_iter=4)
""",
    "torch.optim.swa_utils": """
layer = made(nn.Linear(6, 2))
mean = optim.swa_utils.AveragedModel(layer)
decayed = optim.swa_utils.AveragedModel(layer, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.5))
for _ in range(3):
    with torch.no_grad():
        layer.weight.add_(1.0)
    mean.update_parameters(layer)
    decayed.update_parameters(layer)
mean(x), decayed(x)
""",
    "torch.nn.Module.register_full_backward_hook": """
layer, seen = made(nn.Linear(6, 2)), []
layer.register_full_backward_hook(lambda m, given, out: seen.append((given[0].clone(), out[0].clone())))
y = x.clone().requires_grad_()
(layer(y) ** 2).sum().backward()
seen, y.grad
""",
    "torch.utils.data.IterableDataset": """
from torch.utils import data
class Numbers(data.IterableDataset):
    def __iter__(self):
        return iter([1, 2, 3, 4, 5])
list(data.DataLoader(Numbers(), batch_size=2)), isinstance(Numbers(), data.IterableDataset)
""",
}
