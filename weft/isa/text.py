"""How one field value, one semaphore set or one address looks in assembly text, both ways."""

from __future__ import annotations

import difflib
import re
import struct
from collections.abc import Iterable

from weft.isa.errors import AssemblyError
from weft.isa.fields import SEMAPHORES, Field, FieldKind
from weft.isa.instructions import ACCUMULATOR_BIT

_MOST_NAME = 100  # characters of a name that may be a misspelt one
_LOCAL = re.compile(r"(sp|acc)\[([^\]]*)\]")
_FLOAT = re.compile(r"[+-]?(\d+\.\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|\d+[eE][+-]?\d+|inf|nan)")
_TOKEN = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s;#"])+')


def local_text(address: int) -> str:
    """A local address as ``sp[0x40]`` or ``acc[0x40]``."""
    if address & ACCUMULATOR_BIT:
        return f"acc[{address & ~ACCUMULATOR_BIT:#x}]"
    return f"sp[{address:#x}]"


def mask_text(mask: int) -> str:
    """A set of semaphores as ``s1,s3``."""
    return ",".join(f"s{i}" for i in range(SEMAPHORES) if mask >> i & 1)


def field_text(field: Field, value: int) -> str:
    """A field's value as the assembler reads it."""
    if field.kind is FieldKind.CHOICE:
        return field.choices[value]
    if field.kind is FieldKind.MASK:
        return mask_text(value) or "none"
    if field.kind is FieldKind.LOCAL:
        return local_text(value)
    if field.kind is FieldKind.DRAM or field.name == "imm":
        return f"{value:#x}"
    return str(value)


def suggestion(given: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest known name, or nothing."""
    if len(given) > _MOST_NAME:  # the search takes quadratic time
        return ""
    close = difflib.get_close_matches(given, list(known), 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """``no model 'mpl'; did you mean 'mlp'? there are: cnn, mlp``: the words for a name that is none of ``known``."""
    names = list(known)
    near = suggestion(given, names)
    listed = f"there are: {', '.join(names)}" if names else "there are none"
    return f"no {what} '{given[:_MOST_NAME]}'{near}{' ' if near else '; '}{listed}"


def parse_integer(text: str, what: str) -> int:
    """A decimal, ``0x`` or ``0b`` integer of at most 64 bits, with an optional sign. Raises AssemblyError."""
    try:
        value = int(text, 0) if len(text) <= _MOST_NAME else 1 << 64
    except ValueError:
        raise AssemblyError(f"{what} = {text}: must be an integer such as 16, -4 or 0x40") from None
    if not -(1 << 63) <= value < 1 << 64:
        raise AssemblyError(f"{what} = {text[:40]}: must be an integer of at most 64 bits")
    return value


def parse_local(text: str, what: str) -> int:
    """The address that ``sp[0x40]`` or ``acc[0x40]`` stands for. Raises AssemblyError."""
    match = _LOCAL.fullmatch(text)
    if match is None:
        raise AssemblyError(f"{what} = {text}: must be an address such as sp[0x40] or acc[0x40]")
    address = parse_integer(match[2], what)
    if not 0 <= address < ACCUMULATOR_BIT:
        raise AssemblyError(f"{what} = {text}: must be from 0 to {ACCUMULATOR_BIT - 1:#x} within a memory")
    return address | (ACCUMULATOR_BIT if match[1] == "acc" else 0)


def parse_mask(text: str, what: str) -> int:
    """The set that ``s1,s3`` (or ``none``) stands for. Raises AssemblyError."""
    mask = 0
    for name in [] if text == "none" else text.split(","):
        number = name[1:]
        if not (name.startswith("s") and number.isdecimal() and len(number) < 3 and int(number) < SEMAPHORES):
            raise AssemblyError(f"{what} = {text[:80]}: must be semaphores from s0 to s{SEMAPHORES - 1}, such as s1,s3")
        mask |= 1 << int(number)
    return mask


def parse_field(field: Field, text: str, what: str) -> int:
    """The value of ``field`` that ``text`` stands for; its range is checked by ``isa.encoding.make``.

    The immediate may also be written as a float, which means its fp32 bits. Raises AssemblyError.
    """
    if field.kind is FieldKind.CHOICE:
        if text not in field.choices:
            known = ", ".join(field.choices)
            raise AssemblyError(f"{what} = {text}: must be one of {known}{suggestion(text, field.choices)}")
        return field.choices.index(text)
    if field.kind is FieldKind.MASK:
        return parse_mask(text, what)
    if field.kind is FieldKind.LOCAL:
        return parse_local(text, what)
    if field.name == "imm" and _FLOAT.fullmatch(text):
        try:
            return int.from_bytes(struct.pack("<f", float(text)), "little")
        except OverflowError:
            raise AssemblyError(f"{what} = {text}: is beyond the fp32 range") from None
    value = parse_integer(text, what)
    if field.name == "imm" and -(1 << 31) <= value < 0:
        return value + (1 << 32)
    return value


def tokens(line: str) -> list[str]:
    """The words of a line, its comment left out; a word in double quotes may hold anything.

    Raises AssemblyError for an open quote.
    """
    found: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at >= len(line) or line[at] in ";#":
            return found
        match = _TOKEN.match(line, at)
        if match is None:
            raise AssemblyError("a double quote is never closed")
        found.append(match[0])
        at = match.end()
