"""The order of steps, and the memory of a whole step beside torch's: counted in bytes, so never noisy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import weft
from tests.compiler.residual import training_step
from weft.compiler.fuzz.graphs import random_graph
from weft.compiler.passes.pipeline import run
from weft.compiler.targets.cpu.buffers import place_temporaries, reads, update_in_place, writes
from weft.compiler.targets.cpu.contents import check_contents
from weft.compiler.targets.cpu.listing import planned
from weft.compiler.targets.cpu.lower import Lowered, lower
from weft.compiler.targets.cpu.order import ordered
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

PRODUCT = {"transpose_a": False, "transpose_b": False, "accumulate": "float32"}
TORCH = """
import weakref
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tests.compiler.residual import training_step

class Counter(TorchDispatchMode):
    # Bytes of all storages that live: those that came in, and those that were made until nothing holds them any more.
    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self.known = set()

    def note(self, values):
        for tensor in tree_leaves(values):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                key, size = storage._cdata, storage.nbytes()
                if key not in self.known:
                    self.known.add(key)
                    self.live += size
                    self.peak = max(self.peak, self.live)
                    weakref.finalize(storage, self.forget, key, size)

    def forget(self, key, size):
        self.known.discard(key)
        self.live -= size

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.note((args, kwargs))
        made = function(*args, **(kwargs or {}))
        self.note(made)
        return made

_, step = training_step(torch.nn, torch.optim, "cpu")
images, labels = torch.rand(32, 3, 32, 32), torch.arange(32) % 10
step(images, labels)
with Counter() as counter:
    step(images, labels)
print(counter.peak)
"""


def backward_like(length: int) -> Graph:
    """A chain of products, then back along it: the gradients of weights stand behind all others, as a backward pass
    leaves them."""
    b = GraphBuilder()
    x, weights = b.input("x", (64, 64), "float32"), [b.input(f"w{n}", (64, 64), "float32") for n in range(length)]
    values = [x]
    for w in weights:
        values.append(b.apply("matmul", values[-1], w, **PRODUCT))
    back = [b.apply("exp", values[-1])]
    for w in reversed(weights):
        back.append(b.apply("matmul", back[-1], w, **PRODUCT | {"transpose_b": True}))
    outputs = {
        f"g{n}": b.apply("sum", b.apply("matmul", x, y, **PRODUCT | {"transpose_a": True}), axes=(0,), keepdims=False)
        for n, (x, y) in enumerate(zip(values, reversed(back), strict=True))
    }
    return b.build(outputs)


def arena(lowered: Lowered) -> int:
    return place_temporaries(update_in_place(lowered)).size


def test_what_frees_memory_comes_as_soon_as_it_can() -> None:
    """Back along the chain one value of it dies after the other, and no gradient lives longer than its product."""
    size = 64 * 64 * 4
    for length in (4, 8, 16):
        plain = lower(backward_like(length), has_sgemm=False)
        assert arena(plain) >= 2 * length * size
        assert arena(ordered(plain)) <= (length + 4) * size


@pytest.mark.parametrize("seed", range(40))
def test_every_step_still_reads_what_it_read(seed: int) -> None:
    before = lower(run(random_graph(seed), "cpu"), has_sgemm=bool(seed % 2))
    after = ordered(before)
    assert sorted(map(repr, after.steps)) == sorted(map(repr, before.steps))
    assert {*zip(map(repr, after.steps), after.nodes, strict=True)} == {
        *zip(map(repr, before.steps), before.nodes, strict=True)
    }
    assert ordered(before) == after
    shared = update_in_place(after)
    check_contents(after, shared, place_temporaries(shared))
    for one in range(len(before.buffers)):  # what each buffer goes through, in the same order
        histories = [
            [(repr(step) if any(w.buffer == one for w in writes(step)) else "read")
             for step in lowered.steps if any(w.buffer == one for w in (*reads(step), *writes(step)))]
            for lowered in (before, after)
        ]  # fmt: skip
        assert histories[0] == histories[1]


def test_a_residual_networks_step_needs_no_more_than_torch() -> None:
    """ResNet-20 on 32 images of CIFAR's size. Of torch the tensors alone are counted, not what its kernels take; of
    weft all is: inputs, state old and new, and the arena."""
    pytest.importorskip("torch")
    weft.manual_seed(0)
    model, step = training_step(weft.nn, weft.optim, "cpu")
    images, labels = weft.rand(32, 3, 32, 32).to("cpu"), weft.tensor(np.arange(32) % 10).to("cpu")
    assert sum(p.numel() for p in model.parameters()) == 272_474
    plan = planned(run(weft.jit(step).lower(images, labels), "cpu"))
    theirs = int(subprocess.run([sys.executable, "-c", TORCH], capture_output=True, text=True, check=True).stdout)
    assert plan.peak_bytes <= theirs
    assert plan.memory.size < plan.unshared_bytes / 4
