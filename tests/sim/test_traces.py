"""A Perfetto trace read back holds every executed instruction with its cycles, and waits that add up to the events."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.isa.assembler import assemble
from weft.isa.disassembler import instruction_text
from weft.isa.errors import ProgramError
from weft.isa.events import BY_NAME
from weft.isa.instructions import UNITS
from weft.isa.machine import load
from weft.isa.program import Program
from weft.sim.engines import get_engine
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.operators import operator_names
from weft.sim.run import Run
from weft.sim.waits import signals, waits

pytest.importorskip("perfetto", reason="perfetto is absent: pip install 'weftml[trace]'")

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from weft.sim.traces import perfetto

OVERLAP = """
.machine nano
.data 0x2000 hex 00
loop count=3
  load dram=0x2000 local=sp[0] bytes=32 dram_inc0=32 post=s0
  load dram=0x2100 local=sp[0x800] bytes=32 post=s1
  matmul a=sp[0] w=sp[0x800] d=acc[0] type=bf16 count0=4 a_stride0=8 w_stride=8 d_stride0=16 wait=s0,s1
end
matmul a=sp[0] w=sp[0x800] d=acc[0] type=bf16 count0=4 a_stride0=8 w_stride=8 d_stride0=16 accumulate=yes post=s2
vector x=acc[0] x_source=row d=acc[0x400] count0=4 x_stride0=16 d_stride0=16 wait=s2 post=s3
store dram=0x2200 local=acc[0x400] bytes=64 wait=s3
halt
"""


@dataclass
class Slice:
    """One slice as a viewer builds it."""

    track: str
    name: str
    begin: int
    end: int = -1
    arguments: dict[str, Any] = field(default_factory=dict)
    flows: tuple[int, ...] = ()


@dataclass
class Reader:
    """The trace as a viewer reads it: the slices of a track nest, and an end ends the slice that began last."""

    tracks: dict[int, str] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    counters: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def read(self, content: bytes) -> Reader:
        texts: dict[str, dict[int, str]] = defaultdict(dict)
        open_slices: dict[int, list[Slice]] = defaultdict(list)
        packets = list(Trace.FromString(content).packet)
        for packet in packets:
            if packet.HasField("track_descriptor"):
                self.tracks[packet.track_descriptor.uuid] = packet.track_descriptor.name
            for entry in packet.interned_data.event_names:
                texts["name"][entry.iid] = entry.name
            for entry in packet.interned_data.debug_annotation_names:
                texts["argument"][entry.iid] = entry.name
            for entry in packet.interned_data.debug_annotation_string_values:
                texts["value"][entry.iid] = entry.str.decode()
        for packet in sorted(packets, key=lambda packet: packet.timestamp):
            event = packet.track_event
            if event.type == TrackEvent.TYPE_SLICE_BEGIN:
                assert not open_slices[event.track_uuid], "slices of one track overlap"
                arguments = {
                    texts["argument"][a.name_iid]: texts["value"][a.string_value_iid] if a.string_value_iid
                    else a.int_value for a in event.debug_annotations
                }  # fmt: skip
                name = texts["name"][event.name_iid]
                found = Slice(self.tracks[event.track_uuid], name, packet.timestamp, arguments=arguments)
                found.flows = tuple(event.flow_ids)
                open_slices[event.track_uuid].append(found)
            elif event.type == TrackEvent.TYPE_SLICE_END:
                closed = open_slices[event.track_uuid].pop()
                closed.end = packet.timestamp
                self.slices.append(closed)
            elif event.type == TrackEvent.TYPE_COUNTER:
                self.counters[self.tracks[event.track_uuid]].append((packet.timestamp, event.counter_value))
        assert not any(open_slices.values())
        return self

    def instructions(self) -> list[Slice]:
        return [s for s in self.slices if s.track in ("dispatch", *UNITS)]


def run_of(program: Program) -> Run:
    return FastEngine().run(program)


def check(program: Program, run: Run) -> Reader:
    """The slices are exactly the executed instructions, each on its unit's track, with its cycles and text."""
    reader = Reader().read(perfetto(program, run))
    assert run.trace is not None
    expected = sorted(
        (program.instructions[pc].spec.unit, start, retire + 1, pc, dispatch, start, retire)
        for pc, dispatch, start, retire in zip(
            *(getattr(run.trace, key).tolist() for key in ("pc", "dispatch", "start", "retire")), strict=True
        )
    )
    found = reader.instructions()
    keys = ("pc", "dispatch", "start", "retire")
    assert sorted((s.track, s.begin, s.end, *(s.arguments[key] for key in keys)) for s in found) == expected
    for s in found:
        assert s.arguments["text"] == instruction_text(program.instructions[s.arguments["pc"]])
    return reader


