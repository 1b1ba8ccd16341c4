"""A run as a native Perfetto trace, for https://ui.perfetto.dev: every instruction on its unit's track.

One cycle is one nanosecond of the trace, and cycle 0 is its time 0: a slice lasts from the cycle in which an
instruction starts up to and with the one in which it retires. Control instructions, which dispatch executes, last one
cycle.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weft.base.distribution import install
from weft.base.errors import MissingToolError
from weft.isa.disassembler import instruction_text
from weft.isa.errors import ProgramError
from weft.isa.instructions import UNITS
from weft.isa.program import Program
from weft.sim.operators import operator_names
from weft.sim.run import InstructionTrace, Run
from weft.sim.waits import Wait, signals, waits

try:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import (
        BuiltinClock,
        CounterDescriptor,
        TracePacket,
        TrackDescriptor,
        TrackEvent,
    )
    from perfetto.trace_builder.proto_builder import TraceProtoBuilder
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] not in ("perfetto", "google"):
        raise
    raise MissingToolError(f"writing a Perfetto trace needs the package perfetto: {install('trace')}") from None

_SEQUENCE = 1
_BYTES = CounterDescriptor.UNIT_SIZE_BYTES
_COUNT = CounterDescriptor.UNIT_COUNT


class _Writer:
    """Adds tracks and events; a text that repeats is written once and named by a number from then on."""

    def __init__(self) -> None:
        self.builder = TraceProtoBuilder()
        self._iids: dict[tuple[str, str], int] = {}
        self._tracks = 0
        first = self._packet(0)
        first.sequence_flags = TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        first.first_packet_on_sequence = True

    def _packet(self, cycle: int) -> Any:
        packet = self.builder.add_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.timestamp = cycle
        packet.timestamp_clock_id = BuiltinClock.BUILTIN_CLOCK_BOOTTIME
        return packet

    def _interned(self, packet: Any, table: str, text: str) -> int:
        known = self._iids.get((table, text))
        if known is None:
            known = self._iids[table, text] = len(self._iids) + 1
            entry = getattr(packet.interned_data, table).add(iid=known)
            if table == "debug_annotation_string_values":
                entry.str = text.encode()
            else:
                entry.name = text
        return known

    def track(self, name: str, parent: int = 0, description: str = "", unit: int | None = None, rank: int = 0) -> int:
        """A track below ``parent`` (0: at the top), in the order of creation, or where the track ``rank`` is; that of a
        counter if it has a ``unit``."""
        self._tracks += 1
        track = self._packet(0).track_descriptor
        track.uuid, track.name, track.sibling_order_rank = self._tracks, name, rank or self._tracks
        track.sibling_merge_behavior = TrackDescriptor.SIBLING_MERGE_BEHAVIOR_BY_TRACK_NAME
        track.child_ordering = TrackDescriptor.EXPLICIT
        if parent:
            track.parent_uuid = parent
        if description:
            track.description = description
        if unit is not None:
            track.counter.unit = unit
        return self._tracks

    def slice(
        self, track: int, begin: int, end: int, name: str, arguments: Mapping[str, int | str], flows: list[int]
    ) -> None:
        """A slice over the cycles from ``begin`` up to and without ``end``."""
        packet = self._packet(begin)
        packet.sequence_flags = TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        event = packet.track_event
        event.type, event.track_uuid = TrackEvent.TYPE_SLICE_BEGIN, track
        event.name_iid = self._interned(packet, "event_names", name)
        event.flow_ids.extend(flows)
        for key, value in arguments.items():
            annotation = event.debug_annotations.add(name_iid=self._interned(packet, "debug_annotation_names", key))
            if isinstance(value, str):
                annotation.string_value_iid = self._interned(packet, "debug_annotation_string_values", value)
            else:
                annotation.int_value = value
        last = self._packet(end).track_event
        last.type, last.track_uuid = TrackEvent.TYPE_SLICE_END, track

    def count(self, track: int, cycle: int, value: int) -> None:
        """The counter's value from ``cycle`` on."""
        event = self._packet(cycle).track_event
        event.type, event.track_uuid, event.counter_value = TrackEvent.TYPE_COUNTER, track, value


class _Lanes:
    """Tracks of one name, which the viewer shows as one: instructions in flight together lie on different ones."""

    def __init__(self, writer: _Writer, name: str, parent: int, description: str) -> None:
        self._writer, self._what = writer, (name, parent, description)
        self._first = writer.track(*self._what)
        self._free = [(0, self._first)]  # (first free cycle, track), a heap

    def _new(self) -> int:
        return self._writer.track(*self._what, rank=self._first)

    def take(self, begin: int, end: int) -> int:
        """A track that is free from ``begin`` on, now taken up to ``end``."""
        track = heapq.heappop(self._free)[1] if self._free[0][0] <= begin else self._new()
        heapq.heappush(self._free, (end, track))
        return track


