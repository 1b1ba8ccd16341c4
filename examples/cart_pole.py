"""REINFORCE: a policy learns to balance a pole on a cart from nothing but how long the pole stood.

The cart and its pole are those of Barto, Sutton and Anderson (1983), at most 200 steps an episode.

python examples/cart_pole.py --device cpu --rounds 50
"""

import argparse
import math
import random

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import jit

LONGEST, EPISODES = 200, 16


def push(state: list[float], right: bool) -> tuple[list[float], bool]:
    """The state a fiftieth of a second later, and whether the pole still stands on the track."""
    x, speed, angle, turn = state
    sine, cosine = math.sin(angle), math.cos(angle)
    force = ((10 if right else -10) + 0.05 * turn**2 * sine) / 1.1
    turning = (9.8 * sine - cosine * force) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
    speeding = force - 0.05 * turning * cosine / 1.1
    state = [x + 0.02 * speed, speed + 0.02 * speeding, angle + 0.02 * turn, turn + 0.02 * turning]
    return state, abs(state[0]) < 2.4 and abs(state[2]) < math.radians(12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    random.seed(options.seed)
    policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1)).to(options.device)
    optimizer = optim.Adam(policy.parameters(), lr=0.02)

    @jit
    def chance(states: weft.Tensor) -> weft.Tensor:
        with weft.no_grad():
            return weft.sigmoid(policy(states))

    @jit
    def learn(states: weft.Tensor, actions: weft.Tensor, advantages: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        cost = F.binary_cross_entropy_with_logits(policy(states), actions, reduction="none")  # -log of the chance
        loss = (cost * advantages).sum() / EPISODES
        loss.backward()
        optimizer.step()
        return loss

    for count in range(options.rounds):
        carts = [[random.uniform(-0.05, 0.05) for _ in range(4)] for _ in range(EPISODES)]
        standing, lengths = [True] * EPISODES, [0] * EPISODES
        states, actions = [], []
        for _ in range(LONGEST):  # all carts at once; of a fallen one nothing counts
            chances = chance(weft.tensor(carts, dtype=weft.float32, device=options.device)).tolist()
            rights = [random.random() < right for (right,) in chances]
            states.append(carts)
            actions.append([[float(right)] for right in rights])
            lengths = [length + stands for length, stands in zip(lengths, standing, strict=True)]
            moved = [push(*pair) for pair in zip(carts, rights, strict=True)]
            carts = [new if stands else old for old, (new, _), stands in zip(carts, moved, standing, strict=True)]
            standing = [stands and still for stands, (_, still) in zip(standing, moved, strict=True)]

        # what each action earned: one for each step still to come, a step later counting 0.98 of it
        returns = [[(1 - 0.98 ** max(length - at, 0)) / 0.02 for length in lengths] for at in range(LONGEST)]
        earned = weft.tensor(returns, dtype=weft.float32, device=options.device)
        lived = (earned > 0).float()
        mean = (earned.sum() / lived.sum()).item()
        spread = (((earned - mean) ** 2 * lived).sum() / lived.sum()).sqrt()
        learn(
            weft.tensor(states, dtype=weft.float32, device=options.device),
            weft.tensor(actions, dtype=weft.float32, device=options.device),
            ((earned - mean) / spread * lived / LONGEST * EPISODES).unsqueeze(2),
        )
        if (count + 1) % 10 == 0 or count + 1 == options.rounds:
            print(f"round {count + 1}: mean return {sum(lengths) / EPISODES:.1f} of {LONGEST}")


if __name__ == "__main__":
    main()
