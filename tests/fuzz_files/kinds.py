"""The five kinds of files: how to make a hostile one, how to read it, and what one that is accepted must do."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as encode

from tests.fuzz_files import nasty
from weft.base.errors import LimitError, WeftError
from weft.framework import checkpoint
from weft.framework.errors import CheckpointError
from weft.isa import container, machine
from weft.isa.assembler import assemble_file
from weft.isa.checker import check
from weft.isa.disassembler import disassemble
from weft.isa.errors import AssemblyError, DeadlockError, MachineError, ProgramError
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.instructions import BY_NAME
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.reporting import program_result, summary
from weft.reports import result
from weft.reports.compare import compare
from weft.sim.engines import get_engine
from weft.sim.fuzz import random_program
from weft.sim.run import Engine
from weft.sim.verify import verify

MAX_CYCLES = 4000
BASES = 24
"""Sound files of a kind that hostile ones are made from."""


@dataclass(frozen=True)
class Kind:
    """``make`` gives the bytes of a hostile file, ``read`` reads it and raises ``error`` alone (or LimitError), ``use``
    does with what it gave what the command line would."""

    make: Callable[[random.Random], bytes]
    read: Callable[[Path], Any]
    error: type[Exception]
    use: Callable[[Any], None]


@functools.cache
def engines(names: tuple[str, ...]) -> list[Engine]:
    """The engines by name, once."""
    return [get_engine(name) for name in names]


@functools.cache
def nano() -> Machine:
    """The machine that the sound files are for."""
    return machine.load("nano")


@functools.cache
def _sound() -> list[Program]:
    return [random_program(nano(), seed, 8) for seed in range(BASES)]


def run_program(program: Program, names: tuple[str, ...]) -> bool:
    """Do what ``weft verify`` does; whether the program ran to its end on all engines, to the same state."""
    try:
        validate(program)
        check(program)
    except (ProgramError, LimitError, DeadlockError):
        return False
    runs, refused = [], 0
    for engine in engines(names):
        try:
            runs.append(engine.run(program, max_cycles=MAX_CYCLES))
        except (ProgramError, DeadlockError):
            refused += 1
    timed = [run for run in runs if run.cycles]
    if refused and timed:  # a program that is too long is too long for every engine that has a time
        raise AssertionError(f"{refused} engines refuse what {', '.join(run.engine for run in timed)} can run")
    if len(runs) == len(names):
        found = verify(program, engines(names), max_cycles=MAX_CYCLES)
        if not found.equal:
            raise AssertionError("; ".join(found.differences))
    return len(runs) == len(names)


def _use_program(program: Program) -> None:
    names = ("fast", "interp", "rtl") if program.machine.digest() == nano().digest() else ("fast", "interp")
    run_program(program, tuple(name for name in names if name in AVAILABLE))
    disassemble(program)


AVAILABLE = {"fast", "interp"}
"""The engines that programs run on; who has the tools adds ``rtl``."""


def _instructions(rng: random.Random, code: bytearray) -> None:
    """Put another value into one field of one instruction."""
    at = rng.randrange(len(code) // INSTRUCTION_BYTES) * INSTRUCTION_BYTES
    bits = int.from_bytes(code[at : at + INSTRUCTION_BYTES], "little")
    spec = next((s for s in BY_NAME.values() if s.opcode == bits & 63), BY_NAME["loop"])
    placed = rng.choice(list(spec.layout.values()))
    mask = (1 << placed.field.width) - 1
    old = bits >> placed.offset & mask
    value = rng.choice((0, 1, mask, mask >> 1, old + 1, old - 1, rng.getrandbits(placed.field.width))) & mask
    bits = bits & ~(mask << placed.offset) | value << placed.offset
    code[at : at + INSTRUCTION_BYTES] = bits.to_bytes(INSTRUCTION_BYTES, "little")


def _make_program(rng: random.Random) -> bytes:
    """A program's file with a right checksum, and something wrong in description, code or sections."""
    program = rng.choice(_sound())
    content = container.to_bytes(program)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["weft"])["program"]
    tensors: dict[str, Any] = dict(container._tensors(program))
    kind = rng.random()
    if kind < 0.45:
        header = nasty.json_text(rng, json.loads(header))
    if kind > 0.35:
        code = bytearray(tensors["code"].tobytes())
        for _ in range(rng.randint(1, 2)):
            _instructions(rng, code)
        tensors["code"] = np.frombuffer(bytes(code), np.uint8)
    if kind > 0.85:
        key = rng.choice([*tensors, "data.0x0"])
        part = tensors.pop(key, tensors.get("code"))
        names = "code", "data.-1", "data.0x40", f"data.{nasty.DIGITS}", "data.x", "x", "data.0xffffffff"
        key = rng.choice((key, *names))
        tensors[key] = rng.choice((part, part[: len(part) // 2], np.zeros(0, np.uint8), np.zeros(3, np.float64)))
    try:
        checksum = container._checksum(header, tensors)
    except UnicodeEncodeError:
        checksum = ""
    described = {"format": container.FORMAT, "schema": container.SCHEMA, "sha256": checksum, "program": header}
    content = encode(tensors, {"weft": json.dumps(described)})
    return nasty.raw(rng, content) if rng.random() < 0.05 else content


def _make_assembly(rng: random.Random) -> bytes:
    source = nasty.text(rng, _assembly()[rng.randrange(BASES)])
    content = source.encode("utf-8", "replace")
    return nasty.raw(rng, content) if rng.random() < 0.1 else content


@functools.cache
def _assembly() -> list[str]:
    extra = '.meta name "x"\n.meta useful_macs 7\n.buffer "spaced name" state float32 2x3 @0x100000 pitch=16\n'
    return [f"{head}\n{extra}{rest}" for head, _, rest in (disassemble(p).partition("\n") for p in _sound())]


def _make_machine(rng: random.Random) -> bytes:
    name = rng.choice(machine.presets())
    content = nasty.text(rng, (machine.PRESETS / f"{name}.toml").read_text(encoding="utf-8")).encode("utf-8", "replace")
    return nasty.raw(rng, content) if rng.random() < 0.1 else content


def _use_machine(found: Machine) -> None:
    assert machine.from_dict(found.to_dict()) == found
    program = dataclasses.replace(_sound()[0], machine=found)
    run_program(program, ("fast", "interp"))


def _make_checkpoint(rng: random.Random) -> bytes:
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "0.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "0.bias": np.zeros(3, np.float32),
        "steps": np.array(7, np.int64), "mask": np.array([True, False]),
    }  # fmt: skip
    content = encode(arrays, {"epoch": "3"})
    if rng.random() < 0.3:
        return nasty.raw(rng, content)
    size = int.from_bytes(content[:8], "little")
    header = nasty.json_text(rng, json.loads(content[8 : 8 + size])).encode("utf-8", "replace")
    length = len(header) if rng.random() < 0.95 else rng.choice((0, 1 << 63, len(header) + 1, 99_999_999))
    return length.to_bytes(8, "little") + header + content[8 + size :]


def _use_checkpoint(arrays: dict[str, Any]) -> None:
    assert sum(array.nbytes for array in arrays.values()) < 1000
    for name, array in arrays.items():
        assert name.isprintable()
        assert np.asarray(array).copy().shape == array.shape


@functools.cache
def _result() -> str:
    program = dataclasses.replace(_sound()[1], meta={"name": "base", "useful_macs": 5})
    return result.dumps(program_result(program, engines(("fast",))[0].run(program)))


def _make_result(rng: random.Random) -> bytes:
    content = nasty.json_text(rng, json.loads(_result())).encode("utf-8", "replace")
    return nasty.raw(rng, content) if rng.random() < 0.1 else content


def _use_result(found: dict[str, Any]) -> None:
    try:
        lines = [*summary(found), *(str(figure) for figure in compare(json.loads(_result()), found).figures)]
    except WeftError:
        return
    assert all(line.isprintable() for text in lines for line in text.split("\n")), lines


KINDS = {
    "program": Kind(_make_program, container.load, ProgramError, _use_program),
    "assembly": Kind(_make_assembly, assemble_file, AssemblyError, _use_program),
    "machine": Kind(_make_machine, machine.load, MachineError, _use_machine),
    "checkpoint": Kind(_make_checkpoint, checkpoint.load, CheckpointError, _use_checkpoint),
    "result": Kind(_make_result, result.load, result.ResultError, _use_result),
}
