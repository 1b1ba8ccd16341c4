"""Emission of tasks: loads, stores and vector passes over blocks that lie on chip."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from weft.compiler.targets.accel.live_ranges import LiveRanges
from weft.compiler.targets.accel.loops import Node
from weft.compiler.targets.accel.memory import Allocation, Arena
from weft.compiler.targets.accel.micro import COL, FULL, ONE, ROW
from weft.compiler.targets.accel.tasks import Task
from weft.isa.elements import ELEMENT
from weft.isa.encoding import make
from weft.isa.machine import Machine

_LONGEST_RUN = 1 << 16


@dataclass(frozen=True)
class Block:
    """A value's part on chip: elements of ``element`` type from local address ``address`` on.

    FULL: rows ``pitch`` bytes apart; other roles: packed. ``bank`` names memory and bank; ``imm`` replaces memory.
    """

    role: str
    element: str
    address: int
    pitch: int = 0
    bank: int = -1
    imm: int | None = None


@dataclass(frozen=True)
class TileExtent:
    """The part of a kernel's space that is being worked on."""

    row: int
    rows: int
    col: int
    cols: int


@dataclass
class TaskBuilder:
    """What kernels write into: the tasks so far, and the state of on-chip memory."""

    machine: Machine
    recent: int = 4
    accumulator: Arena = field(init=False)
    scratchpad: Arena = field(init=False)
    tasks: list[Task] = field(default_factory=list)
    lives: LiveRanges = field(default_factory=LiveRanges)
    label: str = ""
    op: int = 0
    _clock: int = 0

    def __post_init__(self) -> None:
        self.accumulator = Arena("accumulator", self.machine, self.recent)
        self.scratchpad = Arena("scratchpad", self.machine, self.recent)

    def arena(self, memory: str) -> Arena:
        """The memory called ``memory``."""
        return self.accumulator if memory == "accumulator" else self.scratchpad

    def allocate(
        self, memory: str, size: int, avoid: Collection[int] = (), newest: bool = False, name: str = ""
    ) -> Allocation:
        """Space on chip (see ``Arena.allocate``), called ``name`` in reports (or by the label); raises NoSpace."""
        space = self.arena(memory).allocate(size, avoid, newest)
        self.lives.begin(space, name or self.label, len(self.tasks))
        return space

    def reserve(self, bank: int, start: int, size: int, name: str) -> Allocation:
        """Exactly these bytes of a scratchpad bank, which must be free."""
        space = self.scratchpad.reserve(bank, start, size)
        self.lives.begin(space, name, len(self.tasks))
        return space

    def release(self, space: Allocation) -> None:
        """Give space back: whatever is emitted from now on may use it."""
        self._clock += 1
        self.arena(space.memory).release(space, self._clock)
        self.lives.end(space, len(self.tasks))

    @contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """Tasks emitted inside carry this label."""
        before, self.label = self.label, label
        yield
        self.label = before

    def task(self, *nodes: Node) -> None:
        """Append a task."""
        self.tasks.append(Task(self.machine, nodes, self.label, self.op))

    def transfer(
        self, name: str, local: int, local_pitch: int, dram: int, dram_pitch: int, rows: int, size: int
    ) -> None:
        """A ``load`` or ``store`` of ``rows`` rows of ``size`` bytes."""
        if rows > 1 and local_pitch == dram_pitch == size and rows * size <= _LONGEST_RUN:
            rows, size = 1, rows * size
        levels = {"count0": rows, "dram_stride0": dram_pitch, "local_stride0": local_pitch} if rows > 1 else {}
        self.task(make(name, self.label, dram=dram, local=local, bytes=size, **levels))

    def vector(
        self,
        operations: tuple[str, str, str, str],
        operands: dict[str, Block],
        target: tuple[str, int, int, int],
        count: tuple[int, int],
        lanes: int,
        over: str,
        first_block: int = 0,
    ) -> None:
        """One vector instruction: (pre, f, then, reduce), operands by letter, target (element, address, stride0,
        stride1), rows × blocks; operands are read from block ``first_block`` on."""
        pre, f, then, reduce = operations
        values: dict[str, int | str] = {}
        for letter, block in operands.items():
            values |= self._operand(letter, block, over, first_block)
        element, address, stride0, stride1 = target
        values |= {"d_type": element, "d": address, "d_stride0": stride0 if count[0] > 1 else 0}
        values["d_stride1"] = stride1 if count[1] > 1 else 0
        made = make(
            "vector", self.label, pre=pre, f=f, then=then, reduce=reduce,
            count0=count[0], count1=count[1], lanes=lanes, **values,
        )  # fmt: skip
        self.task(made)

    def _operand(self, letter: str, block: Block, over: str, first_block: int) -> dict[str, int | str]:
        if block.imm is not None:
            return {f"{letter}_source": "imm", "imm": block.imm}
        if block.element == "lane":
            return {f"{letter}_source": "lane"}
        size = ELEMENT[block.element].bytes
        step = self.machine.dim * size
        source, stride0, stride1 = {
            # (role of the pass, role of the operand): rows of a FULL pass are rows, blocks are blocks of columns;
            # packed values are one row of blocks.
            (FULL, FULL): ("row", block.pitch, step),
            (FULL, ROW): ("row", 0, step),
            (FULL, COL): ("scalar", size, 0),
        }.get((over, block.role), ("row", 0, step) if block.role != ONE and block.role == over else ("scalar", 0, 0))
        return {
            f"{letter}_source": source, f"{letter}_type": block.element,
            f"{letter}": block.address + first_block * stride1,
            f"{letter}_stride0": stride0, f"{letter}_stride1": stride1,
        }  # fmt: skip
