"""Keyword spotting on raw waveforms: one-dimensional convolutions, pooling over time, a confusion matrix."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

LABELS = ["down", "left", "right", "up"]


class Commands(Dataset):
    """Tones whose pitch says the word; every recording has a length of its own."""

    def __init__(self, seed, size):
        rng = np.random.default_rng(seed)
        self.items = []
        for _ in range(size):
            label = LABELS[rng.integers(len(LABELS))]
            length = int(rng.integers(380, 480))
            pitch = 0.05 * (1 + LABELS.index(label)) * rng.uniform(0.9, 1.1)
            wave = np.sin(pitch * np.arange(length)) + 0.1 * rng.standard_normal(length)
            self.items.append((torch.from_numpy(wave.astype(np.float32)).unsqueeze(0), 8000, label))

    def __getitem__(self, n):
        return self.items[n]

    def __len__(self):
        return len(self.items)


def pad_sequence(batch):
    batch = [item.t() for item in batch]
    batch = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=0.0)
    return batch.permute(0, 2, 1)


def collate_fn(batch):
    tensors, targets = [], []
    for waveform, _, label in batch:
        tensors += [waveform]
        targets += [torch.tensor(LABELS.index(label))]
    return pad_sequence(tensors), torch.stack(targets)


class M5(nn.Module):
    def __init__(self, n_input=1, n_output=4, stride=8, n_channel=8):
        super().__init__()
        self.conv1 = nn.Conv1d(n_input, n_channel, kernel_size=40, stride=stride)
        self.bn1 = nn.BatchNorm1d(n_channel)
        self.pool1 = nn.MaxPool1d(2)
        self.conv2 = nn.Conv1d(n_channel, 2 * n_channel, kernel_size=3, groups=2)
        self.bn2 = nn.BatchNorm1d(2 * n_channel)
        self.pool2 = nn.MaxPool1d(2)
        self.conv3 = nn.Conv1d(2 * n_channel, 2 * n_channel, kernel_size=3, dilation=2, padding="same")
        self.fc1 = nn.Linear(2 * n_channel, n_output)

    def forward(self, x):
        x = self.pool1(F.relu(self.bn1(self.conv1(x))))
        x = self.pool2(F.relu(self.bn2(self.conv2(x))))
        x = F.relu(self.conv3(x))
        x = F.avg_pool1d(x, x.shape[-1])
        x = x.permute(0, 2, 1)
        x = self.fc1(x)
        return F.log_softmax(x, dim=2)


def number_of_correct(pred, target):
    return pred.squeeze().eq(target).sum().item()


def main():
    rng = np.random.default_rng(110)
    loader = partial(DataLoader, batch_size=8, collate_fn=collate_fn, num_workers=0, pin_memory=False)
    train_loader, test_loader = loader(Commands(1, 32), shuffle=False), loader(Commands(2, 16), drop_last=True)
    model = M5()
    with torch.no_grad():
        for name, param in model.named_parameters():
            if "conv" in name or "fc" in name:
                param.copy_(torch.from_numpy(rng.normal(0, 0.15, tuple(param.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.0001)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, epochs=2, steps_per_epoch=len(train_loader))
    losses, rates = [], []
    model.train()
    for _ in range(2):
        for data, target in train_loader:
            output = model(data)
            loss = F.nll_loss(output.squeeze(), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            rates.append(scheduler.get_last_lr()[0])
    model.eval()
    correct, confusion = 0, torch.zeros(4, 4, dtype=torch.int64)
    for data, target in test_loader:
        pred = model(data).argmax(dim=-1)
        correct += number_of_correct(pred, target)
        for t, p in zip(target.view(-1), pred.view(-1)):
            confusion[t.long(), p.long()] += 1
    print(f"Accuracy: {correct}/{len(test_loader.dataset)} ({100.0 * correct / len(test_loader.dataset):.0f}%)")
    return {"losses": losses, "rates": rates, "correct": correct, "confusion": confusion, "w": model.conv3.weight}


if __name__ == "__main__":
    main()
