"""Knowledge distillation: soft targets at a temperature, a frozen teacher, features matched through hooks."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split


class DistillationLoss(nn.Module):
    def __init__(self, temperature=4.0, alpha=0.7):
        super().__init__()
        self.temperature = temperature
        self.alpha = alpha
        self.kl = nn.KLDivLoss(reduction="batchmean")

    def forward(self, student_logits, teacher_logits, labels):
        t = self.temperature
        soft = self.kl(F.log_softmax(student_logits / t, dim=1), F.softmax(teacher_logits / t, dim=1)) * (t * t)
        hard = F.cross_entropy(student_logits, labels)
        return self.alpha * soft + (1 - self.alpha) * hard


def make(width, depth, seed):
    rng = np.random.default_rng(seed)
    layers = [nn.Linear(8, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers.extend((nn.Linear(width, width), nn.ReLU()))
    layers.append(nn.Linear(width, 3))
    net = nn.Sequential(*layers)
    for layer in net:
        if hasattr(layer, "weight"):
            layer.weight.data = torch.tensor(rng.normal(0, 0.4, tuple(layer.weight.shape)), dtype=torch.float32)
            layer.bias.data.zero_()
    return net


def spirals(rng, n=160):
    label = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 8)) + 1.5 * np.eye(3, 8)[label]
    return TensorDataset(torch.from_numpy(x).float(), torch.from_numpy(label))


def accuracy(net, loader):
    net.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            correct += int((net(x).argmax(1) == y).sum())
            total += y.size(0)
    net.train()
    return correct / total


def main():
    rng = np.random.default_rng(77)
    dataset = spirals(rng)
    train_set, test_set = random_split(dataset, [128, 32], generator=torch.Generator().manual_seed(0))
    sizes = len(train_set), len(test_set)
    train_set = TensorDataset(*dataset[:128])
    test_set = TensorDataset(*dataset[128:])
    train_loader, test_loader = DataLoader(train_set, batch_size=32), DataLoader(test_set, batch_size=32)

    teacher, student = make(24, 2, 1), make(6, 1, 2)
    projector = nn.Linear(6, 24, bias=False)
    projector.weight.data.copy_(torch.eye(24, 6))
    optimizer = torch.optim.SGD(teacher.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    taught = []
    for _ in range(2):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(teacher(x), y)
            loss.backward()
            optimizer.step()
            taught.append(loss.item())

    for param in teacher.parameters():
        param.requires_grad = False
    teacher.eval()
    features = {}

    def keep(name):
        def hook(module, inputs, output):
            features[name] = output

        return hook

    handles = [teacher[1].register_forward_hook(keep("teacher")), student[1].register_forward_hook(keep("student"))]
    criterion = DistillationLoss()
    optimizer = torch.optim.Adam(list(student.parameters()) + list(projector.parameters()), lr=0.01)
    losses = []
    for _ in range(2):
        for x, y in train_loader:
            with torch.no_grad():
                teacher_logits = teacher(x)
            student_logits = student(x)
            loss = criterion(student_logits, teacher_logits, y)
            loss = loss + 0.1 * F.mse_loss(projector(features["student"]), features["teacher"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    for handle in handles:
        handle.remove()
    features.clear()
    student(x)
    return {
        "sizes": sizes,
        "taught": taught,
        "losses": losses,
        "accuracy": [accuracy(teacher, test_loader), accuracy(student, test_loader)],
        "untouched": all(p.grad is None or not p.requires_grad for p in teacher.parameters()),
        "hooks gone": features == {},
        "student": student.state_dict(),
    }


if __name__ == "__main__":
    main()
