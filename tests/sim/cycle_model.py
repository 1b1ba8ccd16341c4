"""A plain model of ``docs/timing.md`` that steps through every cycle: the oracle of the fast engine's timing.

It shares nothing with the engine but the instruction set. Each cycle reads the state as it was at its start; what
happens goes into lists that are applied at its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from weft.isa.encoding import Instruction
from weft.isa.instructions import ACCUMULATOR_BIT, UNITS
from weft.isa.program import Program
from weft.isa.vector_ops import BINARY, REDUCTIONS, SOURCES


@dataclass
class Executed:
    """One executed instruction: final address operands, and its times."""

    pc: int
    instruction: Instruction
    address: dict[str, int]
    dispatch: int
    start: int = -1
    retire: int = -1


@dataclass
class Burst:
    """A burst on its way through DRAM. ``last`` is set on the last of a line, load or store."""

    owner: str
    what: Executed | None  # None of a line
    beats: int
    last: bool
    accepted: int
    begin: int = -1


@dataclass
class Hold:
    """A claim on a port; ``until`` is None while nobody knows."""

    port: tuple[str, int, str]
    stream: str
    until: int | None
    owner: Executed | None = None


@dataclass
class Outcome:
    """What a run shows."""

    cycles: int
    trace: list[Executed]
    events: Counter[str]
    read_beats: int
    write_beats: int


@dataclass
class Model:
    """The machine's state at the start of cycle ``t``."""

    program: Program
    t: int = 0
    # fetch and dispatch
    fetched: int = 0
    lines_asked: int = 0
    reserved: int = 0
    arriving: list[int] = field(default_factory=list)
    pc: int = 0
    seen: int = 0
    loops: list[list[int]] = field(default_factory=list)
    halted: bool = False
    # units
    queue: dict[str, list[Executed]] = field(default_factory=lambda: {u: [] for u in UNITS})
    flying: dict[str, list[Executed]] = field(default_factory=lambda: {u: [] for u in UNITS})
    semaphores: list[int] = field(default_factory=lambda: [0] * 16)
    holds: list[Hold] = field(default_factory=list)
    last_tile: Executed | None = None
    picking: list[int] = field(default_factory=list)
    to_read: list[int] = field(default_factory=list)
    reading: list[int] = field(default_factory=list)  # beats left, beats of the burst
    filled: list[tuple[int, int]] = field(default_factory=list)  # cycle from which it can be sent, beats
    sending: int = 0
    buffers: int = 0
    # DRAM
    accepting: list[Burst] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    serving: Burst | None = None
    pushed: tuple[str, Executed] | None = None
    popped: list[str] = field(default_factory=list)
    # what is shown
    trace: list[Executed] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    read_beats: int = 0
    write_beats: int = 0

    def __post_init__(self) -> None:
        self.machine = self.program.machine
        self.per_line = self.machine.line_bytes // 64
        self.lines = len(self.program.code) // self.machine.line_bytes

    # -- closed forms, as the page has them

    def rows(self, i: Instruction) -> int:
        return i["count0"] * i["count1"] * i["count2"]

    def streamed(self, i: Instruction) -> int:
        rows = self.rows(i)
        while i["transpose_a"] and rows % self.machine.dim:
            rows += 1
        return rows

    def occupancy(self, i: Instruction) -> int:
        return max(self.streamed(i), self.machine.dim)

    def bank(self, address: int, kind: str) -> tuple[str, int, str]:
        if address & ACCUMULATOR_BIT:
            return ("accumulator", (address - ACCUMULATOR_BIT) // self.machine.accumulator.bank_bytes, kind)
        return ("scratchpad", address // self.machine.scratchpad.bank_bytes, kind)

    def operands_read(self, e: Executed) -> list[tuple[str, int, str]]:
        i = e.instruction
        pre, then = BINARY[i["pre"]].name, BINARY[i["then"]].name
        unused = {"x": pre == "second", "y": pre == "first", "z": then == "first"}
        memory = [o for o in "xyz" if SOURCES[i[o + "_source"]] in ("row", "scalar") and not unused[o]]
        return [self.bank(e.address[o], "read") for o in memory]

    def claims(self, e: Executed, s: int) -> list[Hold]:
        i, dim, pipe = e.instruction, self.machine.dim, self.machine.pipeline
        if i.name == "load":
            return [Hold(self.bank(e.address["local"], "write"), "load", None)]
        if i.name == "store":
            return [Hold(self.bank(e.address["local"], "read"), "store", None)]
        if i.name == "matmul":
            d = e.address["d"]
            holds = [
                Hold(self.bank(e.address["w"], "read"), "weights", s + dim),
                Hold(self.bank(e.address["a"], "read"), "rows", s + dim + self.streamed(i)),
                Hold(self.bank(d, "write"), "destination", self.retire(e, s)),
            ]
            if i["accumulate"]:
                holds.append(Hold(self.bank(d, "read"), "destination", s + 3 * dim + dim * pipe.mac + self.rows(i)))
            return holds
        n, q = self.slots(e), i["count0"] * i["count1"]
        holds = [Hold(port, "vector", s + q * n) for port in self.operands_read(e)]
        return [*holds, Hold(self.bank(e.address["d"], "write"), "vector", self.retire(e, s))]

    def slots(self, e: Executed) -> int:
        return max([1, *Counter(self.operands_read(e)).values()])

    def retire(self, e: Executed, s: int) -> int:
        i, dim, pipe = e.instruction, self.machine.dim, self.machine.pipeline
        if i.name == "matmul":
            return s + 3 * dim + dim * pipe.mac + self.rows(i) + pipe.accumulate + 1
        reduced = REDUCTIONS[i["reduce"]].name != "none"
        return s + 1 + i["count0"] * i["count1"] * self.slots(e) + pipe.vector + (pipe.reduce if reduced else 0)

    def hazard(self, e: Executed) -> int:
        """First cycle in which a tile may start as far as the accumulator rows of the one before go."""
        if self.last_tile is None:
            return 0
        a, b, depth = self.last_tile, e, self.machine.pipeline.accumulate
        if not b.instruction["accumulate"]:
            return a.start
        fields = ("d_stride0", "d_stride1", "d_stride2", "count0", "count1")
        same = a.address["d"] == b.address["d"] and all(a.instruction[f] == b.instruction[f] for f in fields)
        return a.start + (depth + 2 if same else self.rows(a.instruction) + depth + 1)

    def transfer(self, e: Executed) -> list[int]:
        """Beats of each burst, found beat by beat."""
        i, bus = e.instruction, self.machine.bus
        result = []
        for i2 in range(i["count2"]):
            for i1 in range(i["count1"]):
                for i0 in range(i["count0"]):
                    at = e.address["dram"] + i2 * i["dram_stride2"] + i1 * i["dram_stride1"] + i0 * i["dram_stride0"]
                    end, beats = at + i["bytes"], 0
                    while at < end:
                        if beats and (beats == bus.burst or at % 4096 == 0):
                            result.append(beats)
                            beats = 0
                        beats += 1
                        at += bus.bytes
                    result.append(beats)
        return result

    # -- one cycle

    def dram(self) -> None:
        """The channel in this cycle: beats, responses, the next burst."""
        t, cycles = self.t, self.machine.dram.beat_cycles
        self.bursts += sorted(self.accepting, key=lambda b: b.owner == "store")
        self.accepting = []
        now = self.serving
        if now and t == now.begin + now.beats * cycles:
            if now.what and now.owner == "store" and now.last:
                now.what.retire = t + 1
            now = None
        if now is None and self.bursts and t >= self.bursts[0].accepted + self.machine.dram.latency:
            now = self.bursts.pop(0)
            now.begin = t
        self.serving = now
        if now and now.owner != "store" and (t - now.begin) % cycles == 0:
            self.read_beats += 1
            if now.last and (t - now.begin) // cycles == now.beats - 1:
                if now.what is None:
                    self.arriving.append(t + 2)
                else:
                    now.what.retire = t + 1
                    for hold in self.holds:
                        if hold.stream == "load" and hold.until is None and hold.owner is now.what:
                            hold.until = t + 1

    def picks(self) -> str:
        """The read burst picked in this cycle; returns whether it was the load's last."""
        free = self.machine.queues.fetch - self.fetched - self.reserved
        if self.lines_asked < self.lines and free >= self.per_line:
            beats = self.machine.line_bytes // self.machine.bus.bytes
            self.accepting.append(Burst("fetch", None, beats, True, self.t + 1))
            self.lines_asked += 1
            self.new_reserved += self.per_line
        elif self.picking:
            beats = self.picking.pop(0)
            load = self.flying["load"][-1]
            self.accepting.append(Burst("load", load, beats, not self.picking, self.t + 1))
            return "" if self.picking else "last"
        return ""

    def store(self) -> None:
        """The two burst buffers of the store."""
        if self.sending:
            self.sending -= 1
            if not self.sending:
                self.buffers -= 1
        if not self.sending and self.filled and self.filled[0][0] <= self.t:
            _, self.sending = self.filled.pop(0)
            self.write_beats += self.sending
            last = not (self.filled or self.reading or self.to_read)
            self.accepting.append(Burst("store", self.flying["store"][-1], self.sending, last, self.t + 1))
        if not self.reading and self.to_read and self.buffers < 2:
            beats = self.to_read.pop(0)
            self.buffers += 1
            self.reading = [beats, beats]
        if self.reading:
            self.reading[0] -= 1
            if self.reading[0] == 0:
                self.filled.append((self.t + 2, self.reading[1]))
                self.reading = []
                if not self.to_read:
                    for hold in self.holds:
                        if hold.stream == "store" and hold.until is None:
                            hold.until = self.t

    def final(self, i: Instruction) -> dict[str, int]:
        """Address operands with the increments of the open loops."""
        names = {"load": ("dram", "local"), "store": ("dram", "local"), "matmul": "awd", "vector": "xyzd"}[i.name]
        index = [loop[2] for loop in self.loops] + [0] * (3 - len(self.loops))
        if i.name == "vector":
            return {o: i[o] + index[i[f"{o}_level"]] * i[f"{o}_inc"] for o in names}
        return {o: i[o] + sum(index[level] * i[f"{o}_inc{level}"] for level in range(3)) for o in names}

    def dispatch(self) -> str:
        """Dispatch at most one instruction; returns the event's cause."""
        fresh = self.pc == self.seen
        if fresh and self.fetched == 0:
            return "fetch"
        i = self.program.instructions[self.pc]
        unit = i.spec.unit
        if unit in UNITS and len(self.queue[unit]) >= getattr(self.machine.queues, unit):
            return f"{unit}_full"
        if i.name == "halt" and any(self.queue[u] or self.flying[u] for u in UNITS):
            return "drain"
        done = Executed(self.pc, i, self.final(i) if unit in UNITS else {}, self.t)
        self.trace.append(done)
        if fresh:
            self.taken = 1
            self.seen += 1
        self.pc += 1
        if unit in UNITS:
            self.pushed = (unit, done)
            return "busy"
        done.start = done.retire = self.t
        if i.name == "loop":
            self.loops.append([self.pc, i["count"] - 1, 0])
        elif i.name == "end":
            loop = self.loops[-1]
            if loop[1]:
                loop[1] -= 1
                loop[2] += 1
                self.pc = loop[0]
            else:
                self.loops.pop()
        else:
            self.halted = True
        return "busy"

    def cannot_start(self, unit: str) -> str:
        """Why the head of a queue does not start in this cycle ('' if it does)."""
        e = self.queue[unit][0]
        if any(e.instruction["wait"] >> s & 1 and self.semaphores[s] == 0 for s in range(16)):
            return "semaphore"
        for claim in self.claims(e, self.t):
            for hold in self.holds:
                if hold.port == claim.port and hold.stream != claim.stream:
                    return "port"
        if unit == "matrix" and self.t < self.hazard(e):
            return "hazard"
        if unit == "load" and len(self.flying["load"]) >= self.machine.queues.outstanding:
            return "outstanding"
        return ""

    def occupied(self, unit: str, was_picking: bool) -> bool:
        if unit == "load":
            return was_picking
        if unit == "matrix":
            tile = self.last_tile
            return tile is not None and self.t < tile.start + self.occupancy(tile.instruction)
        return bool(self.flying[unit])

    def units(self, was_picking: bool) -> None:
        """Starts and events."""
        for unit in ("matrix", "vector", "store", "load"):
            if self.occupied(unit, was_picking):
                cause = "busy"
            elif not self.queue[unit]:
                drains = unit in ("load", "matrix") and self.flying[unit]
                cause = "drain" if drains else "idle"
            else:
                cause = self.cannot_start(unit)
                if not cause:
                    self.start(unit)
                    cause = "busy"
            self.events[f"{unit}.{cause}"] += 1

    def start(self, unit: str) -> None:
        e = self.queue[unit][0]
        self.popped.append(unit)
        self.flying[unit].append(e)
        e.start = self.t
        for s in range(16):
            self.semaphores[s] -= e.instruction["wait"] >> s & 1
        for hold in self.claims(e, self.t):
            hold.owner = e
            self.holds.append(hold)
        if unit == "matrix":
            self.last_tile = e
        if unit in ("matrix", "vector"):
            e.retire = self.retire(e, self.t)
        if unit == "load":
            self.started_load = self.transfer(e)
        if unit == "store":
            self.started_store = self.transfer(e)

    def cycle(self) -> None:
        self.new_reserved, self.taken, self.pushed, self.popped = 0, 0, None, []
        self.started_load, self.started_store = [], []
        while self.arriving and self.arriving[0] == self.t:
            self.arriving.pop(0)
            self.fetched += self.per_line
            self.reserved -= self.per_line
        was_picking = bool(self.picking)
        self.picks()
        self.store()
        self.events[f"dispatch.{self.dispatch()}"] += 1
        self.units(was_picking)
        self.end()

    def end(self) -> None:
        """Everything that others see from the next cycle on."""
        self.t += 1
        self.dram()  # of the next cycle, so that a retirement is known before the cycle in which it happens ends
        self.reserved += self.new_reserved
        self.fetched -= self.taken
        for unit in self.popped:
            self.queue[unit].pop(0)
        if self.pushed:
            self.queue[self.pushed[0]].append(self.pushed[1])
        self.picking += self.started_load
        self.to_read += self.started_store
        self.holds = [hold for hold in self.holds if hold.until is None or hold.until >= self.t]
        for unit in UNITS:
            for e in [e for e in self.flying[unit] if e.retire == self.t - 1]:
                self.flying[unit].remove(e)
                for s in range(16):
                    self.semaphores[s] += e.instruction["post"] >> s & 1


def run(program: Program, max_cycles: int = 100_000) -> Outcome:
    """Step ``program`` to its halt. Raises TimeoutError after ``max_cycles``."""
    model = Model(program)
    while not model.halted:
        if model.t == max_cycles:
            raise TimeoutError(f"no halt within {max_cycles} cycles")
        model.cycle()
    return Outcome(model.t, model.trace, model.events, model.read_beats, model.write_beats)
