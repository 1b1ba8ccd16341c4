"""How a check judges: at the first difference, with the cycles that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench import Values, as_text
from contract import NARROW
from formal import Claim, Cycle, prove

from weft.lab import Difference

Wanted = tuple[int, str, int]
"""In this cycle the signal of this name has this value."""


def compare(seen: Sequence[Values], wanted: Iterable[Wanted], where: str, shown: Sequence[str] = ()) -> None:
    """Raise the first difference of what was seen from (cycle, name, value), and print the cycles that led to it."""
    for cycle, name, value in wanted:
        if seen[cycle][name] != value:
            start = max(0, cycle - 5)
            print(f"cycles {start} to {cycle}, as your circuit ran them:")
            print(as_text(seen[start : cycle + 1], shown or None, start))
            raise Difference(f"{name} in cycle {cycle}{where}", str(value), str(seen[cycle][name]))


def holds(claims: Sequence[Claim], cycles: Sequence[Cycle], of: str) -> None:
    """Raise the difference, with its inputs printed, if some inputs break a claim."""
    found = prove(claims, cycles)
    if found is not None:
        bits, total = NARROW.values()
        print(f"inputs that show it ({of} of {bits}-bit numbers and {total}-bit sums, from reset on):")
        print(as_text(found.seen))
        raise Difference(f"{found.claim.what} in cycle {found.claim.cycle}", str(found.expected), str(found.actual))
