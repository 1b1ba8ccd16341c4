"""Low-rank adapters on a frozen transformer: layers replaced by name, parameters counted, adapters saved and merged."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class LoRALinear(nn.Module):
    def __init__(self, base, r=2, lora_alpha=4, lora_dropout=0.0):
        super().__init__()
        self.base, self.scaling, self.merged = base, lora_alpha / r, False
        self.lora_dropout = nn.Dropout(p=lora_dropout) if lora_dropout > 0.0 else nn.Identity()
        self.lora_A = nn.Parameter(base.weight.new_zeros((r, base.in_features)))
        self.lora_B = nn.Parameter(base.weight.new_zeros((base.out_features, r)))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x):
        result = self.base(x)
        if not self.merged:
            result = result + (self.lora_dropout(x) @ self.lora_A.transpose(0, 1) @ self.lora_B.T) * self.scaling
        return result

    @torch.no_grad()
    def merge(self):
        self.base.weight += (self.lora_B @ self.lora_A) * self.scaling
        self.merged = True


class Block(nn.Module):
    def __init__(self, dim=12, heads=2):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        b, t, c = x.shape
        h = self.norm(x)
        q, k, v = (f(h).view(b, t, self.heads, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c)
        return x + self.o_proj(y)


class Classifier(nn.Module):
    def __init__(self, vocab=15, dim=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.blocks = nn.Sequential(Block(dim), Block(dim))
        self.head = nn.Linear(dim, 2)

    def forward(self, ids):
        return self.head(self.blocks(self.embed(ids)).mean(dim=1))


def inject(model, targets=("q_proj", "v_proj"), **kwargs):
    for name, module in list(model.named_modules()):
        if name.split(".")[-1] in targets and isinstance(module, nn.Linear):
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.split(".")[-1], LoRALinear(module, **kwargs))


def mark_only_lora_as_trainable(model):
    for n, p in model.named_parameters():
        if "lora_" not in n and not n.startswith("head"):
            p.requires_grad = False


def print_trainable_parameters(model):
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in model.parameters())
    print(f"trainable params: {trainable} || all params: {total} || trainable%: {100 * trainable / total:.2f}")
    return trainable, total


def main():
    rng = np.random.default_rng(220)
    model = Classifier()
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "norm" not in n:
                p.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    inject(model, r=2, lora_alpha=8)
    mark_only_lora_as_trainable(model)
    for n, p in model.named_parameters():
        if "lora_A" in n:
            p.data.copy_(torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32)))
    counts = print_trainable_parameters(model)
    optimizer = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=0.02)

    def train_step(ids, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids), labels)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for _ in range(6):
        ids = torch.from_numpy(rng.integers(0, 15, (8, 5)))
        losses.append(train_step(ids, (ids[:, 0] > 7).long()).item())
    frozen = torch.equal(model.blocks[0].q_proj.base.weight, before["blocks.0.q_proj.weight"])
    adapters = {k: v for k, v in model.state_dict().items() if "lora_" in k}
    model.eval()
    logits = model(ids)
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.merge()
    return {
        "losses": losses,
        "counts": counts,
        "frozen": frozen,
        "adapters": adapters,
        "logits": logits,
        "merged": torch.allclose(model(ids), logits, atol=1e-5),
        "no gradient": model.embed.weight.grad is None,
    }


if __name__ == "__main__":
    main()
