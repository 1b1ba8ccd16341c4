"""Orders of samples: torch's lengths and rules, the right frequencies, and a position that is gone on from."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.framework import checkpoint, data
from weft.framework.errors import CheckpointError, FrameworkError
from weft.framework.random import Generator, manual_seed
from weft.framework.tensor import tensor

UNCHECKED: Any = data
MAKE: dict[str, Callable[[Generator], Any]] = {
    "sequential": lambda g: data.SequentialSampler(range(7)),
    "random": lambda g: data.RandomSampler(range(7), generator=g),
    "longer": lambda g: data.RandomSampler(range(7), num_samples=17, generator=g),
    "shorter": lambda g: data.RandomSampler(range(7), num_samples=3, generator=g),
    "replacement": lambda g: data.RandomSampler(range(7), replacement=True, num_samples=9, generator=g),
    "subset": lambda g: data.SubsetRandomSampler([4, 2, 9, 9], generator=g),
    "weighted": lambda g: data.WeightedRandomSampler([1, 2, 0, 4], 9, generator=g),
    "weighted once": lambda g: data.WeightedRandomSampler([1, 2, 0, 4, 5], 4, replacement=False, generator=g),
    "batches": lambda g: data.BatchSampler(data.RandomSampler(range(7), generator=g), 3, False),
    "whole batches": lambda g: data.BatchSampler(data.RandomSampler(range(7), generator=g), 3, True),
}


def everything(found: Any) -> list[Any]:
    """What a sampler gives, without its order."""
    return sorted(index for one in found for index in (one if isinstance(one, list) else [one]))


@pytest.mark.parametrize("name", MAKE)
def test_what_is_given_is_what_torch_gives(name: str) -> None:
    """As often, with the same lengths; the order is another generator's."""
    torch = pytest.importorskip("torch")
    t = torch.utils.data
    theirs = {
        "sequential": t.SequentialSampler(range(7)),
        "random": t.RandomSampler(range(7)),
        "longer": t.RandomSampler(range(7), num_samples=17),
        "shorter": t.RandomSampler(range(7), num_samples=3),
        "replacement": t.RandomSampler(range(7), replacement=True, num_samples=9),
        "subset": t.SubsetRandomSampler([4, 2, 9, 9]),
        "weighted": t.WeightedRandomSampler([1, 2, 0, 4], 9),
        "weighted once": t.WeightedRandomSampler([1, 2, 0, 4, 5], 4, replacement=False),
        "batches": t.BatchSampler(t.RandomSampler(range(7)), 3, False),
        "whole batches": t.BatchSampler(t.RandomSampler(range(7)), 3, True),
    }[name]
    ours = MAKE[name](Generator(1))
    assert len(ours) == len(theirs)
    for _ in range(3):
        mine, other = list(ours), list(theirs)
        assert [type(one) for one in mine] == [type(one) for one in other]
        assert list(map(np.shape, mine)) == list(map(np.shape, other))
        if name in ("sequential", "random", "subset", "batches"):
            assert everything(mine) == everything(other)
        if name == "longer":
            assert sorted(Counter(mine).values()) == sorted(Counter(other).values())
        if name == "weighted once":
            assert everything(mine) == everything(other) == [0, 1, 3, 4]
        assert 2 not in mine or not name.startswith("weighted")


@pytest.mark.parametrize("name", MAKE)
def test_a_sampler_goes_on_behind_any_index(name: str, tmp_path: Path) -> None:
    def through(sampler: Any, passes: int) -> Iterator[Any]:
        for _ in range(passes):
            yield from sampler

    whole = list(through(MAKE[name](Generator(5)), 3))
    for stop in range(1, len(whole) + 1):
        first = MAKE[name](Generator(5))
        begun = list(itertools.islice(through(first, 3), stop))
        checkpoint.save(tmp_path / "f", first.state_dict())
        second = MAKE[name](Generator(77))
        second.load_state_dict(checkpoint.load(tmp_path / "f"))
        assert (begun + list(through(second, 3)))[: len(whole)] == whole, stop


def test_the_default_generator_is_drawn_from_once_an_epoch() -> None:
    """When an epoch begins, so that reading ahead changes nothing."""
    generator = manual_seed(3)
    sampler = iter(data.RandomSampler(range(100)))
    next(sampler)
    draws = generator.draws
    list(sampler)
    assert generator.draws == draws > 0


def chi_square(found: list[int], shares: list[float]) -> float:
    """Pearson's statistic."""
    expected = np.array(shares) / sum(shares) * len(found)
    counted = np.bincount(found, minlength=len(shares))
    held = expected > 0
    assert not counted[~held].any()
    return float((((counted - expected)[held]) ** 2 / expected[held]).sum())


def test_frequencies() -> None:
    weights = [1.0, 0.0, 2.0, 4.0, 0.5]
    drawn = list(data.WeightedRandomSampler(weights, 20_000, generator=Generator(1)))
    assert chi_square(drawn, weights) < 16.3  # 3 degrees of freedom, p = 0.001
    assert chi_square(list(data.RandomSampler(range(5), True, 20_000, Generator(2))), [1] * 5) < 18.5
    assert chi_square(drawn, [1.0, 0.0, 2.0, 4.0, 1.0]) > 16.3, "the measure sees a weight that is another"


