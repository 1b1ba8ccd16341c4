"""Programs as ``.weft`` files: a safetensors file of code and data, with a checksummed JSON header."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from weft.base.files import replacing
from weft.base.reading import name, parse_json, read_bytes, reading, shown, whole
from weft.isa.encoding import decode_all
from weft.isa.errors import EncodingError, MachineError, ProgramError
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.limits import PROGRAM_FILE
from weft.isa.machine import Machine, from_dict
from weft.isa.program import BUFFER_KINDS, DTYPES, Buffer, Program

SCHEMA = 1
FORMAT = "weft program"
_MOST_SOURCE = 4096  # characters of an instruction's source
_MOST_HEADER = 1 << 27  # a longer safetensors header is certainly not ours


def _tensors(program: Program) -> dict[str, npt.NDArray[np.uint8]]:
    tensors = {"code": np.frombuffer(program.code, np.uint8)}
    for address, content in program.data.items():
        tensors[f"data.{address:#x}"] = np.frombuffer(content, np.uint8)
    return tensors


def _checksum(header: str, tensors: Mapping[str, npt.NDArray[np.uint8]]) -> str:
    h = hashlib.sha256(header.encode())
    for key in sorted(tensors):
        h.update(f"{key} {tensors[key].size} ".encode())
        h.update(tensors[key].tobytes())
    return h.hexdigest()


def to_bytes(program: Program) -> bytes:
    """The contents of the program's file. Raises ProgramError for a ``meta`` that JSON cannot hold, NaN among it."""
    values = {
        "machine": program.machine.to_dict(),
        "entry": program.entry,
        "instructions": len(program.instructions),
        "buffers": [dataclasses.asdict(buffer) for buffer in program.buffers],
        "meta": dict(program.meta),
        "sources": [instruction.source for instruction in program.instructions],
    }
    with reading("the program cannot be written: its meta is no JSON", ProgramError):
        header = json.dumps(values, sort_keys=True, allow_nan=False)
    tensors = _tensors(program)
    described = {
        "format": FORMAT,
        "schema": SCHEMA,
        "sha256": _checksum(header, tensors),
        "program": header,
    }
    # One key only: the order of several is not defined, and equal programs have equal files.
    return bytes(save_tensors(tensors, {"weft": json.dumps(described, allow_nan=False)}))


def save(program: Program, path: Path | str) -> None:
    """Write the program's file, all or nothing, as ``base.files.replacing`` has it. Raises ProgramError."""
    target = Path(path)
    content = to_bytes(program)
    try:
        with replacing(target) as whole:
            whole.write_bytes(content)
    except OSError as error:
        raise ProgramError(f"{target}: cannot be written: {error.strerror}") from error


def _metadata(content: bytes, where: str) -> dict[str, Any]:
    """The metadata of a safetensors file, or a ProgramError that says what the file is not."""
    foreign = f"{where}: not a weft program; make one with weft compile or weft asm"
    if len(content) < 8:
        raise ProgramError(foreign if content else f"{where}: the file is empty; write it again")
    length = int.from_bytes(content[:8], "little")
    if length > _MOST_HEADER or content[8:9] != b"{":
        raise ProgramError(foreign)
    if 8 + length > len(content):
        raise ProgramError(f"{where}: the file is truncated in its header; write it again")
    with reading(f"{where}: the file's header is corrupted", ProgramError, "write it again"):
        described = parse_json(content[8 : 8 + length]).get("__metadata__", {}).get("weft", "{}")
        metadata = parse_json(described)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ProgramError(foreign)
    if metadata.get("schema") != SCHEMA:
        raise ProgramError(
            f"{where}: a program file of schema {str(metadata.get('schema'))[:40]}; this weft reads schema {SCHEMA}: "
            "write it again with this version"
        )
    return metadata


def _buffer(entry: Mapping[str, Any]) -> Buffer:
    called = name(entry["name"], "the name of a buffer")
    shape = tuple(whole(n, f"the shape of buffer '{called}'") for n in entry["shape"])
    address, pitch = (whole(entry[key], f"{key} of buffer '{called}'") for key in ("address", "pitch"))
    buffer = Buffer(called, str(entry["kind"]), str(entry["dtype"]), shape, address, pitch)
    if buffer.kind not in BUFFER_KINDS or buffer.dtype not in DTYPES:
        raise ValueError(f"buffer '{called}' is of an unknown kind or dtype")
    return buffer


def from_bytes(content: bytes, where: str = "program") -> Program:
    """The program in a file's contents; ``where`` names it in errors. Raises ProgramError, MachineError."""
    metadata = _metadata(content, where)
    with reading(f"{where}: the file is truncated or corrupted", ProgramError, "write it again"):
        try:
            tensors = load_tensors(content)
        except SafetensorError as error:
            raise ValueError(error) from error
    header = str(metadata.get("program"))
    if "code" not in tensors or _checksum(header, tensors) != metadata.get("sha256"):
        raise ProgramError(f"{where}: the file is corrupted (its checksum does not match); write it again")
    try:
        with reading(f"{where}: the program's description is not valid", ProgramError, "write it again"):
            return _described(parse_json(header), tensors, where)
    except (EncodingError, MachineError) as error:
        raise ProgramError(f"{error}; write the file again with this version") from error


def _described(values: Mapping[str, Any], tensors: Mapping[str, npt.NDArray[np.uint8]], where: str) -> Program:
    """The program of a header's ``values`` and the bytes of the file."""
    machine = from_dict(values["machine"], f"{where}: machine")
    count = whole(values["instructions"], "instructions")
    if not 0 <= count * INSTRUCTION_BYTES <= tensors["code"].nbytes:
        raise ValueError(f"it says that it has {count} instructions; the code is {tensors['code'].nbytes} bytes")
    decoded = decode_all(tensors["code"].tobytes()[: count * INSTRUCTION_BYTES], where)
    sources = [shown(str(source), _MOST_SOURCE) for source in values["sources"]]
    instructions = tuple(
        dataclasses.replace(instruction, source=source) for instruction, source in zip(decoded, sources, strict=True)
    )
    data = {_address(key): t.tobytes() for key, t in tensors.items() if key != "code"}
    buffers = tuple(_buffer(entry) for entry in values["buffers"])
    return Program(machine, instructions, whole(values["entry"], "entry"), buffers, data, dict(values["meta"]))


def _address(key: str) -> int:
    prefix, _, digits = key.partition(".")
    if prefix != "data" or len(digits) > 18:
        raise ValueError(f"the section {name(key, 'the name of a section')} is not called data.ADDRESS")
    return int(digits, 0)


def load(path: Path | str) -> Program:
    """Read a program's file. Raises ProgramError naming the file and the remedy."""
    return from_bytes(read_bytes(path, ProgramError, PROGRAM_FILE), str(path))


def _differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in a.items():
        if isinstance(value, dict):
            found += _differences(value, b[key], f"{prefix}{key}.")
        elif value != b[key]:
            found.append(f"{prefix}{key} is {value} in the program, {b[key]} in the machine")
    return found


def check_machine(program: Program, machine: Machine, where: str = "program") -> None:
    """Raise ProgramError unless ``program`` was made for ``machine`` (names aside)."""
    if program.machine.digest() == machine.digest():
        return
    ours, theirs = program.machine.to_dict(), machine.to_dict()
    del ours["name"], theirs["name"]
    raise ProgramError(
        f"{where}: made for machine '{program.machine.name}', not for '{machine.name}' "
        f"({'; '.join(_differences(ours, theirs)[:3])}); compile it again for '{machine.name}'"
    )
