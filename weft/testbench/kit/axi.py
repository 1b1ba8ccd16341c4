"""An AXI4 memory and an AXI4-Lite driver for cocotb: every channel is held back at random, the protocol is checked.

A simulator with four states shows X for what nothing has driven yet. Where AXI gives a signal a meaning, an X is an
error that names the signal; elsewhere (a payload without its valid, a byte without its strobe) it is let pass.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge

INCREMENTING = 1
"""AXI burst type."""
INPUTS = ("arready", "awready", "wready", "rvalid", "rid", "rdata", "rresp", "rlast", "bvalid", "bid", "bresp")
"""What a memory drives, without the prefix of the port."""
PAGE = 4096
"""Bytes; no burst crosses a multiple of it."""


def known(signal: Any) -> int:
    """The value of a signal that has to have one. Raises AssertionError for X and Z."""
    try:
        return int(signal.value)
    except ValueError:
        raise AssertionError(f"{signal._name} is {signal.value} where it has a meaning") from None


class AxiMemory:
    """Serves the core's master port from ``data``; every channel stalls with probability ``stall`` (0 to below 1).

    Reads of different identifiers may overtake each other (each stays in order), as AXI allows. The bus is as wide as
    the core's. ``run`` raises AssertionError for a protocol violation: a valid signal that falls, a payload that
    changes while it waits, a burst that crosses 4 KiB, is not of full beats or leaves ``data``, a misplaced ``wlast``.
    """

    def __init__(self, dut: Any, data: bytearray, rng: random.Random, stall: float) -> None:
        self.dut, self.data, self.rng, self.stall = dut, data, rng, stall
        self.width = len(dut.m_axi_wdata) // 8  # bytes a beat
        self.reads: dict[int, deque[tuple[int, int]]] = {}  # identifier → (address, beats left)
        self.write_addresses: deque[tuple[int, int]] = deque()  # (address, beats)
        self.write_beats: deque[tuple[bytes, int, int]] = deque()  # data, strobe, last
        self.responses = 0
        self.beat = 0  # of the burst that is being written
        self._reading: int | None = None  # the identifier on the read channel
        self._answering = False
        self._held: dict[str, tuple[Any, ...]] = {}
        for name in INPUTS:
            self._signal(name).value = 0

    async def run(self) -> None:
        """Serve for ever (start it as a task when the reset is over)."""
        while True:
            await RisingEdge(self.dut.clk)
            ready = {channel: self._go() for channel in ("ar", "aw", "w")}
            for channel, able in ready.items():
                self._signal(f"{channel}ready").value = able
            self._offer()
            await ReadOnly()
            self._take_answers()
            taken = {channel: self._taken(channel, able) for channel, able in ready.items()}
            if (address := taken["ar"]) is not None:
                self.reads.setdefault(address[2], deque()).append(self._burst("ar", *address))
            if (address := taken["aw"]) is not None:
                self.write_addresses.append(self._burst("aw", *address))
            if (beat := taken["w"]) is not None:
                self.write_beats.append(beat)
            self._write()

    def assert_empty(self) -> None:
        """At the end nothing may be left on the way."""
        assert not any(self.reads.values()), "reads left unanswered"
        assert not self.write_addresses, "write addresses without data"
        assert not self.write_beats, "write data without an address"
        assert not self.responses, "responses not taken"

    def _signal(self, name: str) -> Any:
        return getattr(self.dut, f"m_axi_{name}")

    def _go(self) -> bool:
        return self.rng.random() >= self.stall

    def _offer(self) -> None:
        """Drive the answers of this cycle; what is offered stays until it is taken."""
        if self._reading is None:
            waiting = [identifier for identifier, bursts in self.reads.items() if bursts]
            if waiting and self._go():
                self._reading = self.rng.choice(waiting)
                address, beats = self.reads[self._reading][0]
                word = int.from_bytes(self.data[address : address + self.width], "little")
                for name, value in (("rid", self._reading), ("rdata", word), ("rlast", beats == 1)):
                    self._signal(name).value = value
        self._answering = self._answering or (self.responses > 0 and self._go())
        self._signal("rvalid").value = self._reading is not None
        self._signal("bvalid").value = self._answering

    def _take_answers(self) -> None:
        """Go on where the core took what was offered."""
        if self._reading is not None and known(self._signal("rready")):
            address, beats = self.reads[self._reading].popleft()
            if beats > 1:
                self.reads[self._reading].appendleft((address + self.width, beats - 1))
            self._reading = None
        if self._answering and known(self._signal("bready")):
            self.responses -= 1
            self._answering = False

    def _taken(self, channel: str, ready: bool) -> tuple[Any, ...] | None:
        """The payload that a channel transfers in this cycle.

        Once valid, a master keeps valid and payload until ready.
        """
        valid = known(self._signal(f"{channel}valid"))
        waiting = self._held.pop(channel, None)
        if not valid:
            assert waiting is None, f"{channel}valid fell before {channel}ready"
            return None
        payload = self._beat() if channel == "w" else self._address(channel)
        assert waiting in (None, payload), f"the payload of {channel} changed while it waited"
        if ready:
            return payload
        self._held[channel] = payload
        return None

    def _address(self, channel: str) -> tuple[int, ...]:
        return tuple(known(self._signal(channel + name)) for name in ("addr", "len", "id", "size", "burst"))

    def _beat(self) -> tuple[bytes, int, int]:
        """Data (zeros where the strobe is 0), strobe and last of the beat on the write channel."""
        signal, strobe, last = self._signal("wdata"), known(self._signal("wstrb")), known(self._signal("wlast"))
        bits = str(signal.value)  # the most significant first
        lanes = [bits[at - 8 : at] if strobe >> i & 1 else "0" for i, at in enumerate(range(len(bits), 0, -8))]
        try:
            return bytes(int(lane, 2) for lane in lanes), strobe, last
        except ValueError:
            raise AssertionError(f"{signal._name} is {bits} in bytes that are written (strobe {strobe:#x})") from None

    def _burst(self, channel: str, address: int, length: int, _: int, size: int, burst: int) -> tuple[int, int]:
        """(address, beats) of a burst that keeps to the protocol."""
        beats = length + 1
        last = address + beats * self.width - 1
        assert 1 << size == self.width, f"{channel}size is {size}: not the {self.width} bytes of a beat"
        assert burst == INCREMENTING, f"{channel}burst is {burst}: not incrementing"
        assert address % self.width == 0, f"{channel}: {address:#x} is not on a beat boundary"
        assert address // PAGE == last // PAGE, f"{channel}: the burst from {address:#x} to {last:#x} crosses 4 KiB"
        assert last < len(self.data), f"{channel}: {last:#x} is outside of the memory's {len(self.data):#x} bytes"
        return address, beats

    def _write(self) -> None:
        """Write the beats whose address is known; a burst that is complete gets a response."""
        while self.write_addresses and self.write_beats:
            address, beats = self.write_addresses[0]
            lanes, strobe, last = self.write_beats.popleft()
            for i in range(self.width):
                if strobe >> i & 1:
                    self.data[address + self.beat * self.width + i] = lanes[i]
            self.beat += 1
            assert bool(last) == (self.beat == beats), "wlast is not on the last beat"
            if last:
                self.beat = 0
                self.write_addresses.popleft()
                self.responses += 1


class AxiLite:
    """Drives the core's control port, holding off at random."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut, self.rng = dut, rng
        for name in ("awvalid", "awaddr", "wvalid", "wdata", "wstrb", "bready", "arvalid", "araddr", "rready"):
            self._signal(name).value = 0

    async def write(self, address: int, value: int) -> None:
        """Write one register; address and data are offered at different times."""
        late = self.rng.choice(("aw", "w"))
        pending = {"aw", "w"}
        offered: set[str] = set()
        for name, driven in (("awaddr", address), ("wdata", value), ("wstrb", 15)):
            self._signal(name).value = driven
        while pending:
            await RisingEdge(self.dut.clk)
            offered |= {channel for channel in sorted(pending) if channel != late or self.rng.random() < 0.5}
            for channel in ("aw", "w"):
                self._signal(f"{channel}valid").value = channel in pending & offered
            await ReadOnly()
            pending -= {channel for channel in pending & offered if known(self._signal(f"{channel}ready"))}
        await RisingEdge(self.dut.clk)
        self._signal("awvalid").value = 0
        self._signal("wvalid").value = 0
        await self._answer("b")
        assert known(self._signal("bresp")) == 0, f"writing register {address:#x} was answered with an error"
        await self._done("b")

    async def read(self, address: int) -> int:
        """Read one register."""
        await RisingEdge(self.dut.clk)
        self._signal("araddr").value, self._signal("arvalid").value = address, 1
        await ReadOnly()
        while not known(self._signal("arready")):
            await RisingEdge(self.dut.clk)
            await ReadOnly()
        await RisingEdge(self.dut.clk)
        self._signal("arvalid").value = 0
        await self._answer("r")
        value = known(self._signal("rdata"))
        assert known(self._signal("rresp")) == 0, f"reading register {address:#x} was answered with an error"
        await self._done("r")
        return value

    def _signal(self, name: str) -> Any:
        return getattr(self.dut, f"s_axil_{name}")

    async def _answer(self, channel: str) -> None:
        """Be ready after a while, and wait for the answer."""
        for _ in range(self.rng.randrange(3)):
            await RisingEdge(self.dut.clk)
        self._signal(f"{channel}ready").value = 1
        await ReadOnly()
        while not known(self._signal(f"{channel}valid")):
            await RisingEdge(self.dut.clk)
            await ReadOnly()

    async def _done(self, channel: str) -> None:
        await RisingEdge(self.dut.clk)
        self._signal(f"{channel}ready").value = 0
