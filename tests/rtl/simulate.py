"""Runs a test bench against a component in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from amaranth.sim import Simulator


def simulate(component: Any, bench: Callable[[Any], Awaitable[None]]) -> None:
    """Clock ``component`` until ``bench`` is done."""
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
