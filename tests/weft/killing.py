"""Kills trainings with SIGKILL at random moments and compares what they end with: ``python -m tests.weft.killing``.

Half of the moments are drawn from the whole time of a run, its start included; the other half are within milliseconds
of a checkpoint's being replaced. A training that is killed is gone on from until it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VOLATILE = ("seconds", "simulated_cycles_per_second")
"""Figures of this computer's speed; all others are compared."""


def command(words: Sequence[str], folder: Path) -> list[str]:
    """A training that leaves its checkpoint and its weights in ``folder``."""
    kept = ["--checkpoint", str(folder / "training"), "--every", "1", "--resume", "-o", str(folder / "weights")]
    return [sys.executable, "-m", "weft", "train", *words, *kept, "--json"]


def left(output: str, folder: Path) -> tuple[Any, ...]:
    """All that a training ends with."""
    result = {key: value for key, value in json.loads(output).items() if key not in VOLATILE}
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return result, files


def kill_and_compare(words: Sequence[str], kills: int, seed: int = 0) -> dict[str, int]:
    """Kill trainings ``kills`` times. Raises AssertionError if one ends with anything else than one left alone."""
    drawn, done = random.Random(seed), 0
    counts = {"kills": 0, "trainings": 0, "killed_before_a_checkpoint": 0}
    with tempfile.TemporaryDirectory() as place:
        alone = Path(place, "alone")
        alone.mkdir()
        began = time.monotonic()
        run = subprocess.run(command(words, alone), cwd=ROOT, capture_output=True, text=True, check=True)
        whole, expected = time.monotonic() - began, left(run.stdout, alone)
        while done < kills:
            folder = Path(place, str(counts["trainings"]))
            folder.mkdir()
            counts["trainings"] += 1
            while True:
                process = subprocess.Popen(
                    command(words, folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                if done < kills:
                    _wait(process, folder / "training", drawn, whole)
                    process.kill()
                output, errors = process.communicate()
                if process.returncode == 0:
                    break
                assert process.returncode == -9, errors
                done += 1
                counts["killed_before_a_checkpoint"] += not (folder / "training").exists()
            assert left(output, folder) == expected, f"training {counts['trainings']} ended otherwise (seed {seed})"
    return counts | {"kills": done}


def _wait(process: subprocess.Popen[str], checkpoint: Path, drawn: random.Random, whole: float) -> None:
    """Wait for a random moment, or for the process's end."""
    if drawn.random() < 0.5:
        until = time.monotonic() + drawn.uniform(0, whole)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        return
    changes, seen = drawn.randrange(1, 16), _version(checkpoint)
    while process.poll() is None and changes:
        if (now := _version(checkpoint)) != seen:
            seen, changes = now, changes - 1
    time.sleep(drawn.uniform(0, 0.004))


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def main() -> None:
    """Say what came of it, as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--model", default="digits-mlp")
    parser.add_argument("--epochs", default="2")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    words = [given.model, "--device", given.device, "--epochs", given.epochs]
    counts = kill_and_compare(words, given.kills, given.seed)
    print(json.dumps({"training": " ".join(words), **counts}, allow_nan=False))


if __name__ == "__main__":
    main()
