"""What is saved in the middle of a training goes on as if nothing had happened: generators, loaders, optimisers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.framework import checkpoint, nn, optim
from weft.framework.data import DataLoader, TensorDataset
from weft.framework.errors import CheckpointError, FrameworkError
from weft.framework.nn import functional
from weft.framework.random import Generator, default_generator, manual_seed
from weft.framework.tensor import Tensor
from weft.framework.tree import leaves

DATA = TensorDataset(np.arange(10))


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("draws", [0, 1, 7, 2**40])
def test_a_generator_goes_on(seed: int, draws: int, tmp_path: Path) -> None:
    one = Generator(seed)
    one.set_state(np.array([seed, draws], np.uint64).view(np.int64))
    checkpoint.save(tmp_path / "f", {"generator": one.get_state()})
    two = Generator(5).set_state(checkpoint.load(tmp_path / "f")["generator"])
    assert (two.seed, two.draws) == (seed, draws)
    assert one.bits(4).tolist() == two.bits(4).tolist()


@pytest.mark.parametrize("state", [None, 3, np.zeros(2, np.int32), np.zeros(3, np.int64), np.zeros(2), "x"])
def test_a_generators_state_is_its_own(state: Any) -> None:
    generator = Generator(3)
    with pytest.raises(FrameworkError, match=r"test_resuming.py:\d+: a generator's state is what get_state\(\) gave"):
        generator.set_state(state)
    assert generator.seed == 3


def numbers(loader: DataLoader, passes: int, stop: int | None = None) -> tuple[list[list[int]], dict[str, Any]]:
    """The batches of so many passes, or the first ``stop`` of them, and the loader's state then."""
    found: list[list[int]] = []
    for _ in range(passes):
        for (batch,) in loader:
            found.append([int(n) for n in batch.numpy()])
            if len(found) == stop:
                return found, loader.state_dict()
    return found, loader.state_dict()


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("source", ["own", "default", "none"])
@pytest.mark.parametrize("stop", range(1, 12))
def test_a_loader_goes_on_behind_any_batch(stop: int, source: str, drop_last: bool, tmp_path: Path) -> None:
    def loader() -> DataLoader:
        generator = Generator(4) if source == "own" else None
        return DataLoader(DATA, 3, shuffle=source != "none", drop_last=drop_last, generator=generator)

    per = len(loader())
    manual_seed(1)
    whole, _ = numbers(loader(), 4)
    manual_seed(1)
    first, state = numbers(loader(), 4, stop)
    checkpoint.save(tmp_path / "f", state)
    manual_seed(99)
    rest = loader()
    rest.load_state_dict(checkpoint.load(tmp_path / "f"))
    later, _ = numbers(rest, 4 - (stop - 1) // per)
    assert first + later == whole


def test_between_two_passes_the_next_one_is_whole() -> None:
    one = DataLoader(DATA, 4, shuffle=True, seed=1)
    numbers(one, 1)
    two = DataLoader(DATA, 4, shuffle=True, seed=2)
    two.load_state_dict(one.state_dict())
    assert numbers(two, 2)[0] == numbers(one, 2)[0]


def test_a_shared_generator_is_drawn_from_once() -> None:
    """Numbers drawn beside the loader, from the same generator, go on as well."""

    def course(stop: int | None, state: dict[str, Any] | None) -> tuple[list[float], dict[str, Any]]:
        loader, drawn = DataLoader(DATA, 3, shuffle=True), []
        if state is not None:
            loader.load_state_dict(state)
        for number, _ in enumerate(loader, start=1):
            drawn.append(float(default_generator().uniform((1,))[0]))
            if number == stop:
                break
        return drawn, loader.state_dict()

    manual_seed(3)
    whole, _ = course(None, None)
    manual_seed(3)
    first, state = course(2, None)
    manual_seed(77)
    assert first + course(None, state)[0] == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 4}, "the loader's batch_size is 3, but 4 in the state"),
        ({"examples": 11}, "the loader's examples is 10, but 11 in the state"),
        ({"shuffle": 0}, "the loader's shuffle is 1, but 0 in the state"),
        ({"drop_last": 1}, "the loader's drop_last is 0, but 1 in the state"),
        ({"given": 5}, "the loader's state is behind batch 5; a pass has 4"),
        ({"given": -1}, "the loader's state is behind batch -1"),
        (
            {"colour": 1},
            "a loader's state is batch_size, drop_last, epoch, examples, generator, given, order, shuffle, not ",
        ),
    ],
)
def test_the_state_of_another_loader_is_refused(change: dict[str, Any], message: str) -> None:
    loader = DataLoader(DATA, 3, shuffle=True, seed=1)
    before = loader.state_dict()
    with pytest.raises(CheckpointError, match=message):
        loader.load_state_dict(before | {"generator": Generator(9).get_state()} | change)
    assert all(np.array_equal(before[name], value) for name, value in loader.state_dict().items())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_an_optimiser_goes_on(momentum: float, tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)

    def steps(model: nn.Linear, optimizer: optim.SGD, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            functional.mse_loss(model(Tensor(images)), np.ones((8, 2), np.float32)).backward()
            optimizer.step()
            optimizer.lr = optimizer.lr.item() * 0.7

    def fresh(seed: int) -> tuple[nn.Linear, optim.SGD]:
        model = nn.Linear(3, 2, generator=Generator(seed))
        return model, optim.SGD(model.parameters(), lr=0.1, momentum=momentum)

    one, two = fresh(1), fresh(2)
    steps(*one, 3)
    checkpoint.save(tmp_path / "model", one[0].state_dict())
    checkpoint.save(tmp_path / "optimizer", one[1].state_dict())
    two[0].load_state_dict(checkpoint.load(tmp_path / "model"))
    two[1].load_state_dict(checkpoint.load(tmp_path / "optimizer"))
    steps(*one, 3)
    steps(*two, 3)
    for a, b in ((one[0].state_dict(), two[0].state_dict()), (one[1].state_dict(), two[1].state_dict())):
        assert [(name, np.asarray(value).tobytes()) for name, value in leaves(a)] == [
            (name, np.asarray(value).tobytes()) for name, value in leaves(b)
        ]


def test_momenta_begin_at_zero_whatever_the_weights_are() -> None:
    model = nn.Linear(2, 2)
    model.weight.assign(np.array([[np.nan, np.inf], [0, 1]], np.float32))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    assert optimizer.state_dict()["state"][0]["momentum_buffer"].tolist() == [[0, 0], [0, 0]]
