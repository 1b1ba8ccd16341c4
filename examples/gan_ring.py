"""A generative adversarial network learns to draw from eight clouds that lie on a ring.

Two networks, two optimisers, and a game: one tells true points from drawn ones, the other deceives it. What it drew is
judged by how much of it lies within a cloud, and by how evenly it falls on the eight.

python examples/gan_ring.py --device cpu --steps 2000
"""

import argparse
import math

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import jit

CLOUDS, SPREAD, NOISE, BATCH = 8, 0.1, 8, 256


def network(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    angles = 2 * math.pi / CLOUDS * weft.arange(CLOUDS)
    centres = weft.stack([angles.cos(), angles.sin()], dim=1).to(options.device)
    drawer, judge = network(NOISE, 2).to(options.device), network(2, 1).to(options.device)
    drawing = optim.Adam(drawer.parameters(), lr=1e-3, betas=(0.5, 0.99))
    judging = optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.99))

    @jit
    def step() -> tuple[weft.Tensor, weft.Tensor]:
        chosen = weft.randint(0, CLOUDS, (BATCH,), device=options.device)
        true = centres[chosen] + SPREAD * weft.randn(BATCH, 2, device=options.device)
        drawn = drawer(weft.randn(BATCH, NOISE, device=options.device))

        judging.zero_grad()  # low for what is true, high for what is drawn
        judged = F.softplus(-judge(true)).mean() + F.softplus(judge(drawn.detach())).mean()
        judged.backward()
        judging.step()

        drawing.zero_grad()  # taken for true is what is wanted
        deceived = F.softplus(-judge(drawn)).mean()
        deceived.backward()
        drawing.step()
        return judged, deceived

    for count in range(options.steps):
        judged, deceived = step()
        if (count + 1) % 500 == 0 or count + 1 == options.steps:
            print(f"step {count + 1}: judge's loss {judged.item():.3f}, drawer's {deceived.item():.3f}")

    with weft.no_grad():
        drawn = drawer(weft.randn(10000, NOISE, device=options.device))
    distances, nearest = ((drawn.unsqueeze(1) - centres) ** 2).sum(dim=2).sqrt().min(dim=1)
    near = distances < 3 * SPREAD
    shares = weft.stack([((nearest == cloud) & near).float().mean() for cloud in range(CLOUDS)])
    print(f"within three deviations of a cloud: {near.float().mean().item():.1%} of 10000 points")
    print(f"share of a cloud: {shares.min().item():.1%} at least, {shares.max().item():.1%} at most")


if __name__ == "__main__":
    main()
