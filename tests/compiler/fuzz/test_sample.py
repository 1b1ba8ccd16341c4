"""A seeded sample of random graphs on every device: none is wrong, and refusals say which node.

Every graph runs on the accelerator and on NumPy, every fourth on the CPU too, whose compilation is what takes time; a
device that is added later takes every fourth as well.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.sampling import sampled
from weft.compiler.fuzz.campaign import Summary, try_seed
from weft.framework.device import known_devices

GRAPHS, CHUNK, FEW = 300, 20, 4
QUICK = ("accel", "numpy")


@pytest.mark.parametrize("start", [pytest.param(0, marks=pytest.mark.smoke), *sampled(range(CHUNK, GRAPHS, CHUNK), 5)])
def test_random_graphs_are_right_on_every_device(start: int) -> None:
    summary = Summary()
    for seed in range(start, start + CHUNK):
        devices = known_devices() if seed % FEW == 0 else QUICK
        try_seed(seed, devices, summary)
    shown = "\n".join(f"seed {f.seed}\n{f.program}" for f in summary.failures)
    assert not summary.failures, shown
    assert summary.judged["numpy"] == CHUNK
    assert summary.judged["cpu"] == CHUNK // FEW
    refused: Counter[str] = summary.refusals.get("accel", Counter())
    assert summary.judged["accel"] + refused.total() == CHUNK
    assert refused.total() <= CHUNK * 3 // 4, refused
