"""The RTL engine: one call runs a whole program on the Verilated core with the memory model beside it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.isa.cost import hold_executed
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.events import BUS_COUNTERS, EVENTS
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.image import copied
from weft.isa.instructions import UNITS
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.registers import BY_NAME, FAULTS
from weft.sim.rtl.build import PLAIN, WAVE, Variant, build, loaded
from weft.sim.run import DEFAULT_MAX_CYCLES, InstructionTrace, Run

_FIRST_CAPACITY = 1 << 16
_STREAMS = 1 + 2 * len(UNITS)


class _Call(ctypes.Structure):
    """``WeftRun`` of harness.cpp, member by member."""

    _fields_ = (
        ("dram", ctypes.c_void_p),
        ("dram_bytes", ctypes.c_uint64),
        ("latency", ctypes.c_uint32),
        ("beat_cycles", ctypes.c_uint32),
        ("max_cycles", ctypes.c_uint64),
        ("dispatch_pc", ctypes.c_void_p),
        ("streams", ctypes.c_void_p * _STREAMS),
        ("capacity", ctypes.c_int64),
        ("stop", ctypes.c_uint32),
        ("counts", ctypes.c_int64 * _STREAMS),
        ("cycles", ctypes.c_uint64),
        ("halted", ctypes.c_uint32),
        ("fault", ctypes.c_uint32),
        ("bad_address", ctypes.c_uint32),
        ("stuck", ctypes.c_uint32),
    )


class Model:
    """A loaded model library with its functions typed."""

    def __init__(self, machine: Machine, variant: Variant = PLAIN) -> None:
        self.machine = machine
        built = build(machine, variant)
        self.design = built.design
        self.library = loaded(built)
        pointer, word = ctypes.c_void_p, ctypes.c_uint32
        for name, result, arguments in (
            ("weft_new", pointer, ()),
            ("weft_delete", None, (pointer,)),
            ("weft_write", None, (pointer, word, word)),
            ("weft_read", word, (pointer, word)),
            ("weft_run", ctypes.c_int, (pointer, ctypes.POINTER(_Call), word)),
            (
                "weft_memory",
                ctypes.c_int64,
                (pointer, ctypes.c_char_p, ctypes.c_char_p, pointer, word, ctypes.c_uint64),
            ),
            ("weft_wave_open", ctypes.c_int, (pointer, ctypes.c_char_p)),
            ("weft_wave_close", ctypes.c_int, (pointer,)),
        ):
            if name.startswith("weft_wave") and variant is not WAVE:
                continue
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    @cached_property
    def places(self) -> tuple[Any, ...]:
        """Where the on-chip memories are in the design."""
        from weft.rtl.verilog import memory_map

        return memory_map(self.machine)

    def memory(self, handle: int, kind: str, size: int) -> npt.NDArray[np.uint8]:
        """The bytes of an on-chip memory."""
        content = np.zeros(size, np.uint8)
        for place in self.places:
            if place.memory != kind:
                continue
            part = np.zeros((place.entries, place.entry_bytes), np.uint8)
            scope = f"TOP.weft_core.{place.path.replace('/', '.')}"
            found = self.library.weft_memory(
                handle, scope.encode(), place.variable.encode(), part.ctypes.data, place.entry_bytes, place.entries
            )
            if found != place.entries:
                raise AssertionError(f"the model does not show {scope}.{place.variable}")
            index = place.base + np.arange(place.entries)[:, None] * place.step + np.arange(place.entry_bytes)
            content[index] = part
        return content


def _instruction(program: Program, pc: int) -> str:
    if pc >= len(program.instructions):
        return f"instruction {pc}"
    one = program.instructions[pc]
    return f"instruction {pc} ({one.name}{', from ' + one.source if one.source else ''})"


def _units(program: Program) -> npt.NDArray[np.int64]:
    """The unit of each instruction in DRAM (an index into ``UNITS``), -1 for what dispatch executes itself."""
    names = [one.spec.unit for one in program.instructions]
    missing = len(program.code) // INSTRUCTION_BYTES - len(names)
    return np.array([UNITS.index(name) if name in UNITS else -1 for name in names] + [-1] * missing, np.int64)


def _waiting(program: Program, call: _Call, pcs: npt.NDArray[np.int64]) -> str:
    """What each unit would start next, and the last instruction that was dispatched (no more is known of a core)."""
    count = min(int(call.counts[0]), int(call.capacity))
    if not count:
        return "nothing was dispatched or traced"
    dispatched, units = pcs[:count], _units(program)[pcs[:count]]
    texts = []
    for u, name in enumerate(UNITS):
        mine, started = dispatched[units == u], int(call.counts[1 + 2 * u])
        if started < len(mine):
            texts.append(f"{name}: {_instruction(program, int(mine[started]))} does not start")
    return "; ".join([*texts, f"dispatch: nothing after {_instruction(program, int(dispatched[-1]))}"])


class RtlEngine:
    """The Amaranth design through Verilator, implementing ``sim.run.Engine``. Models are built once and cached.

    ``wave`` names a VCD file to write: one cycle is one nanosecond, cycle 0 is time 0. That takes another model, which
    is built and cached beside the first and is slower.
    """

    name = "rtl"

    def __init__(self, wave: str | Path | None = None) -> None:
        self.wave = wave
        self._models: dict[tuple[str, Variant], Model] = {}

    def model(self, machine: Machine) -> Model:
        """The model of ``machine`` that can do what ``wave`` asks for now, built or taken from the cache."""
        variant = PLAIN if self.wave is None else WAVE
        key = machine.digest(), variant
        if key not in self._models:
            self._models[key] = Model(machine, variant)
        return self._models[key]

    def run(
        self,
        program: Program,
        dram: npt.NDArray[np.uint8] | None = None,
        *,
        max_cycles: int = DEFAULT_MAX_CYCLES,
        trace: bool = True,
    ) -> Run:
        """See ``sim.run.Engine.run``. Raises ProgramError for a fault of the core, with its cause and instruction."""
        hold_executed(program)
        image = program.image() if dram is None else dram
        model = self.model(program.machine)
        capacity = _FIRST_CAPACITY if trace else 0
        while True:
            handle = model.library.weft_new()
            try:
                with self._waves(model, handle):
                    run, needed = self._once(model, handle, program, copied(image), max_cycles, capacity)
            finally:
                model.library.weft_delete(handle)
            if not trace or needed <= capacity:
                return run
            capacity = needed

    @contextmanager
    def _waves(self, model: Model, handle: int) -> Iterator[None]:
        """The waveform's file is open meanwhile, if there is to be one. Raises OSError if it could not be written."""
        if self.wave is None:
            yield
            return
        problem = model.library.weft_wave_open(handle, os.fsencode(self.wave))
        try:
            if not problem:
                yield
        finally:
            problem = model.library.weft_wave_close(handle) or problem
        if problem:
            raise OSError(problem, os.strerror(problem), str(self.wave))

    def _once(
        self, model: Model, handle: int, program: Program, dram: npt.NDArray[np.uint8], max_cycles: int, capacity: int
    ) -> tuple[Run, int]:
        machine, library = program.machine, model.library
        cycles = np.full((_STREAMS, max(capacity, 1)), -1, np.int64)
        pcs = np.zeros(max(capacity, 1), np.int64)
        call = _Call(
            dram.ctypes.data, dram.nbytes, machine.dram.latency, machine.dram.beat_cycles, max_cycles, pcs.ctypes.data
        )
        for i in range(_STREAMS):
            call.streams[i] = cycles[i].ctypes.data
        call.capacity = capacity
        library.weft_write(handle, BY_NAME["ENTRY"].offset, program.entry)
        library.weft_write(handle, BY_NAME["LENGTH"].offset, len(program.code) // INSTRUCTION_BYTES)
        began = time.perf_counter()
        if self._interruptible(library, handle, call):
            raise AssertionError("the core did not start")
        wall = time.perf_counter() - began

        def register(name: str) -> int:
            return int(library.weft_read(handle, BY_NAME[name].offset))

        def counter(name: str) -> int:
            word = name.upper().replace(".", "_")
            return register(f"{word}_LO") | register(f"{word}_HI") << 32

        if call.fault:
            fault, pc = FAULTS[register("FAULT_CAUSE")], register("FAULT_PC")
            outside = f" (DRAM address {call.bad_address & ~1:#x})" if call.bad_address else ""
            raise ProgramError(f"{_instruction(program, pc)}: {fault.doc}{outside} (fault '{fault.name}')")
        if call.stuck and not call.halted:
            raise DeadlockError(
                f"deadlock: nothing moves any more from cycle {call.cycles - call.stuck} on; "
                f"{_waiting(program, call, pcs)}; `weft sim --engine fast` says what each waits for"
            )
        if not call.halted:
            raise DeadlockError(f"no halt within {max_cycles:,} cycles: the program is longer, or it never ends")
        run = Run(
            self.name,
            int(call.cycles),
            dram,
            model.memory(handle, "scratchpad", machine.scratchpad.bytes),
            model.memory(handle, "accumulator", machine.accumulator.bytes),
            np.array([counter(event.name) for event in EVENTS], np.int64),
            counter(BUS_COUNTERS[0]),
            counter(BUS_COUNTERS[1]),
            self._trace(program, call, cycles, pcs) if call.counts[0] <= capacity else None,
            wall,
            model.design,
        )
        return run, int(call.counts[0])

    @staticmethod
    def _interruptible(library: ctypes.CDLL, handle: int, call: _Call) -> int:
        """Run in a thread, so that Ctrl-C reaches Python and ends the run within a cycle."""
        with ThreadPoolExecutor(1) as pool:
            status = pool.submit(library.weft_run, handle, ctypes.byref(call), BY_NAME["CONTROL"].offset)
            try:
                return int(status.result())
            except BaseException:
                call.stop = 1
                raise

    @staticmethod
    def _trace(
        program: Program, call: _Call, cycles: npt.NDArray[np.int64], pcs: npt.NDArray[np.int64]
    ) -> InstructionTrace:
        """Pair the strobes of each unit with its instructions: both come in order."""
        count = int(call.counts[0])
        pc, dispatch = pcs[:count].copy(), cycles[0, :count].copy()
        unit = _units(program)[pc]
        start, retire = dispatch.copy(), dispatch.copy()
        for u in range(len(UNITS)):
            mine = np.flatnonzero(unit == u)
            for target, stream in ((start, 1 + 2 * u), (retire, 2 + 2 * u)):
                target[mine] = -1
                seen = min(int(call.counts[stream]), len(mine))
                target[mine[:seen]] = cycles[stream, :seen]
        return InstructionTrace(pc, dispatch, start, retire)
