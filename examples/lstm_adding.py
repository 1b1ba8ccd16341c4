"""An LSTM learns what to remember: the sum of the two marked numbers in a long row of random ones.

The task is Hochreiter and Schmidhuber's (1997); whoever always answers 1 has a mean squared error of 1/6.

python examples/lstm_adding.py --device cpu --steps 800
"""

import argparse

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import jit

LENGTH, BATCH = 30, 64


class Adder(nn.Module):
    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.output = nn.Linear(hidden, 1)
        with weft.no_grad():  # a forget gate that is open at the start keeps what is far back
            self.lstm.get_parameter("bias_hh_l0")[hidden : 2 * hidden] = 1.0

    def forward(self, rows: weft.Tensor) -> weft.Tensor:
        results, _ = self.lstm(rows)
        return self.output(results[:, -1]).squeeze(1)


def rows_and_sums(count: int) -> tuple[weft.Tensor, weft.Tensor]:
    """Rows of (number, mark), one mark in each half, and the sums of the marked numbers."""
    numbers = weft.rand(count, LENGTH)
    half = LENGTH // 2
    places = weft.stack([weft.randint(0, half, (count,)), weft.randint(half, LENGTH, (count,))], dim=1)
    marks = weft.zeros(count, LENGTH).scatter(1, places, 1.0)
    return weft.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    model = Adder().to(options.device)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.steps)

    @jit
    def step(rows: weft.Tensor, sums: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(rows), sums)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    total = 0.0
    for count in range(options.steps):
        rows, sums = rows_and_sums(BATCH)
        total += step(rows.to(options.device), sums.to(options.device)).item()
        scheduler.step()
        if (count + 1) % 100 == 0 or count + 1 == options.steps:
            print(f"step {count + 1}: squared error {total / (count % 100 + 1):.5f}")
            total = 0.0

    rows, sums = rows_and_sums(1000)
    with weft.no_grad():
        error = F.mse_loss(model(rows.to(options.device)), sums.to(options.device)).item()
    print(f"on new rows: squared error {error:.5f}, of one who always answers 1 {((sums - 1) ** 2).mean().item():.5f}")


if __name__ == "__main__":
    main()
