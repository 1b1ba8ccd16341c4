"""Given: a program written line by line, the three matrices in DRAM, and running the one on the other.

Nothing here has a hole. You need `Code.emit`, `Code.wait`, `Code.post`, `sp`, `acc`, `Matrix` and `Problem`; the rest
is for the checks and for looking at what you made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

import weft

SEMAPHORES = tuple(f"s{number}" for number in range(16))


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple of ``multiple`` that is at least ``value``."""
    return -(-value // multiple) * multiple


def sp(address: int) -> str:
    """A byte address in the scratchpad, as assembly text."""
    return f"sp[{address:#x}]"


def acc(address: int) -> str:
    """A byte address in the accumulator, as assembly text."""
    return f"acc[{address:#x}]"


class Code:
    """A program being written: every `emit` adds one line of assembly.

    `wait` is about the instruction that comes *next*, `post` about the one that came *last*:

        code.wait("s1")                 # the load below does not start before s1 is above 0, and takes 1 from it
        code.emit("load", ...)
        code.post("s0")                 # ... and adds 1 to s0 when it has retired
    """

    def __init__(self, machine: weft.Machine) -> None:
        self.machine = machine
        self._lines: list[dict[str, Any]] = []
        self._waits: list[str] = []

    def emit(self, name: str, **fields: int | str) -> None:
        """Add an instruction. Fields are those of docs/isa.md; those left out take their defaults.

        Raises ValueError for an instruction or a field that does not exist, or a value that does not fit its field.
        """
        for field, value in fields.items():
            if field in ("wait", "post"):
                raise ValueError(f"{name}: {field} is no field here: call code.{field}({value!r})")
            if isinstance(value, bool) or not (isinstance(value, str) or hasattr(value, "__index__")):
                raise ValueError(f"{name}: {field} = {value!r}: must be a whole number, or text such as 'yes' or sp(0)")
        try:
            weft.assemble(_line({"name": name, **fields}), "", self.machine)
        except weft.WeftError as error:
            raise ValueError(str(error).removeprefix(":1: ")) from None
        line: dict[str, Any] = {"name": name, **fields, "wait": self._waits, "post": []}
        self._lines.append(line)
        self._waits = []

    def wait(self, semaphore: str) -> None:
        """The next instruction starts only when ``semaphore`` is above 0, and takes 1 from it."""
        _known(semaphore)
        if semaphore in self._waits:
            raise ValueError(f"the next instruction waits for {semaphore} already")
        self._waits.append(semaphore)

    def post(self, semaphore: str) -> None:
        """The last instruction adds 1 to ``semaphore`` when it retires."""
        _known(semaphore)
        if not self._lines:
            raise ValueError(f"post({semaphore!r}) before the first instruction: there is none that could post it")
        if semaphore in self._lines[-1]["post"]:
            raise ValueError(f"the last instruction posts {semaphore} already")
        self._lines[-1]["post"].append(semaphore)

    def __len__(self) -> int:
        return len(self._lines)

    def text(self) -> str:
        """The assembly, `halt` included."""
        if self._waits:
            raise ValueError(f"wait({self._waits[0]!r}) has no instruction after it")
        return "\n".join([*(_line(fields) for fields in self._lines), "halt"])


def _known(semaphore: str) -> None:
    if semaphore not in SEMAPHORES:
        raise ValueError(f"no semaphore {semaphore!r}; there are {SEMAPHORES[0]!r} to {SEMAPHORES[-1]!r}")


def _line(fields: dict[str, Any]) -> str:
    words = [fields["name"]]
    for key, value in fields.items():
        if isinstance(value, list):
            value = ",".join(value)
        if key == "dram":
            value = f"{value:#x}"
        if key != "name" and value != "":
            words.append(f"{key}={value}")
    return " ".join(words)


@dataclass(frozen=True)
class Matrix:
    """A matrix in DRAM, row-major: element (i, j) lies at ``address + i * pitch + j * itemsize``.

    ``pitch``: bytes from one row to the next; a multiple of the bus width, so a little more than a row holds where
    the row does not fill its last beat.
    """

    name: str
    kind: str
    dtype: str
    rows: int
    columns: int
    address: int
    pitch: int

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return {"int8": 1, "int32": 4}[self.dtype]


def _end(matrix: Matrix) -> int:
    """The first multiple of 64 behind a matrix."""
    return round_up(matrix.address + matrix.rows * matrix.pitch, 64)


@dataclass(frozen=True)
class Problem:
    """C = A·B on a machine: ``a`` int8 [m, k], ``b`` int8 [k, n], ``c`` int32 [m, n], one after the other in DRAM."""

    machine: weft.Machine
    m: int
    n: int
    k: int

    @cached_property
    def a(self) -> Matrix:
        """A, at address 0."""
        return self._place("A", "input", "int8", self.m, self.k, 0)

    @cached_property
    def b(self) -> Matrix:
        """B, behind A."""
        return self._place("B", "input", "int8", self.k, self.n, _end(self.a))

    @cached_property
    def c(self) -> Matrix:
        """C, behind B."""
        return self._place("C", "output", "int32", self.m, self.n, _end(self.b))

    def _place(self, name: str, kind: str, dtype: str, rows: int, columns: int, address: int) -> Matrix:
        matrix = Matrix(name, kind, dtype, rows, columns, address, 0)
        return replace(matrix, pitch=round_up(columns * matrix.itemsize, self.machine.bus.bytes))

    def program(self, code: Code) -> Any:
        """The whole program: the matrices, then the code behind them."""
        buffers = [
            f".buffer {x.name} {x.kind} {x.dtype} {x.rows}x{x.columns} @{x.address:#x} pitch={x.pitch}"
            for x in (self.a, self.b, self.c)
        ]
        entry = round_up(_end(self.c), self.machine.line_bytes)
        return weft.assemble("\n".join([code.text(), *buffers, f".entry {entry:#x}"]), "listing", self.machine)


def explained(error: Exception, code: Code) -> str:
    """The message of the validator or the checker, and the instructions that it speaks of."""
    text, lines = str(error), code.text().splitlines()
    text = re.sub(r", from listing:\d+", "", text)  # the number of the instruction says it
    spoken = sorted({int(number) for number in re.findall(r"instruction (\d+) \(", text)})
    return "\n".join([text, *(f"  {number}: {lines[number]}" for number in spoken if number < len(lines))])


@dataclass(frozen=True)
class Result:
    """What a run gave: ``c`` int32 [m, n], simulated ``cycles``, beats read and written on the DRAM bus."""

    c: np.ndarray
    cycles: int
    read_beats: int
    write_beats: int
    run: Any
    program: Any


def run(problem: Problem, code: Code, a: np.ndarray, b: np.ndarray, engine: str = "fast") -> Result:
    """Run the program on ``a`` int8 [m, k] and ``b`` int8 [k, n].

    C holds a pattern before the run, so that elements which are never stored show. Raises weft.WeftError for a
    program that is not valid or never ends; it does not look for data races: that is `weft.check_program`.
    """
    program = problem.program(code)
    dram = program.image()
    c = program.buffer("C")
    dram[c.address : c.address + c.bytes] = 0x5A
    program.buffer("A").write(dram, a)
    program.buffer("B").write(dram, b)
    done = weft.get_engine(engine).run(program, dram)
    return Result(c.read(done.dram), done.cycles, done.read_beats, done.write_beats, done, program)


def timeline(result: Result, begin: int = 0, end: int | None = None, width: int = 100) -> str:
    """The three units over time, as text: how full of work each slice of cycles was (` ` none, `█` all of it).

    A load or store is at work from its start to its retirement, a matrix instruction while it streams its rows.
    """
    end = result.cycles if end is None else end
    instructions, trace = result.program.instructions, result.run.trace
    lines = [f"{'cycle':7}{begin:<{width // 2},}{end:>{width // 2},}"]
    for unit in ("load", "matrix", "store"):
        work = np.zeros(result.cycles + 1)
        for pc, start, retire in zip(trace.pc, trace.start, trace.retire, strict=True):
            instruction = instructions[pc]
            if instruction.spec.unit == unit:
                rows = instruction["count0"] * instruction["count1"] * instruction["count2"]
                stop = start + max(rows, result.program.machine.dim) if unit == "matrix" else retire + 1
                work[start:stop] = 1
        slices = np.array_split(work[begin:end], width)
        lines.append(f"{unit:7}" + "".join(" ░▒▓█"[round(4 * float(s.mean()))] if len(s) else " " for s in slices))
    return "\n".join(lines)
