"""A handwritten digit in, its class out: a PyTorch-like script whose whole training step runs on the accelerator.

python examples/mlp_digits.py --device accel --epochs 10
weft report examples/mlp_digits.py:step
"""

import argparse

import weft
from weft import nn, optim


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, 128)
        self.output = nn.Linear(128, 10)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        return self.output(weft.relu(self.hidden(x)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    split = weft.digits()
    loader = weft.DataLoader(
        weft.TensorDataset(split.train_images, split.train_labels), batch_size=64, shuffle=True, seed=options.seed
    )
    model = Classifier().to(weft.device(options.device))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @weft.jit  # forward, backward and update become one program
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    for epoch in range(options.epochs):
        losses = [step(images, labels).item() for images, labels in loader]
        print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f}")

    logits = weft.jit(model)(weft.tensor(split.test_images)).numpy()
    accuracy = (logits.argmax(axis=1) == split.test_labels).mean()
    print(f"test accuracy on {options.device}: {accuracy:.2%}")


if __name__ == "__main__":
    main()
