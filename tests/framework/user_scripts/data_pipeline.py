"""A data pipeline of one's own: Dataset, Sampler, batches of like length, padding and masks, weighted draws."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Sampler, Subset, WeightedRandomSampler


class Sequences(Dataset):
    def __init__(self, seed, size, transform=None):
        self.rng = np.random.default_rng(seed)
        self.lengths = self.rng.integers(2, 9, size)
        self.data = [self.rng.normal(size=(n, 3)).astype(np.float32) for n in self.lengths]
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        sequence = self.data[index]
        sample = {"sequence": torch.from_numpy(sequence), "label": int(sequence[:, 0].sum() > 0), "index": index}
        return self.transform(sample) if self.transform else sample


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, sample):
        return {**sample, "sequence": sample["sequence"] * self.factor}


class BucketBatchSampler(Sampler):
    """Batches of sequences of like length."""

    def __init__(self, lengths, batch_size):
        self.lengths, self.batch_size = lengths, batch_size

    def __iter__(self):
        order = np.argsort(self.lengths, kind="stable")
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size].tolist()

    def __len__(self):
        return (len(self.lengths) + self.batch_size - 1) // self.batch_size


def collate(samples):
    lengths = torch.tensor([len(s["sequence"]) for s in samples])
    padded = pad_sequence([s["sequence"] for s in samples], batch_first=True)
    mask = torch.arange(padded.size(1))[None, :] < lengths[:, None]
    return padded, mask, lengths, torch.tensor([s["label"] for s in samples], dtype=torch.float32)


class Stream(IterableDataset):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def __iter__(self):
        yield from (torch.tensor([i, i * i]) for i in range(self.n))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 6, batch_first=True)
        self.head = nn.Linear(12, 1)

    def forward(self, padded, mask, lengths):
        packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        out, (h, _) = self.rnn(packed)
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=padded.size(1))
        pooled = (out * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        return self.head(torch.cat([h[-1], pooled], dim=-1)).squeeze(-1)


def main():
    rng = np.random.default_rng(160)
    dataset = ConcatDataset([Sequences(1, 20), Sequences(2, 12, transform=Scale(0.5))])
    lengths = [len(dataset[i]["sequence"]) for i in range(len(dataset))]
    loader = DataLoader(dataset, batch_sampler=BucketBatchSampler(lengths, 8), collate_fn=collate)
    model = Classifier()
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.uniform(-0.4, 0.4, tuple(p.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    criterion = nn.BCEWithLogitsLoss()
    losses, shapes = [], []
    for _ in range(2):
        for padded, mask, lengths, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(padded, mask, lengths), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            shapes.append(tuple(padded.shape))

    plain = next(iter(DataLoader(Subset(dataset, [0, 1]), batch_size=1)))
    labels = torch.tensor([dataset[i]["label"] for i in range(len(dataset))])
    weights = 1.0 / torch.bincount(labels).float()[labels]
    drawn = list(WeightedRandomSampler(weights, num_samples=200, replacement=True))
    return {
        "losses": losses,
        "shapes": shapes,
        "batches": len(loader),
        "default": {k: v for k, v in plain.items()},
        "weights": weights,
        "drawn": (len(drawn), min(drawn) >= 0, max(drawn) < 32),
        "stream": [batch for batch in DataLoader(Stream(5), batch_size=2)],
        "state": model.state_dict(),
    }


if __name__ == "__main__":
    main()
