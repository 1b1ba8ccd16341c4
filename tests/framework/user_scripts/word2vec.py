"""Skip-gram word vectors with negative sampling, sparse use of two embedding tables, nearest words by cosine."""

from collections import Counter

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

TEXT = """the king rules the land and the queen rules the land the dog chases the cat and the cat chases the mouse
a king and a queen live in the castle a dog and a cat live in the house the mouse lives in the wall""".split()


class SkipGram(nn.Module):
    def __init__(self, vocab_size, dim):
        super().__init__()
        self.center = nn.Embedding(vocab_size, dim)
        self.context = nn.Embedding(vocab_size, dim)
        self.center.weight.data.uniform_(-0.5 / dim, 0.5 / dim)
        self.context.weight.data.uniform_(-0.0, 0.0)

    def forward(self, pos_u, pos_v, neg_v):
        emb_u = self.center(pos_u)
        emb_v = self.context(pos_v)
        emb_neg_v = self.context(neg_v)
        score = torch.sum(torch.mul(emb_u, emb_v), dim=1)
        score = torch.clamp(score, max=10, min=-10)
        score = -F.logsigmoid(score)
        neg_score = torch.bmm(emb_neg_v, emb_u.unsqueeze(2)).squeeze()
        neg_score = torch.clamp(neg_score, max=10, min=-10)
        neg_score = -torch.sum(F.logsigmoid(-neg_score), dim=1)
        return torch.mean(score + neg_score)


def pairs(ids, window=2):
    for i, word in enumerate(ids):
        for j in range(max(0, i - window), min(len(ids), i + window + 1)):
            if j != i:
                yield word, ids[j]


def main():
    rng = np.random.default_rng(2)
    counts = Counter(TEXT)
    vocab = sorted(counts)
    word_to_ix = {w: i for i, w in enumerate(vocab)}
    ids = [word_to_ix[w] for w in TEXT]
    frequency = np.array([counts[w] for w in vocab]) ** 0.75
    frequency /= frequency.sum()

    model = SkipGram(len(vocab), 10)
    model.center.weight.data.copy_(torch.from_numpy(rng.uniform(-0.5, 0.5, (len(vocab), 10)).astype("float32")))
    model.context.weight.data.copy_(torch.from_numpy(rng.uniform(-0.1, 0.1, (len(vocab), 10)).astype("float32")))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)

    def train_step(u, v, neg):
        optimizer.zero_grad()
        loss = model(u, v, neg)
        loss.backward()
        optimizer.step()
        return loss

    data = torch.tensor(list(pairs(ids)))
    losses = []
    for _ in range(3):
        order = torch.as_tensor(rng.permutation(len(data)))
        running = 0.0
        for batch in data[order].split(32):
            if len(batch) < 32:
                continue
            neg = torch.LongTensor(rng.choice(len(vocab), size=(len(batch), 5), p=frequency))
            running += train_step(batch[:, 0], batch[:, 1], neg).item()
        losses.append(running)

    vectors = F.normalize(model.center.weight.detach(), dim=1)
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-1)
    best = similarity.topk(2, dim=1)
    nearest = {w: [vocab[int(j)] for j in best.indices[i]] for w, i in word_to_ix.items()}
    print(nearest["king"])
    return {"losses": losses, "similarity": best.values, "nearest": nearest, "vectors": model.center.weight}


if __name__ == "__main__":
    main()