def perfetto(program: Program, run: Run) -> bytes:
    """The contents of a ``.pftrace`` file.

    Tracks: ``dispatch`` and one per unit, with a slice per executed instruction (arguments: pc, text, operator, source,
    dispatch, start and retire cycle; an arrow leads from a post to the wait that took it); below each unit the waits of
    the instruction at the head of its queue, with their cause, and the instructions in the queue; at the end the bytes
    loaded and stored so far, counted at retirement. Raises ProgramError for an engine that has no time.
    """
    if run.trace is None or not run.cycles:
        raise ProgramError(f"engine '{run.engine}' has no time, so there is no trace; use fast, rtl or pysim")
    trace, writer = run.trace, _Writer()
    top = writer.track(f"weft {program.machine.name}", description=f"one cycle is 1 ns; engine {run.engine}")
    unit_of = [program.instructions[pc].spec.unit for pc in trace.pc.tolist()]
    held: dict[str, list[Wait]] = {unit: [] for unit in UNITS}
    for wait in waits(program, trace):
        held[unit_of[wait.position]].append(wait)
    tracks = {}
    for name in ("dispatch", *UNITS):
        tracks[name] = _Lanes(writer, name, top, f"instructions from start to retirement: {name}")
        if name in UNITS:
            _waiting(writer, trace, name, held[name], top)
            _queue(writer, trace, name, [i for i, unit in enumerate(unit_of) if unit == name], top)
    _instructions(writer, tracks, program, trace)
    for name, what in (("load", "bytes loaded"), ("store", "bytes stored")):
        counter = writer.track(what, top, "bytes of retired transfers so far", _BYTES)
        for cycle, value in _moved(program, trace, name):
            writer.count(counter, cycle, value)
    return bytes(writer.builder.serialize())


def _instructions(writer: _Writer, tracks: Mapping[str, _Lanes], program: Program, trace: InstructionTrace) -> None:
    flows: dict[int, list[int]] = {}
    for number, signal in enumerate(signals(program, trace), 1):
        flows.setdefault(signal.producer, []).append(number)
        flows.setdefault(signal.consumer, []).append(number)
    operators = operator_names(program)
    texts = [instruction_text(instruction) for instruction in program.instructions]
    columns = (trace.pc.tolist(), trace.dispatch.tolist(), trace.start.tolist(), trace.retire.tolist())
    for position, (pc, dispatch, start, retire) in enumerate(zip(*columns, strict=True)):
        instruction, operator = program.instructions[pc], operators[pc]
        arguments: dict[str, int | str] = {"pc": pc, "text": texts[pc]}
        for key, text in (("operator", operator), ("source", instruction.source)):
            if text:
                arguments[key] = text
        arguments |= {"dispatch": dispatch, "start": start, "retire": retire}
        track = tracks[instruction.spec.unit].take(start, retire + 1)
        name = f"{instruction.name} {operator}".rstrip()
        writer.slice(track, start, retire + 1, name, arguments, flows.get(position, []))


def _waiting(writer: _Writer, trace: InstructionTrace, unit: str, held: Sequence[Wait], top: int) -> None:
    track = writer.track(f"{unit} waits", top, "what keeps the instruction at the head of the queue from starting")
    for wait in held:
        writer.slice(track, wait.begin, wait.end, wait.cause, {"pc": int(trace.pc[wait.position])}, [])


def _queue(writer: _Writer, trace: InstructionTrace, unit: str, mine: Sequence[int], top: int) -> None:
    """How full the queue of a unit is, whose executed instructions are ``mine``."""
    steps: dict[int, int] = {0: 0}
    for position in mine:
        for cycle, step in ((int(trace.dispatch[position]) + 1, 1), (int(trace.start[position]) + 1, -1)):
            steps[cycle] = steps.get(cycle, 0) + step
    counter = writer.track(f"{unit} queue", top, f"instructions in the {unit} queue", _COUNT)
    waiting = 0
    for cycle in sorted(steps):
        waiting += steps[cycle]
        writer.count(counter, cycle, waiting)


def _moved(program: Program, trace: InstructionTrace, name: str) -> Iterator[tuple[int, int]]:
    """(cycle, bytes so far) at the beginning and whenever a load or a store has retired."""
    total = 0
    yield 0, 0
    for pc, retire in zip(trace.pc.tolist(), trace.retire.tolist(), strict=True):
        instruction = program.instructions[pc]
        if instruction.name == name:
            rows = instruction["count0"] * instruction["count1"] * instruction["count2"]
            total += rows * instruction["bytes"]
            yield retire + 1, total
