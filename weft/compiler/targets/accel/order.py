"""The order of kernels: those whose results no other kernel reads run as soon as they can.

Such kernels, parameter updates above all, keep the bus busy and wait for nothing but their operands; early on, their
traffic falls into times in which the array works on values that are on chip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weft.compiler.targets.accel.kernel import TileKernel


def ordered(kernels: Sequence[TileKernel], updates: Mapping[int, int]) -> list[int]:
    """Kernel indices in their new order. ``updates``: value → the state it replaces, which kernels that come before its
    maker must still have read."""
    made_in = {value: k for k, kernel in enumerate(kernels) for value in kernel.outputs.values()}
    needs: list[set[int]] = []
    for k, kernel in enumerate(kernels):
        before = {made_in[v] for v in kernel.values if v in made_in}
        replaced = {updates[v] for v in kernel.outputs.values() if v in updates}
        before |= {j for j in range(k) if kernels[j].values & replaced}
        needs.append(before - {k})
    read = {v for kernel in kernels for v in kernel.values}
    last = [not (set(kernel.outputs.values()) & read) for kernel in kernels]
    result: list[int] = []
    done: set[int] = set()

    def run(k: int) -> None:
        result.append(k)
        done.add(k)

    for k in range(len(kernels)):
        if k in done:
            continue
        run(k)
        for j in range(k + 1, len(kernels)):
            if last[j] and j not in done and needs[j] <= done:
                run(j)
    return result
