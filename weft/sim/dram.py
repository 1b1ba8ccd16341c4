"""The DRAM model of docs/timing.md behind an AXI port, cycle by cycle: for test benches and Amaranth's simulator."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.isa.machine import Machine

OKAY, SLAVE_ERROR = 0, 2
"""AXI responses."""


@dataclass(frozen=True)
class ReadBeat:
    """What the read channel shows: ``data`` is the beat, its first byte lowest."""

    id: int
    data: int
    response: int
    last: bool


@dataclass
class _Burst:
    id: int
    address: int
    beats: int
    begin: int
    end: int
    moved: int = 0
    error: bool = False


class DramModel:
    """Serves bursts in order of acceptance from ``memory`` (bytes, changed in place).

    In each cycle: look at :meth:`read_beat` and :meth:`write_response`; say :meth:`read_taken` and
    :meth:`response_taken` if the core takes them; then give it what the core puts on its channels, reads first.
    Addresses outside of ``memory`` answer with an error.
    """

    def __init__(self, machine: Machine, memory: npt.NDArray[np.uint8]) -> None:
        self.machine, self.memory = machine, memory
        self._free = 0
        self._reads: deque[_Burst] = deque()
        self._writes: deque[_Burst] = deque()

    @property
    def idle(self) -> bool:
        """Whether no burst is being served."""
        return not self._reads and not self._writes

    @property
    def lacks_data(self) -> bool:
        """Whether a write has been accepted whose beats have not all come."""
        return any(burst.moved < burst.beats for burst in self._writes)

    def _serve(self, id: int, address: int, beats: int, cycle: int) -> _Burst:
        begin = max(cycle + self.machine.dram.latency, self._free)
        self._free = begin + beats * self.machine.dram.beat_cycles
        return _Burst(id, address, beats, begin, self._free)

    def _inside(self, address: int) -> bool:
        return address + self.machine.bus.bytes <= len(self.memory)

    def read_beat(self, cycle: int) -> ReadBeat | None:
        """The beat on the read channel in ``cycle``."""
        if not self._reads:
            return None
        burst = self._reads[0]
        if cycle < burst.begin + burst.moved * self.machine.dram.beat_cycles:
            return None
        size = self.machine.bus.bytes
        address = burst.address + burst.moved * size
        last = burst.moved + 1 == burst.beats
        if not self._inside(address):
            return ReadBeat(burst.id, 0, SLAVE_ERROR, last)
        data = int.from_bytes(self.memory[address : address + size].tobytes(), "little")
        return ReadBeat(burst.id, data, OKAY, last)

    def read_taken(self) -> None:
        """The beat on the read channel is taken."""
        burst = self._reads[0]
        burst.moved += 1
        if burst.moved == burst.beats:
            self._reads.popleft()

    def write_response(self, cycle: int) -> int | None:
        """The response on the write response channel in ``cycle``."""
        if not self._writes:
            return None
        burst = self._writes[0]
        if burst.moved < burst.beats or cycle < burst.end:
            return None
        return SLAVE_ERROR if burst.error else OKAY

    def response_taken(self) -> None:
        """The write response is taken."""
        self._writes.popleft()

    def accept_read(self, cycle: int, id: int, address: int, beats: int) -> None:
        """A read address is accepted."""
        self._reads.append(self._serve(id, address, beats, cycle))

    def accept_write(self, cycle: int, address: int, beats: int) -> None:
        """A write address is accepted; its beats come in the same cycle or later."""
        self._writes.append(self._serve(0, address, beats, cycle))

    def write_beat(self, data: int, strobe: int) -> None:
        """The next beat of the oldest write that still lacks some; only bytes of ``strobe`` are written."""
        burst = next(burst for burst in self._writes if burst.moved < burst.beats)
        size = self.machine.bus.bytes
        address = burst.address + burst.moved * size
        burst.moved += 1
        if not self._inside(address):
            burst.error = True
            return
        content = data.to_bytes(size, "little")
        for i in range(size):
            if strobe >> i & 1:
                self.memory[address + i] = content[i]