def test_overlapping_instructions_are_read_back() -> None:
    program = assemble(OVERLAP, "overlap.s")
    reader = check(program, run_of(program))
    assert {"weft nano", "dispatch", "matrix", "matrix waits", "matrix queue", "bytes loaded"} <= set(
        reader.tracks.values()
    )
    assert reader.counters["bytes loaded"][-1][1] == 6 * 32
    assert reader.counters["bytes stored"][-1][1] == 64
    assert {s.arguments["source"] for s in reader.instructions() if s.name == "store"} == {"overlap.s:11"}
    assert max(value for _, value in reader.counters["matrix queue"]) > 0
    assert reader.counters["matrix queue"][-1][1] == 0


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_are_read_back_and_their_waits_add_up(seed: int) -> None:
    program = random_program(load("nano"), seed, length=40)
    run = run_of(program)
    check(program, run)
    assert run.trace is not None
    cycles: dict[str, int] = defaultdict(int)
    for wait in waits(program, run.trace):
        unit = program.instructions[int(run.trace.pc[wait.position])].spec.unit
        cycles[f"{unit}.{'semaphore' if wait.semaphore >= 0 else 'other'}"] += wait.end - wait.begin
    stalls = {name: int(run.events[event.index]) for name, event in BY_NAME.items()}
    for unit in ("matrix", "vector", "store"):
        assert cycles[f"{unit}.semaphore"] == stalls[f"{unit}.semaphore"]
        assert cycles[f"{unit}.other"] == stalls[f"{unit}.port"] + stalls.get(f"{unit}.hazard", 0)
    assert cycles["load.semaphore"] >= stalls["load.semaphore"]


def test_arrows_lead_from_a_post_to_its_wait() -> None:
    program = assemble(OVERLAP)
    run = run_of(program)
    assert run.trace is not None
    names = [program.instructions[pc].name for pc in run.trace.pc.tolist()]
    pairs = [(names[s.producer], names[s.consumer]) for s in signals(program, run.trace)]
    assert sorted(pairs) == sorted([("load", "matmul")] * 6 + [("matmul", "vector"), ("vector", "store")])
    ends: dict[int, list[Slice]] = defaultdict(list)
    for found in Reader().read(perfetto(program, run)).instructions():
        for flow in found.flows:
            ends[flow].append(found)
    assert len(ends) == len(pairs)
    for one, other in ends.values():
        producer, consumer = sorted((one, other), key=lambda s: s.begin)
        assert producer.end <= consumer.begin


def test_slices_name_their_operator() -> None:
    meta = {"operators": [{"name": "layer 0, forward, exp [2]", "instructions": [[2, 3], [4, 5]]}]}
    program = dataclasses.replace(assemble(OVERLAP), meta=meta)
    found = Reader().read(perfetto(program, run_of(program))).instructions()
    assert {(s.name, s.arguments.get("operator")) for s in found if s.arguments["pc"] in (2, 3)} == {
        ("load layer 0, forward, exp [2]", "layer 0, forward, exp [2]"),
        ("matmul", None),
    }
    for bad in ([{"name": "x"}], [3], 7, [{"name": "x", "instructions": [["a", 2]]}]):
        with pytest.raises(ProgramError, match=r"^the program's list of operators is not valid \(.*compile it again$"):
            operator_names(dataclasses.replace(program, meta={"operators": bad}))
    for first, end in ((0, 99), (-1, 2), (3, 2)):
        outside = dataclasses.replace(program, meta={"operators": [{"name": "x", "instructions": [[first, end]]}]})
        with pytest.raises(ProgramError, match=rf"^operator 'x' owns the instructions {first} to {end} of a "):
            perfetto(outside, run_of(program))


def test_every_timed_engine_gives_the_same_trace() -> None:
    pytest.importorskip("amaranth")
    program = assemble(OVERLAP)
    fast, pysim = (get_engine(name).run(program) for name in ("fast", "pysim"))
    assert perfetto(program, fast) == perfetto(program, dataclasses.replace(pysim, engine="fast"))


def test_an_engine_without_time_has_no_trace() -> None:
    program = assemble(OVERLAP)
    with pytest.raises(ProgramError, match=r"^engine 'interp' has no time, so there is no trace; use fast, rtl or pys"):
        perfetto(program, get_engine("interp").run(program))


def test_without_the_package_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['perfetto'] = None\n"
        "from weft.base.errors import MissingToolError\n"
        "try:\n    import weft.sim.traces\n"
        "except MissingToolError as missing:\n    print(missing, missing.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout == "writing a Perfetto trace needs the package perfetto: pip install 'weftml[trace]' 5\n"


def test_a_counter_of_a_queue_never_exceeds_its_depth() -> None:
    program = random_program(load("nano", {"queues.matrix": 2}), 3, length=40)
    reader = Reader().read(perfetto(program, run_of(program)))
    values = np.array([value for _, value in reader.counters["matrix queue"]])
    assert values.min() == 0
    assert values.max() <= 2
