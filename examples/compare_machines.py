"""An architect's question: what buys more for one training step, a nearer memory, a faster one or a larger array?

python examples/compare_machines.py --machine edu
python examples/compare_machines.py --device cpu --batch 128      (the step lives on the CPU, the cycles are exact)
"""

import argparse

import weft
from weft import functional, nn, optim

CHANGES: dict[str, dict[str, float]] = {
    "as it is": {},
    "half the latency": {"dram.latency": 0.5},
    "a quarter bandwidth": {"dram.beat_cycles": 4},
    "half the bandwidth": {"dram.beat_cycles": 2},
    "twice the bandwidth": {"bus.bytes": 2},
    "twice the array": {"dim": 2},
    "twice both": {"dim": 2, "bus.bytes": 2},
}
"""What is changed, and each key's factor."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--machine", default="edu", help="a preset or a TOML file")
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).to(weft.device(options.device))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @weft.jit
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    split = weft.digits()
    batch = weft.tensor(split.train_images[: options.batch]), weft.tensor(split.train_labels[: options.batch])

    base = weft.load_machine(options.machine)
    known = {
        "dim": base.dim, "bus.bytes": base.bus.bytes, "dram.latency": base.dram.latency,
        "dram.beat_cycles": base.dram.beat_cycles,
    }  # fmt: skip
    first = None
    head = f"{'machine ' + base.name:20} {'DIM':>4} {'B/cycle':>7} {'latency':>7}"
    print(f"{head} {'cycles':>9} {'speed-up':>8} {'used':>6}")
    for name, factors in CHANGES.items():
        keys = {key: int(known[key] * factor) for key, factor in factors.items()}
        machine = weft.load_machine(options.machine, keys)
        profile = weft.profile(step, *batch, machine=machine)
        first = first or profile.cycles
        print(
            f"{name:20} {machine.dim:4} {machine.bandwidth:7g} {machine.dram.latency:7} {profile.cycles:9,} "
            f"{first / profile.cycles:7.2f}× {profile.utilisation:6.1%}"
        )


if __name__ == "__main__":
    main()
