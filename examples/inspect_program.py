"""Look inside one training step: its instructions, operators, cycles and stalls on any machine.

python examples/inspect_program.py --machine edu
python examples/inspect_program.py --device cpu --machine nano      (trains on the CPU, profiles for nano)
"""

import argparse

import weft
from weft import functional, nn, optim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--machine", default="edu", help="a preset or a TOML file")
    options = parser.parse_args()
    machine = weft.load_machine(options.machine)

    device = weft.device("accel", machine=machine) if options.device == "accel" else weft.device(options.device)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @weft.jit
    def step(images: weft.Tensor, labels: weft.Tensor) -> weft.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    split = weft.digits()
    batch = weft.tensor(split.train_images[:32]), weft.tensor(split.train_labels[:32])

    program = weft.compile(step, *batch, machine=machine)  # nothing has run yet
    print(f"{len(program.instructions)} instructions for '{machine.name}'; the first of them:")
    for line in [line for line in weft.disassemble(program).splitlines() if line and line[0] not in ".;#"][:6]:
        print(f"    {line[:100]}")

    profile = weft.profile(step, *batch, machine=machine)  # one run; parameters stay as they are
    print(f"\n{profile.cycles:,} cycles, {profile.utilisation:.1%} of the array's multiply-accumulates useful\n")
    print(f"{'operator':60} {'active cycles':>13} {'MACs':>9} {'DRAM bytes':>10}")
    for operator in sorted(profile.operators, key=lambda operator: -operator.active)[:12]:
        print(f"{operator.name[:60]:60} {operator.active:13,} {operator.macs:9,} {operator.dram_bytes:10,}")

    print(f"\n{'unit':10} {'busy':>6}   largest stall")
    for unit, causes in profile.events.items():
        stalls = {cause: n for cause, n in causes.items() if cause not in ("busy", "idle", "drain")}
        worst = max(stalls, key=lambda cause: stalls[cause])
        print(f"{unit:10} {causes['busy'] / profile.cycles:6.1%}   {worst}: {stalls[worst]:,} cycles")


if __name__ == "__main__":
    main()
