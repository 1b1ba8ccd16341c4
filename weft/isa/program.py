"""A program: instructions, the DRAM buffers they work on, initial data, and the machine they are for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from weft.isa.encoding import Instruction, encode_all, make
from weft.isa.errors import ProgramError
from weft.isa.fields import INSTRUCTION_BYTES
from weft.isa.image import blank
from weft.isa.machine import Machine

DTYPES: Mapping[str, npt.DTypeLike] = {
    "float32": np.float32,
    "int32": np.int32,
    "bfloat16": ml_dtypes.bfloat16,
    "int8": np.int8,
}
"""Element types a buffer can have."""

BUFFER_KINDS = ("input", "state", "output", "constant", "scratch")


@dataclass(frozen=True)
class Buffer:
    """A named array in DRAM: ``shape`` elements of ``dtype``, row-major, at byte ``address``.

    ``pitch`` is the distance in bytes between consecutive rows (runs along the last axis); at least a row's
    own bytes. A buffer of kind ``state`` is read and, where the program updates it, rewritten in place.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    address: int
    pitch: int

    @property
    def rows(self) -> int:
        """Number of rows along the last axis."""
        return math.prod(self.shape[:-1])

    @property
    def row_elements(self) -> int:
        """Elements of one row."""
        return self.shape[-1] if self.shape else 1

    @property
    def bytes(self) -> int:
        """Bytes from the first element's start to the last row's pitch."""
        return self.rows * self.pitch

    def view(self, dram: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """The elements in a DRAM image, as an array [rows, row_elements] sharing its memory."""
        dtype = np.dtype(DTYPES[self.dtype])
        raw = dram[self.address : self.address + self.bytes].reshape(self.rows, self.pitch)
        return raw[:, : self.row_elements * dtype.itemsize].view(dtype)

    def read(self, dram: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """A copy of the buffer's value, in its shape."""
        return np.ascontiguousarray(self.view(dram)).reshape(self.shape)

    def write(self, dram: npt.NDArray[np.uint8], value: npt.ArrayLike) -> None:
        """Put ``value`` (same shape and dtype) into a DRAM image."""
        array = np.asarray(value)
        if array.shape != self.shape or array.dtype != np.dtype(DTYPES[self.dtype]):
            raise ProgramError(
                f"buffer '{self.name}' holds {self.dtype}{list(self.shape)}; given {array.dtype}{list(array.shape)}"
            )
        self.view(dram)[...] = array.reshape(self.rows, self.row_elements)


@dataclass(frozen=True, repr=False)
class Program:
    """``instructions`` lie from DRAM byte ``entry`` on and end with ``halt``, padded to whole fetch lines.

    ``data`` maps DRAM addresses to initial bytes. ``meta`` is plain JSON data that tools may add (the model's
    name, the graph nodes behind the instructions, useful multiply-accumulates).
    """

    machine: Machine
    instructions: tuple[Instruction, ...]
    entry: int = 0
    buffers: tuple[Buffer, ...] = ()
    data: Mapping[int, bytes] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def code(self) -> bytes:
        """The encoded instructions, padded with ``halt`` to whole lines."""
        per_line = self.machine.line_bytes // INSTRUCTION_BYTES
        missing = -len(self.instructions) % per_line
        return encode_all((*self.instructions, *(make("halt") for _ in range(missing))))

    @cached_property
    def dram_bytes(self) -> int:
        """Size of the DRAM image: everything the program names, rounded up to 4 KiB."""
        ends = [self.entry + len(self.code), *(b.address + b.bytes for b in self.buffers)]
        ends += [address + len(content) for address, content in self.data.items()]
        return -(-max(ends) // 4096) * 4096

    @cached_property
    def digest(self) -> str:
        """A stable hash of machine, code, layout and data."""
        h = hashlib.sha256(self.machine.digest().encode())
        h.update(self.code)
        h.update(repr((self.entry, self.buffers, sorted(self.data.items()))).encode())
        return h.hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the machine, each instruction as assembly text, the buffers, and of initial data address and
        size; ``meta`` as it is. The whole program is what ``weft.save_program`` writes."""
        from weft.isa.disassembler import instruction_text

        return {
            "machine": self.machine.to_dict(),
            "digest": self.digest,
            "entry": self.entry,
            "instructions": [instruction_text(instruction) for instruction in self.instructions],
            "buffers": [dataclasses.asdict(buffer) | {"shape": list(buffer.shape)} for buffer in self.buffers],
            "data": [{"address": address, "bytes": len(content)} for address, content in sorted(self.data.items())],
            "dram_bytes": self.dram_bytes,
            "meta": json.loads(json.dumps(dict(self.meta), allow_nan=False)),
        }

    def __repr__(self) -> str:
        name = self.meta.get("name")
        kinds = Counter(buffer.kind for buffer in self.buffers)
        held = ", ".join(f"{kinds[kind]} {kind}" for kind in BUFFER_KINDS if kinds[kind]) or "none"
        called = f"{name[:40]!r}, " if isinstance(name, str) else ""
        return f"Program({called}{len(self.instructions):,} instructions for {self.machine.name}, buffers: {held})"

    def buffer(self, name: str) -> Buffer:
        """The buffer called ``name``. Raises ProgramError naming those there are."""
        for candidate in self.buffers:
            if candidate.name == name:
                return candidate
        raise ProgramError(f"no buffer '{name}'; there are: {', '.join(b.name for b in self.buffers)}")

    def image(self) -> npt.NDArray[np.uint8]:
        """A fresh DRAM image with code and initial data in place; what is zero in it takes no memory.

        Raises ProgramError for a program that does not lie in its machine's DRAM.
        """
        if self.dram_bytes > self.machine.dram.bytes or min(self.entry, *self.data, 0) < 0:
            raise ProgramError(
                f"the program's code and data must lie between 0 and {self.machine.dram.bytes:#x}, the size of "
                f"'{self.machine.name}'s DRAM"
            )
        dram = blank(self.dram_bytes)
        dram[self.entry : self.entry + len(self.code)] = np.frombuffer(self.code, np.uint8)
        for address, content in self.data.items():
            dram[address : address + len(content)] = np.frombuffer(content, np.uint8)
        return dram
