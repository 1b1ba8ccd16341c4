"""A variational autoencoder learns to draw handwritten digits (Kingma and Welling 2013).

It is judged by the bound on how likely it finds images that it has not seen, in nats an image, beside the best that
each pixel by itself could do.

python examples/vae_digits.py --device cpu --epochs 40
"""

import argparse

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import digits, jit
from weft.utils.data import DataLoader, TensorDataset

CODE = 8


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 2 * CODE))
        self.decoder = nn.Sequential(nn.Linear(CODE, 128), nn.SiLU(), nn.Linear(128, 64))

    def forward(self, images: weft.Tensor) -> weft.Tensor:
        """Minus the bound, in nats an image: what the code costs, and what the image costs that is drawn from it."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * weft.randn_like(mean)
        drawing = F.binary_cross_entropy_with_logits(self.decoder(code), images, reduction="sum")
        coding = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (drawing + coding) / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    split = digits()
    images, unseen = weft.tensor(split.train_images), weft.tensor(split.test_images).to(options.device)
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True)
    model = Autoencoder().to(options.device)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    @jit  # the code is drawn anew at each call
    def step(images: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = model(images)
        loss.backward()
        optimizer.step()
        return loss

    for epoch in range(options.epochs):
        losses = [step(x.to(options.device)).item() for (x,) in loader]
        print(f"epoch {epoch + 1}: {sum(losses) / len(losses):.3f} nats an image")

    with weft.no_grad():
        bound = sum(model(unseen).item() for _ in range(10)) / 10
        even = images.mean(dim=0).clamp(0.001, 0.999).to(options.device).expand(len(unseen), 64)
        alone = F.binary_cross_entropy(even, unseen, reduction="sum").item() / len(unseen)
        drawn = weft.sigmoid(model.decoder(weft.randn(4, CODE, device=options.device))).reshape(4, 8, 8)
    print(f"unseen images: {bound:.3f} nats an image, each pixel by itself {alone:.3f}")
    for line in range(8):
        print("   ".join("".join(" .:+#"[int(4.99 * value)] * 2 for value in row) for row in drawn[:, line].tolist()))


if __name__ == "__main__":
    main()
