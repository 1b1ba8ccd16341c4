"""Work that a test can count, where time is no property of the code: the calls it makes, of Python and of C."""

from __future__ import annotations

import sys
from collections.abc import Callable


def calls(do: Callable[[], object]) -> int:
    """How many calls ``do`` makes, at any depth."""
    made, before = 0, sys.getprofile()

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(before)
    return made
