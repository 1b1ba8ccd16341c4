"""Who touched which bytes last: for every unit the latest task that read or wrote each granule of each memory.

A granule is an accumulator row, a scratchpad word or some beats of DRAM. Judging by granules can only put tasks into an
order that they did not need.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from weft.compiler.targets.accel.tasks import Region, Task
from weft.isa.access import Access
from weft.isa.elements import ACCUMULATOR, DRAM, SCRATCHPAD
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine

_DRAM_GRANULES = 1 << 16
NUMBER = {unit: number for number, unit in enumerate(UNITS)}

Cells = slice | npt.NDArray[np.int64]


class LastAccesses:
    """Latest readers and writers, as indices of tasks (-1: none), for the memories that ``tasks`` touch."""

    def __init__(self, machine: Machine, tasks: Sequence[Task]) -> None:
        ends = {ACCUMULATOR: machine.accumulator.bytes, SCRATCHPAD: machine.scratchpad.bytes, DRAM: 1}
        for task in tasks:
            for region in task.regions:
                if region.access.memory == DRAM:
                    ends[DRAM] = max(ends[DRAM], region.access.high)
        coarse = max(machine.bus.bytes, 1 << (ends[DRAM] // _DRAM_GRANULES).bit_length())
        self._granule = {
            ACCUMULATOR: machine.row_bytes, SCRATCHPAD: min(machine.word_bytes, machine.bus.bytes), DRAM: coarse,
        }  # fmt: skip
        # One row for each unit's writes, then one for each unit's reads.
        self._last = {
            memory: np.full((2 * len(UNITS), end // self._granule[memory] + 2), -1, np.int64)
            for memory, end in ends.items()
        }
        self._found: dict[int, Cells] = {}

    def _cells(self, region: Region) -> Cells:
        cells = self._found.get(id(region))
        if cells is None:
            cells = self._found[id(region)] = self._granules(region.access)
        return cells

    def _granules(self, access: Access) -> Cells:
        granule = self._granule[access.memory]
        if not access.levels or all(stride <= granule for _, stride in access.levels):
            return slice(access.low // granule, (access.high - 1) // granule + 1)
        first = access.starts // granule
        last = (access.starts + access.size - 1) // granule
        most = int((last - first).max()) + 1
        cells: npt.NDArray[np.int64] = np.minimum(first[:, None] + np.arange(most), last[:, None]).ravel()
        return cells

    def latest(self, task: Task) -> npt.NDArray[np.int64]:
        """For each unit the latest noted task that must come before ``task`` (-1: none)."""
        found = np.full(len(UNITS), -1, np.int64)
        for region in task.regions:
            table = self._last[region.access.memory]
            if region.write:
                touched = table[:, self._cells(region)].max(axis=1).reshape(2, -1).max(axis=0)
            else:
                touched = table[: len(UNITS), self._cells(region)].max(axis=1)
            np.maximum(found, touched, out=found)
        return found

    def note(self, task: Task, index: int) -> None:
        """Record what ``task`` touches; ``index`` grows from call to call."""
        row = NUMBER[task.unit]
        for region in task.regions:
            at = row if region.write else row + len(UNITS)
            self._last[region.access.memory][at, self._cells(region)] = index
