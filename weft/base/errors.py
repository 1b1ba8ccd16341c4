"""The root of all errors that a user can meet, each with one clear message, and those that no single part owns."""

from __future__ import annotations

import re

_LONG = re.compile(r"(\S{1000})\S+")


def printable(text: str) -> str:
    """``text`` with every character that does not print (controls, those without width or that turn the direction of
    writing, halves of characters) as its escape, such as ``\\x1b``; only the line feed stays."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


class WeftError(Exception):
    """A mistake in what the user gave: the message says what, where, and what would be right.

    What does not print in it (it may quote a file) is escaped, and words without end are cut. ``exit_code`` is what the
    command line ends with (2: usage or configuration).
    """

    exit_code = 2

    def __str__(self) -> str:
        return _LONG.sub(r"\1…", printable(super().__str__()))


class LimitError(WeftError):
    """A file or a program that asks for more than a limit allows."""


class MissingToolError(WeftError):
    """An optional tool is absent; the message says which and how to get it."""

    exit_code = 5
