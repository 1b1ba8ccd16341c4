"""Sequence to sequence with additive attention: a GRU encoder on packed lengths, teacher forcing, greedy decoding."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, SOS, EOS = 0, 1, 2


class Encoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=PAD)
        self.gru = nn.GRU(emb, hid, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(hid * 2, hid)

    def forward(self, src):
        outputs, hidden = self.gru(self.embedding(src))
        hidden = torch.tanh(self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)))
        return outputs, hidden


class Attention(nn.Module):
    def __init__(self, hid):
        super().__init__()
        self.W = nn.Linear(hid * 3, hid)
        self.v = nn.Parameter(torch.rand(hid))

    def forward(self, hidden, outputs, mask):
        length = outputs.shape[1]
        repeated = hidden.unsqueeze(1).repeat(1, length, 1)
        energy = torch.tanh(self.W(torch.cat((repeated, outputs), dim=2)))
        scores = energy @ self.v
        scores = scores.masked_fill(~mask, float("-inf"))
        return F.softmax(scores, dim=1)


class Decoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb)
        self.attention = Attention(hid)
        self.cell = nn.GRUCell(emb + 2 * hid, hid)
        self.out = nn.Linear(hid * 3 + emb, vocab)

    def forward(self, token, hidden, outputs, mask):
        embedded = self.embedding(token)
        a = self.attention(hidden, outputs, mask)
        context = torch.bmm(a.unsqueeze(1), outputs).squeeze(1)
        hidden = self.cell(torch.cat((embedded, context), dim=1), hidden)
        return self.out(torch.cat((hidden, context, embedded), dim=1)), hidden, a


class Seq2Seq(nn.Module):
    def __init__(self, vocab=10, emb=8, hid=12):
        super().__init__()
        self.encoder, self.decoder = Encoder(vocab, emb, hid), Decoder(vocab, emb, hid)

    def forward(self, src, trg):
        outputs, hidden = self.encoder(src)
        mask = src != PAD
        logits = []
        for t in range(trg.size(1) - 1):
            step, hidden, _ = self.decoder(trg[:, t], hidden, outputs, mask)
            logits.append(step)
        return torch.stack(logits, dim=1)

    @torch.no_grad()
    def translate(self, src, max_len=7):
        outputs, hidden = self.encoder(src)
        mask = src != PAD
        token = torch.full((src.size(0),), SOS, dtype=torch.long)
        done = torch.zeros(src.size(0), dtype=torch.bool)
        words, attentions = [], []
        for _ in range(max_len):
            logits, hidden, a = self.decoder(token, hidden, outputs, mask)
            token = logits.argmax(-1)
            token[done] = PAD
            done |= token == EOS
            words.append(token)
            attentions.append(a)
            if done.all():
                break
        return torch.stack(words, 1), torch.stack(attentions, 1)


def reversals(rng, n, longest=5):
    """Sentences and the same words from last to first."""
    src, trg = np.zeros((n, longest), np.int64), np.zeros((n, longest + 2), np.int64)
    for row in range(n):
        words = rng.integers(3, 10, rng.integers(2, longest + 1))
        src[row, : len(words)] = words
        trg[row, : len(words) + 2] = [SOS, *words[::-1], EOS]
    return torch.from_numpy(src), torch.from_numpy(trg)


def main():
    rng = np.random.default_rng(21)
    model = Seq2Seq()
    for name, param in model.named_parameters():
        bound = 0.0 if "bias" in name else 0.3
        param.data.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(param.shape)).astype(np.float32)))
    model.encoder.embedding.weight.data[PAD] = 0
    print(f"The model has {sum(p.numel() for p in model.parameters() if p.requires_grad):,} trainable parameters")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)

    def train_step(src, trg):
        optimizer.zero_grad()
        output = model(src, trg)
        loss = criterion(output.reshape(-1, output.shape[-1]), trg[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    losses = [train_step(*reversals(rng, 16)).item() for _ in range(6)]
    src, trg = reversals(rng, 4)
    model.eval()
    words, attention = model.translate(src)
    return {
        "losses": losses,
        "words": words,
        "attention": attention,
        "padding": model.encoder.embedding.weight[PAD],
        "v": model.decoder.attention.v,
    }


if __name__ == "__main__":
    main()
