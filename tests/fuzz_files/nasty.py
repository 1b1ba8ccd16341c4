"""Random damage: values that readers stumble over, and ways to put them into JSON, into text and into bytes."""

from __future__ import annotations

import json
import random
import re
from typing import Any

DIGITS = "9" * 5000
LITERALS = (
    "0", "-1", "1", "255", "256", "65535", "65536", "4294967295", "4294967296", "-9223372036854775809", "1e999",
    "-1e999", "1.5", "NaN", "Infinity", "-Infinity", "null", "true", "false", '""', '"x"', '"\\u001b[31m"', '"\\u202e"',
    '"\\ud800"', '"\\u0000"', "[]", "{}", "[[]]", "[" * 2000, "[" * 900 + "]" * 900, '{"a":' * 1200, DIGITS,
    "1" + "0" * 400, '"' + "x" * 5000 + '"', "18446744073709551616", "1e308", "0.1", "1e-400", "[1,2,3]", '{"name": 1}',
)  # fmt: skip
"""JSON as it is written; some of it is not JSON."""
WORDS = (
    "0", "-1", "65535", "4294967295", "4294967296", DIGITS, "0x" + "f" * 5000, "1e999", "nan", "-inf", '"a\\q"', '"a"b',
    '"', "\x1b[31m", "\u202e", "\x00", "@", "x", "s15", "s16", "s0,s0", "sp[0x0]", "acc[0xffffff]", "sp[", "none", "#",
    "=", "a=b=c", "0x", "0b12", "1_0", "٣", "9" * 20, "-0", "+1", "1x1", "4294967296x4294967296x2", "scalar", ".meta",
    ".data", ".machine", "loop", "end", "halt", "[" * 2000, "{" * 2000, "''", '"""', "[[x]]", "true", "inf",
    "1979-05-27",
)  # fmt: skip
"""Words of a text."""
_MARK = "\ue000"  # stands in a JSON text where a literal goes


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found.append((value, key))
        _places(value[key], found)
    return found


def json_text(rng: random.Random, value: Any) -> str:
    """The JSON ``value``, which is changed, with one to three faults in it."""
    literals = []
    for _ in range(rng.randint(1, 3)):
        places = _places(value, [])
        if not places:
            break
        holder, key = rng.choice(places)
        kind = rng.random()
        if kind < 0.5:
            literals.append(rng.choice(LITERALS))
            holder[key] = f"{_MARK}{len(literals) - 1}{_MARK}"
        elif kind < 0.7 and isinstance(holder[key], int):
            holder[key] += rng.choice((-1, 1, 1 << 31, 1 << 32, -(1 << 63)))
        elif kind < 0.8:
            del holder[key]
        elif kind < 0.9:
            other, place = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[place])) if place in other or isinstance(other, list) else None
        elif isinstance(holder, dict):
            holder[rng.choice(WORDS)] = rng.choice((0, [], {}, "x"))
        else:
            holder.append(holder[key])
    text = json.dumps(value)
    for number, literal in enumerate(literals):
        text = text.replace(json.dumps(f"{_MARK}{number}{_MARK}"), literal)
    return text


def text(rng: random.Random, source: str) -> str:
    """``source`` with some of its words and lines replaced, dropped, doubled or moved."""
    lines = source.splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        kind = rng.random()
        words = re.split(r"([\s=,\[\]]+)", lines[at])
        if kind < 0.55:
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            lines[at] = "".join(words)
        elif kind < 0.7:
            lines[at] += " " + rng.choice(WORDS)
        elif kind < 0.8 and len(lines) > 1:
            del lines[at]
        elif kind < 0.9:
            lines.insert(rng.randrange(len(lines) + 1), lines[at])
        else:
            lines.insert(at, rng.choice(WORDS))
    return "\n".join(lines) + rng.choice(("\n", "", "\r\n", "\x0c"))


def raw(rng: random.Random, content: bytes) -> bytes:
    """``content`` with bits turned, a piece cut out, doubled or put in."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(damaged) + 1)
        kind = rng.random()
        if kind < 0.5 and at < len(damaged):
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind < 0.65:
            del damaged[at : at + rng.choice((1, 7, 64, 1 << 20))]
        elif kind < 0.8:
            damaged[at:at] = rng.randbytes(rng.choice((1, 8, 100)))
        else:
            damaged[at:at] = damaged[: rng.choice((1, 8, 64))]
    return bytes(damaged)
