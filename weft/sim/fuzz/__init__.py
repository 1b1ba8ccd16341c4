"""Random programs straight against the instruction set: valid, free of deadlocks and races by construction."""

from __future__ import annotations

import random

import numpy as np

from weft.isa.encoding import make
from weft.isa.fields import LOOP_LEVELS
from weft.isa.machine import Machine
from weft.isa.program import Buffer, Program
from weft.sim.fuzz.data import KINDS, block
from weft.sim.fuzz.instructions import PAGE, AddressWindow, Author, FuzzLayout, Misfit
from weft.sim.fuzz.sync import Item, Leaf, RandomLoop, Shortage, Synchroniser, emit, leaf, leaves

NAMES = ("load", "matmul", "vector", "store")
_CODE_BYTES = 1 << 14  # room for the code
_REPEATS = 10  # most iterations of an instruction in all its loops


def _block_bytes(machine: Machine) -> int:
    return max(2048, 20 * machine.row_bytes)


def _layout(machine: Machine, code: int) -> FuzzLayout:
    size = _block_bytes(machine)
    start = -(-(code + _CODE_BYTES) // PAGE) * PAGE + PAGE * 3 // 4  # so that blocks lie over the borders of pages
    source = AddressWindow(start, len(KINDS), size, size, size)
    # The output's last beat belongs to the guards.
    target = AddressWindow(start + len(KINDS) * size, 1, 3 * size, 3 * size - machine.bus.bytes, size // 8)
    return FuzzLayout(machine, source, target, KINDS)


def _author(machine: Machine, rng: random.Random) -> Author:
    """An author and the program without code that it writes for."""
    entry = machine.line_bytes * rng.choice([0, 0, 1, 7])
    layout = _layout(machine, entry)
    numbers = np.random.default_rng(rng.getrandbits(32))
    size = layout.source.pitch
    content = np.concatenate([block(kind, size, numbers) for kind in layout.kinds])
    buffers = (
        Buffer("input", "input", "int8", (len(layout.kinds), size), layout.source.base, size),
        Buffer("output", "output", "int8", (1, layout.target.pitch), layout.target.base, layout.target.pitch),
    )
    stub = Program(machine, (make("halt"),), entry, buffers, {layout.source.base: content.tobytes()})
    return Author(layout, rng, stub)


def _body(author: Author, length: int, trips: tuple[int, ...], names: list[str]) -> list[Item]:
    """Instructions and loops; about ``length`` instructions in all."""
    rng, machine = author.rng, author.layout.machine
    items: list[Item] = []
    while length > 0:
        repeats = int(np.prod(trips, dtype=np.int64)) if trips else 1
        if len(trips) < LOOP_LEVELS and length >= 2 and author.chance(0.2) and 2 * repeats <= _REPEATS:
            count = rng.randint(1, min(4, _REPEATS // repeats))
            inner = rng.sample(names, rng.choice([1, 2, 2, len(names)]) if len(names) > 1 else 1)
            size = rng.randint(1, min(length, 6))
            body = _body(author, size, (*trips, count), inner)
            units = sorted({one.unit for one in leaves(body)})
            guards, tails = ({u: leaf(machine, author.plain(u), ()) for u in units} for _ in range(2))
            items.append(RandomLoop(count, body, guards, tails))
            length -= size
            continue
        try:
            items.append(leaf(machine, author.write(rng.choice(names), trips), trips))
        except Misfit:
            if not trips:
                raise
        length -= 1
    return items


def _fits(items: list[Item], machine: Machine) -> bool:
    """Whether every outermost loop fits the loop buffer, guards and tails of inner loops included."""

    def size(item: Item) -> int:
        if isinstance(item, Leaf):
            return 1
        return sum(map(size, item.body)) + 2 + len(item.guards) + len(item.tails)

    loops = [item for item in items if isinstance(item, RandomLoop)]
    return all(sum(map(size, loop.body)) + 1 <= machine.queues.loop for loop in loops)


def random_program(machine: Machine, seed: int, length: int = 20) -> Program:
    """A program of about ``length`` random instructions, plus loads to begin with, loops and what synchronises.

    It passes ``isa.validator`` and ``isa.checker`` by construction, is the same for the same arguments, and runs
    in well under 3,000 cycles on ``nano``. Memories fill with tame and special numbers alike.
    """
    for attempt in range(1000):
        rng = random.Random(f"{seed} {attempt}")
        author = _author(machine, rng)
        try:
            items: list[Item] = [leaf(machine, one, ()) for one in author.fills()]
            items += _body(author, length, (), list(NAMES))
            if not _fits(items, machine):
                continue
            Synchroniser(rng).run(items)
        except (Misfit, Shortage):
            continue
        stub = author.stub
        meta = {"name": f"fuzz-{seed}"}
        return Program(machine, (*emit(items), make("halt")), stub.entry, stub.buffers, stub.data, meta)
    raise AssertionError(f"no random program for '{machine.name}' with seed {seed}")
