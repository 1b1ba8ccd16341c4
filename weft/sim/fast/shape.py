"""The machine as the compiled kernels take it: a tuple of integers."""

from __future__ import annotations

from typing import NamedTuple

from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.machine import Machine


class MachineParameters(NamedTuple):
    """Everything of a machine that time or meaning depend on; cycles, bytes, instructions or counts."""

    dim: int
    scratchpad_bank: int
    accumulator_bank: int
    bus: int
    burst: int
    latency: int
    beat_cycles: int
    line_beats: int
    line_instructions: int
    fetch: int
    load: int
    matrix: int
    vector: int
    store: int
    outstanding: int
    mac: int
    accumulate: int
    vector_depth: int
    reduce_depth: int


def shape_of(machine: Machine) -> MachineParameters:
    """The integers of ``machine``."""
    queues, pipeline = machine.queues, machine.pipeline
    return MachineParameters(
        dim=machine.dim,
        scratchpad_bank=machine.scratchpad.bank_bytes,
        accumulator_bank=machine.accumulator.bank_bytes,
        bus=machine.bus.bytes,
        burst=machine.bus.burst,
        latency=machine.dram.latency,
        beat_cycles=machine.dram.beat_cycles,
        line_beats=machine.line_bytes // machine.bus.bytes,
        line_instructions=machine.line_bytes // INSTRUCTION_BYTES,
        fetch=queues.fetch,
        load=queues.load,
        matrix=queues.matrix,
        vector=queues.vector,
        store=queues.store,
        outstanding=queues.outstanding,
        mac=pipeline.mac,
        accumulate=pipeline.accumulate,
        vector_depth=pipeline.vector,
        reduce_depth=pipeline.reduce,
    )
