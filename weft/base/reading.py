"""Reading what somebody else wrote: never more than the limit, and whatever is wrong is one error that names the place.

Every reader of a file goes through here: what Python raises for a bad text is told as the reader's own error.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from weft.base.errors import WeftError, printable
from weft.base.limits import TEXT_FILE, Limit

_BAD = (ValueError, OverflowError, RecursionError, MemoryError, TypeError, AttributeError, LookupError, OSError)
"""What Python raises for a text that is not what it should be."""
_REASONS: dict[type[BaseException], str] = {
    RecursionError: "nested too deeply",
    MemoryError: "needs more memory than there is",
    KeyError: "the key {} is missing",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MOST_SHOWN = 160


def shown(text: str, most: int = _MOST_SHOWN) -> str:
    """A text from a file as a message shows it: what does not print as escapes, and not too much of it."""
    return printable(text if len(text) <= most else f"{text[:most]}…").replace("\n", "\\n")


@contextmanager
def reading(where: str, error: type[Exception], remedy: str = "") -> Iterator[None]:
    """Whatever is raised here for a text that is not as it should be becomes an ``error`` that begins with ``where``
    and ends with the ``remedy``, if there is one.

    Errors for users (WeftError, ``error`` itself) go through as they are.
    """
    try:
        yield
    except (WeftError, error):
        raise
    except _BAD as problem:
        reason = next((text for kind, text in _REASONS.items() if isinstance(problem, kind)), "{}")
        if "sys.set_int_max_str_digits" in str(problem):  # Python's advice is not for who wrote the file
            reason = f"a number has more than {sys.get_int_max_str_digits()} digits"
        told = reason.format(shown(str(problem)) or type(problem).__name__)
        raise error(f"{where} ({told}); {remedy}" if remedy else f"{where}: {told}") from problem


def read_bytes(path: Path | str, error: type[Exception], limit: Limit) -> bytes:
    """The contents of a file or a pipe. Raises ``error`` if it cannot be read, LimitError if it is over ``limit``."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit.value + 1)
    except (OSError, ValueError) as problem:  # ValueError: a name with a zero byte
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{shown(str(path), 4096)}: cannot be read: {reason}") from problem
    limit.hold(len(content), f"{shown(str(path), 4096)}: is too large: at least")
    return content


def read_text(path: Path | str, error: type[Exception], limit: Limit = TEXT_FILE) -> str:
    """A UTF-8 file's text, without a byte-order mark. Raises ``error``, LimitError."""
    content = read_bytes(path, error, limit)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as problem:
        reason = f"{problem.reason} at byte {problem.start}"
        raise error(f"{shown(str(path), 4096)}: cannot be read as text: {reason}") from problem


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, without what JSON has not: NaN, infinities, halves of characters.

    Raises ValueError, RecursionError; belongs inside :func:`reading`.
    """
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    check_characters(text, value)
    return value


def json_prefix(text: str) -> tuple[Any, int]:
    """The JSON value at the beginning of ``text``, as :func:`parse_json` reads it, and where it ends."""
    value, end = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode(text)
    check_characters(text[:end], value)
    return value, end


def check_characters(text: str | bytes, value: Any) -> None:
    """Raise ValueError if ``value``, read from the JSON ``text``, holds half of a character (a lone surrogate)."""
    source = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if _SURROGATE.search(source):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half of a character, such as \\ud800") from None


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text, 40)} is beyond the range of numbers")
    return value


def whole(value: Any, what: str) -> int:
    """``value`` if it is an integer of at most 64 bits. Raises ValueError that names ``what``."""
    if type(value) is not int or not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{what} is {shown(repr(value), 40) if type(value) is not int else 'too large'}; "
                         "it must be an integer of at most 64 bits")  # fmt: skip
    return value


def name(value: Any, what: str) -> str:
    """``value`` if it is a text that can be shown anywhere as it is. Raises ValueError that names ``what``.

    Control characters, and those that have no width or turn the direction of writing, do not print.
    """
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{what} is {shown(repr(value), 80)}; it must be a text of characters that print")
    return value
