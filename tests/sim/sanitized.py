"""Runs programs on a model that is compiled with sanitizers, in a process that has their libraries loaded first:
`python -m tests.sim.sanitized FOLDER [LIE]`.

Without a lie it does all that the harness can be asked for and compares it with the fast engine. With one it calls the
harness with an argument that is not true, so that correct code goes wrong: the sanitizers have to end the process.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from weft.isa.assembler import assemble
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.rtl import engine as rtl
from weft.sim.verify import compare

SMALLEST: dict[str, Any] = {"dim": 2, "types": ["bf16"], "scratchpad.bytes": 1024, "accumulator.bytes": 512}
MACHINE = load("nano", SMALLEST)
"""The least that can be built. Its DRAM belongs to the harness, so that one model serves every kind of DRAM."""
DRAMS = ({"latency": 20}, {"latency": 1}, {"latency": 37, "beat_cycles": 3})
SOURCE = 0x2000
MOVE = "load dram={at:#x} local=sp[0] bytes=64 post=s0\nstore dram={to:#x} local=sp[0] bytes=64 wait=s0"

MANY = "loop count=40\nload dram=0x2000 local=sp[0] bytes=64\nend"


def program(text: str) -> Program:
    """Assembly for the machine, with some data."""
    return assemble(f".data {SOURCE:#x} hex {bytes(range(64)).hex()}\n{text}\nhalt\n", machine=MACHINE)


def same(engine: rtl.RtlEngine, one: Program, image: npt.NDArray[np.uint8] | None = None, trace: bool = True) -> None:
    """The run is that of the fast engine."""
    result = compare(one, [FastEngine().run(one, image, trace=trace), engine.run(one, image, trace=trace)])
    assert result.equal, result.differences


def random_runs(engine: rtl.RtlEngine) -> None:
    """Random programs on every kind of DRAM, with a trace, with one that is longer than what was reserved, without."""
    for number, dram in enumerate(DRAMS):
        machine = load("nano", {**SMALLEST, **{f"dram.{key}": value for key, value in dram.items()}})
        same(engine, random_program(machine, number))
        same(engine, random_program(machine, number + 10), trace=False)
    reserved, rtl._FIRST_CAPACITY = rtl._FIRST_CAPACITY, 3
    same(engine, random_program(MACHINE, 20))
    rtl._FIRST_CAPACITY = reserved


def ends_of_dram(engine: rtl.RtlEngine) -> None:
    """Transfers that end with the image, before its end and behind it, in an image of any number of bytes."""
    end = len(program("").image())
    for more in (-5, -4, -1, 0, 1, 3, 4):
        image = np.zeros(end + more, np.uint8)
        for at, to in ((SOURCE, end - 64), (end - 64, SOURCE)):
            one = program(MOVE.format(at=at, to=to))
            content = one.image()[: len(image)]
            image[: len(content)] = content
            if more >= 0:
                same(engine, one, image)
            else:
                with pytest.raises(ProgramError, match="fault '"):
                    engine.run(one, image)
    last = (1 << 32) - 64  # the end of the address space
    for at, to in ((SOURCE, last), (last, SOURCE)):
        one = program(MOVE.format(at=at, to=to))
        with pytest.raises(ProgramError, match="DRAM address 0xffffff"):
            engine.run(one)


def odd_ends(engine: rtl.RtlEngine) -> None:
    """Faults, a deadlock, a limit that is hit, files that cannot be written; then all is well again."""
    one = program(MOVE.format(at=SOURCE, to=SOURCE + 64))
    image = one.image()
    image[one.entry + 64 : one.entry + 128] = 0xFF
    with pytest.raises(ProgramError, match="fault 'opcode'"):
        engine.run(one, image)
    stuck = program("load dram=0x2000 local=sp[0] bytes=4 wait=s3")
    with pytest.raises(DeadlockError, match="deadlock: nothing moves any more"):
        engine.run(stuck)
    for limit in (1, 40):
        with pytest.raises(DeadlockError, match=f"no halt within {limit} cycles"):
            engine.run(one, max_cycles=limit)
    wave, many = engine.wave, program(MANY)
    for path, number in (("/dev/full", errno.ENOSPC), ("/nowhere/out.vcd", errno.ENOENT)):
        engine.wave = path
        with pytest.raises(OSError, match=rf"\[Errno {number}\]"):
            engine.run(many)
    engine.wave = wave
    same(engine, one)


def told(engine: rtl.RtlEngine, change: Callable[[Any], None], text: str) -> None:
    """Run a program whose call to the harness is changed first. Three instructions of a trace have room."""
    honest = rtl.RtlEngine._interruptible

    def changed(library: Any, handle: int, call: Any) -> int:
        change(call)
        return honest(library, handle, call)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtl.RtlEngine, "_interruptible", staticmethod(changed))
        patch.setattr(rtl, "_FIRST_CAPACITY", 3)
        engine.run(program(text))


def more_dram(call: Any) -> None:
    call.dram_bytes += 4


def longer_streams(call: Any) -> None:
    call.capacity += 1


def crooked_stream(call: Any) -> None:
    call.streams[1] += 1


def deleted_model(engine: rtl.RtlEngine) -> None:
    """A register of a model that is gone."""
    library = engine.model(MACHINE).library
    handle = library.weft_new()
    library.weft_delete(handle)
    library.weft_read(handle, 0)


def less_room(engine: rtl.RtlEngine) -> None:
    """A memory's content, into an array that is shorter."""
    model = engine.model(MACHINE)
    handle, place = model.library.weft_new(), model.places[0]
    room = np.zeros(place.entries * place.entry_bytes - 1, np.uint8)
    scope = f"TOP.weft_core.{place.path.replace('/', '.')}".encode()
    variable = place.variable.encode()
    model.library.weft_memory(handle, scope, variable, room.ctypes.data, place.entry_bytes, place.entries)


BEHIND = MOVE.format(at=SOURCE, to=len(program("").image()) - 60)
OVERFLOW = "heap-buffer-overflow"
LIES: dict[str, tuple[Callable[[rtl.RtlEngine], None], str]] = {
    "more DRAM than there is": (partial(told, change=more_dram, text=BEHIND), OVERFLOW),
    "longer streams than there are": (partial(told, change=longer_streams, text=MANY), OVERFLOW),
    "a stream between two words": (partial(told, change=crooked_stream, text=MANY), "misaligned address"),
    "more room than there is": (less_room, OVERFLOW),
    "a model that is gone": (deleted_model, "heap-use-after-free"),
}
"""What is told, and what the sanitizers say to it."""


def main(folder: str, lie: str = "") -> None:
    """Run all, or one lie; the waveform goes to the folder."""
    engine = rtl.RtlEngine(Path(folder) / "out.vcd")
    if lie:
        LIES[lie][0](engine)
        return
    for part in (random_runs, ends_of_dram, odd_ends):
        part(engine)
    print("all runs done")


if __name__ == "__main__":
    main(*sys.argv[1:])
