"""Compiled training steps on the hardware: fast engine, RTL and interpreter are equal in every cycle and every bit."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("amaranth", reason="needs Amaranth: pip install 'weftml[rtl]'")

from tests.compiler.accel.support import fast, image, sound
from tests.compiler.models import logistic_step, mlp_step, starting_values
from tests.sampling import sampled
from weft.base.errors import MissingToolError
from weft.compiler.targets.accel.compile import compile
from weft.isa.machine import Machine, load
from weft.sim.interp import InterpEngine
from weft.sim.rtl.engine import RtlEngine
from weft.sim.rtl.toolchain import find_toolchain
from weft.sim.verify import verify

pytestmark = pytest.mark.rtl


@pytest.fixture(scope="module")
def rtl() -> RtlEngine:
    """The RTL engine, or a skip with the reason."""
    try:
        find_toolchain()
    except MissingToolError as missing:
        pytest.skip(str(missing))
    return RtlEngine()


@pytest.mark.parametrize("chunk", sampled(range(10), 2))
def test_random_networks_are_equal_on_nano(rtl: RtlEngine, chunk: int) -> None:
    machine: Machine = load("nano")
    for seed in range(5 * chunk, 5 * chunk + 5):
        rng = random.Random(seed)
        widths = [rng.randint(1, 70) for _ in range(rng.randint(1, 4) + 1)]
        graph = mlp_step(widths, rng.randint(1, 65))
        program = sound(compile(graph, machine))
        result = verify(program, [fast(), rtl], image(program, starting_values(graph, seed)))
        assert result.equal, (seed, result.differences[:3])


def test_small_steps_are_equal_on_all_engines(rtl: RtlEngine) -> None:
    for seed, graph in enumerate((mlp_step([9, 7, 5], 6), mlp_step([3, 10], 1), logistic_step(13, 9))):
        program = sound(compile(graph, load("nano")))
        result = verify(program, [fast(), rtl, InterpEngine()], image(program, starting_values(graph, seed)))
        assert result.equal, (seed, result.differences[:3])
