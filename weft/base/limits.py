"""How much a file or a program may ask of this computer: what a limit is, each with a variable that changes it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from weft.base.errors import LimitError, WeftError


@dataclass(frozen=True)
class Limit:
    """A limit on ``unit``\\ s of something. ``name`` is part of its variable, ``doc`` says what is counted."""

    name: str
    default: int
    unit: str
    doc: str

    @property
    def variable(self) -> str:
        """The environment variable that changes it."""
        return f"WEFT_LIMIT_{self.name.upper()}"

    @property
    def value(self) -> int:
        """The limit that holds. Raises WeftError for a variable that is no count."""
        given = os.environ.get(self.variable)
        if given is None:
            return self.default
        if not (given.isascii() and given.isdecimal() and len(given) < 20 and int(given) > 0):
            raise WeftError(f"{self.variable}={given[:40]}: must be a count of {self.unit}s, such as {self.default}")
        return int(given)

    def hold(self, needed: int, what: str) -> None:
        """Raise LimitError if ``needed`` is over the limit; ``what`` says of what, and ends where the number goes."""
        if needed > self.value:
            raise LimitError(
                f"{what} {_count(needed)} {self.unit}s, over the limit of {self.value:,} ({self.doc}); "
                f"{self.variable} changes it"
            )


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**18 else "over 10^18"


TEXT_FILE = Limit("text_file", 1 << 26, "byte", "the size of a text that is read: assembly, machine, result")
