"""A masked language model in BERT's manner: 80/10/10 masking, segment and position embeddings, attention masks."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MASK, PAD, VOCAB, MAXLEN = 3, 0, 30, 12


def gelu(x):
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


class BertEmbeddings(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.word = nn.Embedding(VOCAB, hidden, padding_idx=PAD)
        self.position = nn.Embedding(MAXLEN, hidden)
        self.segment = nn.Embedding(2, hidden)
        self.LayerNorm = nn.LayerNorm(hidden, eps=1e-12)
        self.register_buffer("position_ids", torch.arange(MAXLEN).expand((1, -1)))

    def forward(self, input_ids, token_type_ids=None):
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        positions = self.position_ids[:, : input_ids.size(1)]
        return self.LayerNorm(self.word(input_ids) + self.position(positions) + self.segment(token_type_ids))


class BertLayer(nn.Module):
    def __init__(self, hidden=16, heads=4):
        super().__init__()
        self.heads, self.width = heads, hidden // heads
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.dense = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.intermediate, self.output = nn.Linear(hidden, 32), nn.Linear(32, hidden)
        self.output_norm = nn.LayerNorm(hidden, eps=1e-12)

    def split_heads(self, x):
        new_shape = (*x.size()[:-1], self.heads, self.width)
        return x.view(*new_shape).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split_heads(self.query(x)), self.split_heads(self.key(x)), self.split_heads(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.width) + mask
        context = torch.matmul(nn.Softmax(dim=-1)(scores), v).permute(0, 2, 1, 3).contiguous()
        context = context.view(*context.size()[:-2], -1)
        x = self.attention_norm(x + self.dense(context))
        return self.output_norm(x + self.output(gelu(self.intermediate(x))))


class BertForMaskedLM(nn.Module):
    def __init__(self, layers=2, hidden=16):
        super().__init__()
        self.embeddings = BertEmbeddings(hidden)
        self.layer = nn.ModuleList(BertLayer(hidden) for _ in range(layers))
        self.transform = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(VOCAB))

    def forward(self, input_ids, attention_mask, labels=None):
        extended = attention_mask.unsqueeze(1).unsqueeze(2).to(dtype=torch.float32)
        extended = (1.0 - extended) * torch.finfo(torch.float32).min
        x = self.embeddings(input_ids)
        for layer in self.layer:
            x = layer(x, extended)
        x = self.norm(gelu(self.transform(x)))
        logits = F.linear(x, self.embeddings.word.weight, self.bias)
        if labels is None:
            return logits
        return F.cross_entropy(logits.view(-1, VOCAB), labels.view(-1)), logits


def sentences(rng, n):
    ids = np.full((n, MAXLEN), PAD)
    for row in range(n):
        length = rng.integers(7, MAXLEN + 1)
        ids[row, :length] = 4 + (rng.integers(0, 26) + np.arange(length)) % 26
    return torch.from_numpy(ids)


def mask_tokens(inputs, rng, probability=0.25):
    labels = inputs.clone()
    chance = torch.from_numpy(rng.random((4, *inputs.shape)).astype(np.float32))
    masked = (chance[0] < probability) & inputs.ne(PAD)
    labels[~masked] = -100
    replaced = (chance[1] < 0.8) & masked
    inputs[replaced] = MASK
    at_random = (chance[2] < 0.5) & masked & ~replaced
    words = (4 + chance[3] * 26).long()
    inputs[at_random] = words[at_random]
    return inputs, labels


def main():
    rng = np.random.default_rng(12)
    model = BertForMaskedLM()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                p.copy_(torch.from_numpy(rng.normal(0, 0.15, tuple(p.shape)).astype(np.float32)))
            elif name.endswith("bias"):
                p.zero_()
        model.embeddings.word.weight[PAD].fill_(0)
    no_decay = ["bias", "LayerNorm.weight", "norm.weight"]
    groups = [
        {
            "params": [p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)],
            "weight_decay": 0.01,
        },
        {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=5e-3)

    def train_step(ids, mask, labels):
        loss, logits = model(ids, mask, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, logits

    losses, hits = [], []
    for _ in range(5):
        ids = sentences(rng, 8)
        mask = (ids != PAD).long()
        ids, labels = mask_tokens(ids, rng)
        loss, logits = train_step(ids, mask, labels)
        losses.append(loss.item())
        chosen = labels != -100
        hits.append((logits.argmax(-1)[chosen] == labels[chosen]).sum().item())
    return {"losses": losses, "hits": hits, "ids": ids, "bias": model.bias, "keys": sorted(model.state_dict())}


if __name__ == "__main__":
    main()
