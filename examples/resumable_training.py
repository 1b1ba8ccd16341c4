"""A training that may be killed at any moment and goes on from its last checkpoint, to the same bits.

python examples/resumable_training.py --device accel --epochs 10 --checkpoint training.safetensors
"""

import argparse
import os
from typing import Any

import weft
from weft import nn, optim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--every", type=int, default=5, help="steps between two checkpoints")
    parser.add_argument("--checkpoint", default="training.safetensors")
    options = parser.parse_args()

    weft.manual_seed(0)
    noise = weft.Generator(7)
    split = weft.digits()
    dataset = weft.TensorDataset(split.train_images, split.train_labels)
    loader = weft.DataLoader(dataset, batch_size=64, shuffle=True, seed=1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(weft.device(options.device))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    parts: dict[str, nn.Module | optim.Optimizer | weft.DataLoader]
    parts = {"model": model, "optimizer": optimizer, "loader": loader}
    losses: list[float] = []

    def save() -> None:
        state: dict[str, Any] = {part: has.state_dict() for part, has in parts.items()}
        state |= {"noise": noise.get_state(), "losses": losses}
        weft.save(options.checkpoint, state)  # replaces the file whole: killed here, the last one is left

    if os.path.exists(options.checkpoint):
        state = weft.load(options.checkpoint)
        for part, has in parts.items():
            has.load_state_dict(state[part])
        noise.set_state(state["noise"])
        losses = state["losses"]
        print(f"going on after step {len(losses)}")

    @weft.jit
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    total = options.epochs * len(loader)
    while len(losses) < total:
        for images, labels in loader:  # after a resumption: the rest of the pass that was interrupted
            blurred = images + 0.1 * weft.rand(*images.shape, generator=noise)
            losses.append(step(blurred, labels).item())
            if len(losses) % options.every == 0 or len(losses) == total:
                save()

    logits = weft.jit(model)(weft.tensor(split.test_images)).numpy()
    accuracy = (logits.argmax(axis=1) == split.test_labels).mean()
    last = losses[-len(loader) :]
    print(f"test accuracy on {options.device}: {accuracy:.2%}, loss {sum(last) / len(last):.6f}")


if __name__ == "__main__":
    main()