def test_without_replacement_the_second_draw_has_the_weights_that_are_left() -> None:
    """P(first = a, second = b) = w_a / W · w_b / (W - w_a)."""
    weights, generator, pairs = [1.0, 2.0, 3.0], Generator(3), Counter[tuple[int, ...]]()
    sampler = data.WeightedRandomSampler(weights, 2, replacement=False, generator=generator)
    for _ in range(6000):
        pairs[tuple(sampler)] += 1
    wanted = {(a, b): weights[a] / 6 * weights[b] / (6 - weights[a]) for a in range(3) for b in range(3) if a != b}
    statistic = sum((pairs[pair] - 6000 * share) ** 2 / (6000 * share) for pair, share in wanted.items())
    assert sum(pairs.values()) == sum(pairs[pair] for pair in wanted)
    assert statistic < 20.5  # 5 degrees of freedom, p = 0.001


def test_weights_as_tensors_and_indices_as_arrays() -> None:
    assert set(data.WeightedRandomSampler(tensor([0.0, 1.0]), 3)) == {1}
    assert sorted(data.SubsetRandomSampler(np.array([3, 1]))) == [1, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UNCHECKED.RandomSampler(5), "a int has no length, which is needed here"),
        (lambda: UNCHECKED.RandomSampler([1], num_samples=0), "num_samples is at least 1 and at most .*; it is 0"),
        (lambda: UNCHECKED.RandomSampler([1], num_samples=1.5), r"num_samples is an integer, not 1\.5"),
        (lambda: UNCHECKED.RandomSampler([1], replacement="no"), "replacement is True or False, not a str"),
        (lambda: UNCHECKED.RandomSampler([1], generator=3), r"generator is a weft.Generator or None, not a int"),
        (
            lambda: list(data.RandomSampler([], num_samples=2)),
            "2 samples cannot be drawn from a data set that has none",
        ),
        (lambda: UNCHECKED.SubsetRandomSampler([0.5]), "indices are a list of integers, not a list"),
        (
            lambda: data.WeightedRandomSampler([1, -1], 2),
            "weights are finite and not negative, and one of them at least",
        ),
        (lambda: data.WeightedRandomSampler([0, 0], 2), "one of them at least is above 0"),
        (lambda: data.WeightedRandomSampler([1, float("nan")], 2), "weights are finite"),
        (lambda: UNCHECKED.WeightedRandomSampler([[1]], 2), "weights are a list of numbers, one for each sample"),
        (lambda: data.WeightedRandomSampler([1, 0], 2, False), "2 samples cannot .* from 1 with a weight above 0"),
        (lambda: data.BatchSampler([1], 0), "batch_size is at least 1"),
        (lambda: UNCHECKED.BatchSampler(3, 1), "a BatchSampler takes a sampler, not a int"),
        (lambda: UNCHECKED.BatchSampler([1], 1, "x"), "drop_last is True or False, not a str"),
        (lambda: data.BatchSampler([1], 1).state_dict(), r"a list has no state_dict\(\), so its batches have none"),
        (lambda: iter(UNCHECKED.Sampler()), r"Sampler has no __iter__\(\); define which indices it gives"),
    ],
)
def test_what_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_samplers.py:\d+: .*{message}"):
        call()


def test_the_state_of_another_sampler_is_refused() -> None:
    one, other = data.RandomSampler(range(5)), data.RandomSampler(range(6))
    with pytest.raises(CheckpointError, match="a RandomSampler of 5 samples cannot take the state of one of 6"):
        one.load_state_dict(other.state_dict())
    with pytest.raises(
        CheckpointError, match="a RandomSampler's state is epoch, generator, given, order, samples, not x"
    ):
        one.load_state_dict({"x": 1})
    with pytest.raises(CheckpointError, match="a RandomSampler's state is behind index 9; a pass has 5"):
        one.load_state_dict(one.state_dict() | {"given": 9})
    with pytest.raises(CheckpointError, match="a RandomSampler's given is an integer, not list"):
        one.load_state_dict(one.state_dict() | {"given": [1]})
    with pytest.raises(CheckpointError, match=r"a RandomSampler's state: .*a generator's state is what get_state"):
        one.load_state_dict(one.state_dict() | {"order": 1})


def test_a_generator_has_a_state_by_name() -> None:
    one, two = Generator(4), Generator(5)
    one.bits(3)
    two.load_state_dict(one.state_dict())
    assert one.bits(3).tolist() == two.bits(3).tolist()
    with pytest.raises(CheckpointError, match=r"a generator's state_dict\(\) holds state, not seed"):
        two.load_state_dict({"seed": 3})
    with pytest.raises(CheckpointError, match=r"a generator's state is what get_state\(\) gave"):
        two.load_state_dict({"state": 3})
