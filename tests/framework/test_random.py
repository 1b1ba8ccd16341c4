"""Threefry-2x32-20 against its published vectors, and what the generator promises."""

from __future__ import annotations

import numpy as np
import pytest

from weft.framework.device import use_device
from weft.framework.dtypes import bfloat16, float64, int32, int64
from weft.framework.errors import TraceError
from weft.framework.jit import jit
from weft.framework.primitives.bits import threefry2x32
from weft.framework.random import Generator, manual_seed, rand, randn
from weft.framework.sampling import randint
from weft.framework.tensor import Tensor, tensor


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # kat_vectors of Random123, threefry2x32 with 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(counter: tuple[int, int], key: tuple[int, int], words: tuple[int, int]) -> None:
    found = threefry2x32(key, np.array([counter[0]], np.uint32), np.array([counter[1]], np.uint32))
    assert (int(found[0][0]), int(found[1][0])) == words


def test_an_element_depends_on_seed_draw_and_position_alone() -> None:
    a, b = Generator(5), Generator(5)
    assert np.array_equal(a.bits(10), b.bits(100)[:10])
    assert not np.array_equal(a.bits(10), b.bits(10)[::-1])
    assert not np.array_equal(Generator(5).bits(10), Generator(6).bits(10))
    assert not np.array_equal(Generator(5).bits(10), Generator(5 + 2**32).bits(10))


def test_distributions() -> None:
    g = Generator(1)
    u = g.uniform((20_000,), -1, 3)
    assert -1 <= u.min() < -0.99
    assert 2.99 < u.max() < 3
    assert abs(float(u.mean()) - 1) < 0.03
    n = g.normal((20_000,))
    assert abs(float(n.mean())) < 0.03
    assert abs(float(n.std()) - 1) < 0.03
    assert sorted(g.permutation(100)) == list(range(100))


def test_default_generator_is_seeded() -> None:
    manual_seed(3)
    first = rand(2, 2).numpy(), randn(3).numpy()
    manual_seed(3)
    assert np.array_equal(first[0], rand((2, 2)).numpy())
    assert np.array_equal(first[1], randn(3).numpy())


def test_what_is_drawn_has_the_type_and_place_asked_for() -> None:
    drawn = rand(2, 3, dtype=float64, device="cpu", requires_grad=True), randn((4,), dtype="bfloat16", device="numpy")
    assert [(x.dtype, x.shape) for x in drawn] == [(float64, (2, 3)), (bfloat16, (4,))]
    assert [str(x.device).partition("(")[0] for x in drawn] == ["cpu", "numpy"]
    assert drawn[0].requires_grad
    assert drawn[0].is_leaf
    assert not drawn[1].requires_grad


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_whole_numbers_are_drawn_in_a_jitted_function_as_outside(device: str) -> None:
    outside, inside = Generator(5), Generator(5)

    @jit
    def draw() -> tuple[Tensor, Tensor]:
        numbers = randint(-3, 5, (40,), generator=inside, device=device)
        return numbers, randint(2**31, (3, 2), generator=inside, dtype=int64, device=device)

    for _ in range(2):
        small, large = draw()
        assert str(small.device).startswith(device)
        assert small.tolist() == randint(-3, 5, (40,), generator=outside).tolist()
        assert large.tolist() == randint(2**31, (3, 2), generator=outside, dtype=int64).tolist()
        assert (small.dtype, large.dtype) == (int32, int64)
        assert set(small.tolist()) == set(range(-3, 5))


GENERATOR = Generator(0)


def test_drawing_on_the_host_inside_a_jitted_function_is_refused() -> None:
    with pytest.raises(TraceError, match=r"test_random.py:\d+: these random numbers are drawn on the host"):
        jit(lambda x: x + tensor(GENERATOR.uniform((2,))))(tensor([1.0, 2.0]))


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_a_jitted_function_draws_what_would_be_drawn_outside(device: str) -> None:
    with use_device(device):
        outside, inside = Generator(2**40 + 7), Generator(2**40 + 7)
        start = np.array([2**40 + 7, 2**32 - 2], np.uint64).view(np.int64)  # the low word of the draws runs over
        for generator in (outside, inside):
            generator.set_state(start)

        @jit
        def draw() -> tuple[Tensor, Tensor, Tensor]:
            words, unit = inside.words((3, 5)), inside.rand((7,))
            return words, unit, inside.randn((4, 2))

        for _ in range(3):
            words, unit, normal = draw()
            assert words.tolist() == outside.words((3, 5)).tolist()
            assert unit.tolist() == outside.rand((7,)).tolist()
            np.testing.assert_allclose(normal.numpy(), outside.randn((4, 2)).numpy(), rtol=1e-6)
        assert (inside.draws, inside.seed) == (2**32 - 2 + 12, 2**40 + 7)
        assert inside.get_state().tolist() == outside.get_state().tolist()


def test_a_generator_is_not_seeded_in_a_jitted_function() -> None:
    generator = Generator(1)
    with pytest.raises(TraceError, match="a generator is seeded outside of a jitted function"):
        jit(lambda: generator.manual_seed(3).rand((2,)))()
    assert (generator.seed, generator.draws) == (1, 0)
