"""Program files: exact round trip, and one clear error for every kind of bad file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from weft.isa.assembler import assemble
from weft.isa.container import check_machine, from_bytes, load, save, to_bytes
from weft.isa.errors import ProgramError
from weft.isa.machine import load as load_machine
from weft.isa.program import Program

TEXT = """\
.machine nano dram.latency=37
.entry 0x40
.buffer x input float32 4x4 @0x2000 pitch=16
.data 0x2000 float32 1 2 3 4
.data 0x3000 hex ff
.meta nodes {"a": [1, 2]}
load dram=0x2000 local=sp[0x0] bytes=16
halt
"""


@pytest.fixture
def program() -> Program:
    return assemble(TEXT, "p.s")


def test_the_file_holds_the_whole_program(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "p.weft"
    save(program, path)
    again = load(path)
    assert again == program
    assert again.digest == program.digest
    assert [i.source for i in again.instructions] == ["p.s:7", "p.s:8"]
    assert again.data == {0x2000: program.data[0x2000], 0x3000: b"\xff"}
    assert to_bytes(again) == to_bytes(program)


def test_writing_is_atomic(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.weft"
    path.write_bytes(b"before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ProgramError, match=r"p\.weft: cannot be written: No space left on device"):
        save(program, path)
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["p.weft"]


def test_every_truncation_is_noticed(program: Program) -> None:
    content = to_bytes(program)
    for length in range(len(content)):
        with pytest.raises(ProgramError, match=r"^p\.weft: .*(write it again|weft compile)"):
            from_bytes(content[:length], "p.weft")


def test_corruption_is_noticed(program: Program) -> None:
    content = to_bytes(program)
    rng = np.random.default_rng(3)
    for at in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(ProgramError, match=r"^p\.weft: "):
            from_bytes(bytes(damaged), "p.weft")


def test_foreign_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.weft"
    for content in (b"\x7fELF" + bytes(100), b"hello, I am a text file"):
        path.write_bytes(content)
        with pytest.raises(ProgramError, match=r"x\.weft: not a weft program; make one with weft compile"):
            load(path)
    save_file({"weights": np.zeros(4, np.float32)}, path)
    with pytest.raises(ProgramError, match="not a weft program"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(ProgramError, match="the file is empty"):
        load(path)
    with pytest.raises(ProgramError, match=r"none\.weft: cannot be read: No such file"):
        load(tmp_path / "none.weft")


def test_another_schema_is_named(program: Program) -> None:
    content = to_bytes(program)
    with pytest.raises(ProgramError, match="a program file of schema 9; this weft reads schema 1"):
        from_bytes(content.replace(b'schema\\": 1', b'schema\\": 9'), "p.weft")


def test_a_program_for_another_machine_is_refused(program: Program) -> None:
    check_machine(program, load_machine("nano", {"dram.latency": 37}))
    with pytest.raises(ProgramError) as error:
        check_machine(program, load_machine("edu"), "p.weft")
    assert str(error.value).startswith("p.weft: made for machine 'nano', not for 'edu' (dim is 4 in the program, 8 in")
    assert str(error.value).endswith("compile it again for 'edu'")
