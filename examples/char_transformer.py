"""A small transformer learns to write as Python's manual does, character by character.

It is judged by bits a character on pages that it has not seen, beside a model that counts pairs of characters.

python examples/char_transformer.py --device cpu --steps 600
"""

import argparse
import math
from pydoc_data import topics as manual  # the pages behind Python's help(): half a million characters

import weft
import weft.nn as nn
import weft.nn.functional as F
import weft.optim as optim
from weft import jit

LENGTH, BATCH, WIDTH = 64, 32, 64


class Writer(nn.Module):
    mask: weft.Tensor

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(characters, WIDTH)
        self.place = nn.Embedding(LENGTH, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.output = nn.Linear(WIDTH, characters)
        self.register_buffer("mask", weft.triu(weft.full((LENGTH, LENGTH), -math.inf), diagonal=1))

    def forward(self, text: weft.Tensor) -> weft.Tensor:
        return self.output(self.layers(self.letter(text) + self.place.weight, mask=self.mask, is_causal=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "numpy"])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--write", type=int, default=300, help="characters to write at the end")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    pages = [page for _, page in sorted(manual.topics.items())]
    letters = sorted(set("".join(pages)))
    number = {letter: n for n, letter in enumerate(letters)}
    held = "".join(pages[::10])  # every tenth page is kept for the test
    seen = weft.tensor([number[letter] for n, page in enumerate(pages) if n % 10 for letter in page])
    test = weft.tensor([number[letter] for letter in held[: (len(held) - 1) // LENGTH * LENGTH + 1]])

    model = Writer(len(letters)).to(options.device)
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=options.steps + 1)

    @jit
    def step(before: weft.Tensor, after: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(before).flatten(0, 1), after.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    @jit
    def predict(text: weft.Tensor) -> weft.Tensor:
        with weft.no_grad():
            return F.log_softmax(model(text), dim=-1)

    total, around = 0.0, weft.arange(LENGTH + 1)
    for count in range(options.steps):
        begins = weft.randint(0, len(seen) - LENGTH - 1, (BATCH, 1))
        text = seen[begins + around].to(options.device)
        total += step(text[:, :-1], text[:, 1:]).item() / math.log(2)
        scheduler.step()
        if (count + 1) % 100 == 0 or count + 1 == options.steps:
            print(f"step {count + 1}: {total / (count % 100 + 1):.3f} bits a character")
            total = 0.0

    bits = 0.0
    rows = test[:-1].reshape(-1, LENGTH), test[1:].reshape(-1, LENGTH)
    for before, after in zip(rows[0].split(BATCH), rows[1].split(BATCH), strict=True):
        chances = predict(before.to(options.device)).cpu().gather(2, after.unsqueeze(2))
        bits -= chances.sum().item() / math.log(2)
    pairs = weft.full((len(letters), len(letters)), 0.1)  # how often which follows which
    pairs.view(-1).index_add_(0, seen[:-1] * len(letters) + seen[1:], weft.ones(len(seen) - 1))
    likely = (pairs / pairs.sum(dim=1, keepdim=True)).log()
    pair_bits = -likely[test[:-1], test[1:]].mean().item() / math.log(2)
    print(f"unseen pages: {bits / (len(test) - 1):.3f} bits a character, counting pairs {pair_bits:.3f}")

    written = [number[letter] for letter in held[:LENGTH]]
    for _ in range(options.write):
        chances = predict(weft.tensor([written[-LENGTH:]], device=options.device))[0, -1].exp()
        written.append(int(weft.multinomial(chances, 1).item()))
    print("".join(letters[n] for n in written[LENGTH:]))


if __name__ == "__main__":
    main()
