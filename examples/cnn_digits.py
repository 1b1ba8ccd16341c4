"""A convolutional network with batch norm and dropout learns the handwritten digits that come with weft.

python examples/cnn_digits.py --device cpu --epochs 20
"""

import argparse

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import digits, jit
from weft.utils.data import DataLoader, TensorDataset


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(64 * 2 * 2, 10)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        x = self.pool(F.relu(self.norm1(self.conv1(x))))  # 8×8 → 4×4
        x = self.pool(F.relu(self.norm2(self.conv2(x))))  # 4×4 → 2×2
        return self.output(self.dropout(x.flatten(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    split = digits()
    images, labels = weft.tensor(split.train_images), weft.tensor(split.train_labels).long()
    train = TensorDataset(images.reshape(-1, 1, 8, 8), labels)
    loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
    model = Network().to(options.device)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.epochs)

    @jit  # forward, backward and update become one program; dropout draws anew at each call
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    for epoch in range(options.epochs):
        losses = [step(x.to(options.device), y.to(options.device)).item() for x, y in loader]
        scheduler.step()
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}")

    model.eval()
    with weft.no_grad():
        logits = model(weft.tensor(split.test_images).reshape(-1, 1, 8, 8).to(options.device))
    right = logits.argmax(dim=1) == weft.tensor(split.test_labels).to(options.device)
    print(f"test accuracy: {right.float().mean().item():.2%}")


if __name__ == "__main__":
    main()
