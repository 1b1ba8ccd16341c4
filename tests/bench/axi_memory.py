"""An AXI4 memory for cocotb benches that holds every channel back at random and checks the protocol."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge


class AxiMemory:
    """Serves the core's master port from ``data``; every channel stalls with probability ``stall``.

    Reads of the two identifiers may overtake each other (each stays in order), as AXI allows. ``run`` raises
    AssertionError for a protocol violation: a valid signal that falls, a payload that changes while it waits, a burst
    over a 4 KiB boundary, an access outside of ``data``, a misplaced ``wlast``.
    """

    def __init__(self, dut: Any, data: bytearray, rng: random.Random, stall: float) -> None:
        self.dut, self.data, self.rng, self.stall = dut, data, rng, stall
        self.width = len(dut.m_axi_wstrb)
        self.reads: dict[int, deque[tuple[int, int]]] = {0: deque(), 1: deque()}  # id → (address, beats left)
        self.write_addresses: deque[tuple[int, int]] = deque()
        self.write_beats: deque[tuple[int, int, int]] = deque()  # data, strobe, last
        self.responses = 0
        self.beat = 0
        self._held: dict[str, tuple[int, ...]] = {}

    def _go(self) -> bool:
        return self.rng.random() >= self.stall

    def _stable(self, channel: str, valid: int, ready: int, payload: tuple[int, ...]) -> None:
        """AXI: once valid, a master keeps valid and payload until ready."""
        waiting = self._held.get(channel)
        if waiting is not None:
            assert valid, f"{channel}valid fell before {channel}ready"
            assert payload == waiting, f"{channel} payload changed while it waited"
        self._held.pop(channel, None)
        if valid and not ready:
            self._held[channel] = payload

    def _address(self, channel: str, address: int, length: int) -> tuple[int, int]:
        beats = length + 1
        size = beats * self.width
        assert address // 4096 == (address + size - 1) // 4096, f"{channel}: a burst crosses a 4 KiB boundary"
        assert address + size <= len(self.data), f"{channel}: {address:#x} is outside of the memory"
        assert address % self.width == 0, f"{channel}: {address:#x} is not on a beat boundary"
        return address, beats

    def _commit_write(self) -> None:
        while self.write_addresses and self.write_beats:
            address, beats = self.write_addresses[0]
            value, strobe, last = self.write_beats.popleft()
            for i in range(self.width):
                if strobe >> i & 1:
                    self.data[address + self.beat * self.width + i] = value >> (8 * i) & 0xFF
            self.beat += 1
            assert bool(last) == (self.beat == beats), "wlast is not on the last beat"
            if self.beat == beats:
                self.beat = 0
                self.write_addresses.popleft()
                self.responses += 1

    async def run(self) -> None:
        """Serve for ever (start it as a task)."""
        dut = self.dut
        for name in ("m_axi_rvalid", "m_axi_bvalid", "m_axi_arready", "m_axi_awready", "m_axi_wready"):
            getattr(dut, name).value = 0
        showing_read: int | None = None
        showing_response = False
        while True:
            await RisingEdge(dut.clk)
            # Drive this cycle: what is offered stays until it is taken.
            arready, awready, wready = self._go(), self._go(), self._go()
            dut.m_axi_arready.value, dut.m_axi_awready.value, dut.m_axi_wready.value = arready, awready, wready
            if showing_read is None:
                waiting = [i for i, queue in self.reads.items() if queue]
                if waiting and self._go():
                    showing_read = self.rng.choice(waiting)
                    address, beats = self.reads[showing_read][0]
                    word = int.from_bytes(self.data[address : address + self.width], "little")
                    dut.m_axi_rid.value, dut.m_axi_rdata.value = showing_read, word
                    dut.m_axi_rlast.value, dut.m_axi_rresp.value = beats == 1, 0
            if not showing_response and self.responses and self._go():
                showing_response = True
                dut.m_axi_bresp.value = 0
            dut.m_axi_rvalid.value = showing_read is not None
            dut.m_axi_bvalid.value = showing_response
            await ReadOnly()
            ar = (int(dut.m_axi_araddr.value), int(dut.m_axi_arlen.value), int(dut.m_axi_arid.value))
            aw = (int(dut.m_axi_awaddr.value), int(dut.m_axi_awlen.value))
            w = (int(dut.m_axi_wdata.value), int(dut.m_axi_wstrb.value), int(dut.m_axi_wlast.value))
            arvalid, awvalid, wvalid = (int(getattr(dut, f"m_axi_{c}valid").value) for c in ("ar", "aw", "w"))
            self._stable("ar", arvalid, arready, ar)
            self._stable("aw", awvalid, awready, aw)
            self._stable("w", wvalid, wready, w)
            if showing_read is not None and int(dut.m_axi_rready.value):
                address, beats = self.reads[showing_read].popleft()
                if beats > 1:
                    self.reads[showing_read].appendleft((address + self.width, beats - 1))
                showing_read = None
            if showing_response and int(dut.m_axi_bready.value):
                self.responses -= 1
                showing_response = False
            if arvalid and arready:
                self.reads[ar[2]].append(self._address("ar", ar[0], ar[1]))
            if awvalid and awready:
                self.write_addresses.append(self._address("aw", aw[0], aw[1]))
            if wvalid and wready:
                self.write_beats.append(w)
            self._commit_write()

    def assert_empty(self) -> None:
        """At the end nothing may be left on the way."""
        assert not any(self.reads.values()), "reads left unanswered"
        assert not self.write_addresses, "write addresses without data"
        assert not self.write_beats, "write data without an address"
        assert not self.responses, "responses not taken"


class AxiLite:
    """Drives the core's control port, holding off at random."""

    def __init__(self, dut: Any, rng: random.Random) -> None:
        self.dut, self.rng = dut, rng
        for name in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
            getattr(dut, f"s_axil_{name}").value = 0

    async def write(self, address: int, value: int) -> None:
        """Write one register; address and data are offered at different times."""
        dut = self.dut
        late = self.rng.choice(("aw", "w"))
        pending = {"aw", "w"}
        offered: set[str] = set()
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, value, 15
        while pending:
            await RisingEdge(dut.clk)
            for channel in pending - offered:
                if channel != late or self.rng.random() < 0.5:
                    offered.add(channel)
            for channel in ("aw", "w"):
                getattr(dut, f"s_axil_{channel}valid").value = channel in pending and channel in offered
            await ReadOnly()
            for channel in tuple(pending & offered):
                if int(getattr(dut, f"s_axil_{channel}ready").value):
                    pending.discard(channel)
        await RisingEdge(dut.clk)
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        dut.s_axil_bready.value = 1
        await ReadOnly()
        while not int(dut.s_axil_bvalid.value):
            await RisingEdge(dut.clk)
            await ReadOnly()
        assert int(dut.s_axil_bresp.value) == 0
        await RisingEdge(dut.clk)
        dut.s_axil_bready.value = 0

    async def read(self, address: int) -> int:
        """Read one register."""
        dut = self.dut
        await RisingEdge(dut.clk)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = address, 1
        await ReadOnly()
        while not int(dut.s_axil_arready.value):
            await RisingEdge(dut.clk)
            await ReadOnly()
        await RisingEdge(dut.clk)
        dut.s_axil_arvalid.value = 0
        for _ in range(self.rng.randrange(3)):
            await RisingEdge(dut.clk)
        dut.s_axil_rready.value = 1
        await ReadOnly()
        while not int(dut.s_axil_rvalid.value):
            await RisingEdge(dut.clk)
            await ReadOnly()
        value = int(dut.s_axil_rdata.value)
        await RisingEdge(dut.clk)
        dut.s_axil_rready.value = 0
        return value
