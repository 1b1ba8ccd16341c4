"""Reading what somebody else wrote: bounded, and whatever is wrong is one error that begins with the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save as encode

from weft.base.errors import LimitError, WeftError, printable
from weft.base.limits import TEXT_FILE
from weft.isa import container, machine
from weft.isa.assembler import assemble, assemble_file
from weft.isa.disassembler import disassemble
from weft.isa.encoding import make
from weft.isa.errors import AssemblyError, MachineError, ProgramError
from weft.isa.limits import LIMITS, table
from weft.isa.program import Buffer, Program
from weft.isa.validator import problems, validate
from weft.reports import result
from weft.sim.operators import read_operators, useful_macs

HEAD = ".machine nano\n"
DIGITS, DEEP = "9" * 5000, 2000
HIDDEN = ("\x1b[31m", "\u202e", "\u200b", "\x00", "\x85")
"""A terminal's command, a turned direction, no width, a zero, a line end that few know."""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f".entry {DIGITS}", ".entry = 9999999999999999999999999999999999999999: must be an integer of at most 64"),
        (f".entry 0x{'f' * 5000}", "must be an integer of at most 64 bits"),
        (".entry 0x10000000000000000", "must be an integer of at most 64 bits"),
        (f".data 0x0 int32 {DIGITS}", "must be an integer of at most 64 bits"),
        (f".data 0x0 float32 1e{DIGITS}", "a value is not one of float32"),
        (".data 0x0 float32 1e39", "a value is not one of float32"),
        (".data 0x0 bfloat16 3.4028e38", "a value is not one of bfloat16"),
        (f"loop count={DIGITS}", "must be an integer of at most 64 bits"),
        (f"load wait=s{DIGITS}", "must be semaphores from s0 to s15"),
        (f".machine nano dim={DIGITS}", "must be an integer of at most 64 bits"),
        (f".meta x {DIGITS}", ".meta: needs a key and valid JSON: a number has more than 4300 digits"),
        (f".meta x {'[' * DEEP}", ".meta: needs a key and valid JSON: nested too deeply"),
        (f".meta x {'[' * DEEP}{']' * DEEP}", "nested too deeply"),
        (".meta useful_macs 1e999", "1e999 is beyond the range of numbers"),
        (".meta x NaN", "NaN is no JSON number"),
        (".meta x Infinity", "Infinity is no JSON number"),
        ('.meta x "\\ud800"', "a text holds half of a character, such as \\ud800"),
        ('.buffer "a\\q" input int8 1 @0x0', "a text in double quotes is written as in JSON: Invalid \\escape"),
        ('.buffer "a"b input int8 1 @0x0', "a text in double quotes is written as in JSON: Extra data"),
        ('.machine "a"b', "a text in double quotes is written as in JSON: Extra data"),
        ('.buffer "\\u001b[31m" input int8 1 @0x0', "a name: it is '\\x1b[31m'; it must be a text of characters that"),
        ('.machine nano name="\\u202e"', "a name: it is '\\u202e'; it must be a text of characters that print"),
        (f".machine {'x' * 5000}", "no machine 'xxxxxxxxxx"),
    ],
)
def test_bad_lines_of_assembly(line: str, message: str) -> None:
    with pytest.raises(AssemblyError) as error:
        assemble(f"{HEAD}{line}\nhalt\n", "p.s")
    assert str(error.value).startswith("p.s:2: ")
    assert message in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"dim = {DIGITS}", "not valid TOML: "),
        (f"dim = 0x{'f' * 5000}", "dim: must be from 2 to 128; it is over 64 bits long"),
        (f"x = {'[' * DEEP}", "not valid TOML: nested too deeply"),
        (f"x = {'[' * DEEP}{']' * DEEP}", "nested too deeply"),
        (f"name = {'[' * 200}{']' * 200}", "name = ["),
        ('name = "\\u001b[31m"', "name is '\\x1b[31m'; it must be a text of characters that print"),
        ('"\\u001b" = 1', "unknown key '\\x1b'"),
        ("dim = inf", "dim = inf: must be an integer"),
    ],
)
def test_bad_machines(text: str, message: str, tmp_path: Path) -> None:
    good = (machine.PRESETS / "nano.toml").read_text(encoding="utf-8")
    key = text.split(" = ")[0]
    lines = [line for line in good.splitlines() if not line.startswith(f"{key} =")]
    path = tmp_path / "m.toml"
    path.write_text("\n".join([text, *lines]), encoding="utf-8")
    with pytest.raises(MachineError) as error:
        machine.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def repacked(change: Callable[[dict[str, Any]], None] | str) -> bytes:
    """A program's file with a changed description, and a checksum that is right for it; a text replaces the value of
    ``entry`` as it stands."""
    program = assemble(f"{HEAD}.buffer x input int8 4 @0x2000\n.data 0x2000 hex 01020304\nhalt\n", "p.s")
    content = container.to_bytes(program)
    tensors = container._tensors(program)
    size = int.from_bytes(content[:8], "little")
    values = json.loads(json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["weft"])["program"])
    if isinstance(change, str):
        header = json.dumps({**values, "entry": "HERE"}).replace('"HERE"', change)
    else:
        change(values)
        header = json.dumps(values)
    described = {"format": container.FORMAT, "schema": 1, "sha256": container._checksum(header, tensors)}
    return encode(tensors, {"weft": json.dumps({**described, "program": header})})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("Infinity", "Infinity is no JSON number"),
        ("1e999", "1e999 is beyond the range of numbers"),
        ("1.5", "entry is 1.5; it must be an integer of at most 64 bits"),
        ("true", "entry is True; it must be an integer"),
        (DIGITS, "a number has more than 4300 digits"),
        (str(1 << 64), "entry is too large; it must be an integer of at most 64 bits"),
        ("[" * DEEP, "nested too deeply"),
        ('"\\ud800"', "a text holds half of a character"),
        (lambda v: v["buffers"][0].update(name="\x1b[31m"), "the name of a buffer is '\\x1b[31m'; it must be a text"),
        (lambda v: v["buffers"][0].update(shape=["4"]), "the shape of buffer 'x' is '4'; it must be an integer"),
        (lambda v: v["buffers"][0].update(pitch=None), "pitch of buffer 'x' is None"),
        (lambda v: v["machine"].update(name="\u202e"), "machine: name is '\\u202e'"),
        (lambda v: v.update(machine=7), "machine: must be a table of keys"),
        (lambda v: v.update(instructions=-1), "it says that it has -1 instructions"),
        (lambda v: v.update(instructions=1 << 40), "it says that it has 1099511627776 instructions"),
        (lambda v: v.update(meta=7), "the program's description is not valid ("),
        (lambda v: v.pop("buffers"), "'buffers'"),
    ],
)
def test_bad_descriptions_with_a_right_checksum(
    change: Callable[[dict[str, Any]], None] | str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.weft"
    path.write_bytes(repacked(change))
    with pytest.raises(ProgramError) as error:
        container.load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_source_is_shown_with_escapes() -> None:
    program = container.from_bytes(repacked(lambda v: v.update(sources=["a\x1b[31m\nb"])))
    assert program.instructions[0].source == "a\\x1b[31m\\nb"
    assert assemble(f"{HEAD}halt", "\x1b.s").instructions[0].source == "\\x1b.s:2"
    named = Program(machine.load("nano"), (make("halt", "\x1b\u202e"),))
    assert disassemble(named).endswith("halt  ; \\x1b\\u202e\n")


def test_a_buffer_whose_size_wraps_around_64_bits_is_refused() -> None:
    program = assemble(f"{HEAD}.buffer x input bfloat16 4294967296x4294967296x2 @0x0\nhalt\n", "p.s")
    assert program.buffers[0].bytes == 1 << 66
    with pytest.raises(ProgramError, match=r"the program needs 0x40000000000000000 bytes of DRAM; 'nano' has "):
        validate(program)


@pytest.mark.parametrize(
    ("shape", "pitch", "message"),
    [
        ((0, 4), 4, "buffer 'x': its sizes [0, 4] must be at least 1"),
        ((-1, -4), 4, "buffer 'x': its sizes [-1, -4] must be at least 1"),
        ((2, 4), 15, "buffer 'x': pitch = 15: must be at least the 16 bytes of a row"),
        ((2, 4), -16, "buffer 'x': pitch = -16: must be at least the 16 bytes of a row"),
    ],
)
def test_buffers_are_arrays(shape: tuple[int, ...], pitch: int, message: str) -> None:
    buffer = Buffer("x", "input", "float32", shape, 0x2000, pitch)
    found = problems(Program(machine.load("nano"), (make("halt"),), 0, (buffer,)))
    assert message in [problem.text for problem in found]


@pytest.mark.parametrize("macs", ['"x"', "1.5", "-1", "true", "[1]", str(1 << 63)])
def test_useful_products_are_a_count(macs: str) -> None:
    with pytest.raises(ProgramError, match=r"the program says useful_macs = .*, which is no count; compile it again"):
        useful_macs(assemble(f"{HEAD}.meta useful_macs {macs}\nhalt"))


def test_an_operators_name_is_shown_with_escapes() -> None:
    operators = '[{"name": "\\u001b[31m", "instructions": [[0, 1]]}]'
    assert read_operators(assemble(f"{HEAD}.meta operators {operators}\nhalt"))[0].name == "\\x1b[31m"


READERS: list[tuple[Callable[[Path], Any], type[WeftError]]] = [
    (container.load, ProgramError),
    (assemble_file, AssemblyError),
    (machine.load, MachineError),
    (result.load, result.ResultError),
]


@pytest.mark.parametrize(("read", "error"), READERS)
def test_every_reader_stops_at_its_limit_and_says_so(
    read: Callable[[Path], Any], error: type[WeftError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in LIMITS:
        monkeypatch.setenv(limit.variable, "1000")
    path = tmp_path / "long"
    path.write_bytes(b" " * 1001)
    with pytest.raises(LimitError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: is too large: at least 1,001 bytes, over the limit of 1,000 (the")
    assert "; WEFT_LIMIT_" in str(caught.value)
    path.write_bytes(b" " * 1000)
    with pytest.raises(error):
        read(path)


@pytest.mark.parametrize(("read", "error"), [READERS[0], READERS[1], READERS[3]])
def test_an_endless_file_is_read_up_to_the_limit(
    read: Callable[[Path], Any], error: type[WeftError], monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in LIMITS:
        monkeypatch.setenv(limit.variable, str(1 << 20))
    with pytest.raises(LimitError, match=r"/dev/zero: is too large: at least 1,048,577 bytes"):
        read(Path("/dev/zero"))


@pytest.mark.parametrize("value", ["", "x", "-1", "0", "1.5", "9" * 5000, "\u0661"])
def test_a_limit_is_a_count(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEXT_FILE.variable, value)
    with pytest.raises(WeftError, match=r"^WEFT_LIMIT_TEXT_FILE=.*: must be a count of bytes, such as 67108864$"):
        table()


def test_limits_are_told_as_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_LIMIT_EXECUTED", "7")
    rows = {row["name"]: row for row in table()}
    assert rows["executed"]["value"] == 7
    assert rows["executed"]["variable"] == "WEFT_LIMIT_EXECUTED"
    assert rows["text_file"]["value"] == rows["text_file"]["default"] == TEXT_FILE.default
    assert json.loads(json.dumps(table())) == table()


@pytest.mark.parametrize("text", HIDDEN)
def test_errors_show_nothing_that_does_not_print(text: str) -> None:
    message = str(ProgramError(f"a{text}b\nc"))
    assert message.replace("\n", "").isprintable()
    assert message.count("\n") == 1
    assert printable("4×8 “ä” 漢字") == "4×8 “ä” 漢字"


@pytest.mark.parametrize("text", HIDDEN)
def test_results_show_nothing_that_does_not_print(text: str) -> None:
    program = assemble(f"{HEAD}.meta name {json.dumps(text)}\nhalt")
    built = result.build(result.ResultParts(result.workload_of(program)))
    assert built["workload"]["model"].isprintable()
    assert len(built["workload"]["model"]) > len(text)


def test_a_section_of_an_unknown_type_is_refused() -> None:
    content = bytearray(container.to_bytes(assemble(f"{HEAD}halt")))
    assert b'"U8"' in content
    with pytest.raises(ProgramError, match=r"^p\.weft: "):
        container.from_bytes(bytes(content.replace(b'"U8"', b'"XX"')), "p.weft")
