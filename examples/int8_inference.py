"""Train a classifier in floats, quantise it after training, and compare accuracy, cycles and size.

python examples/int8_inference.py --device accel --method percentile
"""

import argparse

import weft
from weft import nn, optim


def trained(split: weft.Split, epochs: int, seed: int) -> nn.Sequential:
    """A classifier of digits, trained on the CPU."""
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).to("cpu")
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    @weft.jit
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    dataset = weft.TensorDataset(split.train_images, split.train_labels)
    for _ in range(epochs):
        for images, labels in weft.DataLoader(dataset, batch_size=64, shuffle=True, seed=seed):
            step(images, labels)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu"])
    parser.add_argument("--method", default="minmax", choices=["minmax", "percentile"])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    weft.manual_seed(options.seed)
    split = weft.digits()
    model = trained(split, options.epochs, options.seed)
    # Ranges come from data the model was made for: the first 500 training images are plenty.
    small = weft.quantise(model, split.train_images[:500], method=options.method)
    print(small)

    batch = split.test_images[:64]
    for name, chosen in (("float", model), ("int8", small)):
        size = sum(array.nbytes for array in chosen.state_dict().values())
        cycles = weft.profile(weft.jit(chosen), weft.tensor(batch), machine="edu").cycles
        infer = weft.jit(chosen.to(options.device))
        logits = infer(weft.tensor(split.test_images)).numpy()
        accuracy = (logits.argmax(axis=1) == split.test_labels).mean()
        print(f"{name:5} on {options.device}: {accuracy:.2%}, {size:,} bytes, {cycles:,} cycles a batch of 64 on edu")

    # Integers leave no room for another order of sums: every device gives the same bits.
    here, there = (weft.jit(small.to(device))(weft.tensor(batch)).numpy() for device in ("cpu", "accel"))
    print(f"cpu and accelerator equal bit for bit: {here.tobytes() == there.tobytes()}")


if __name__ == "__main__":
    main()
