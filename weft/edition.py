"""Which edition of weft this is: the whole, or the course edition that students install for the labs.

`weft lab export` writes the course edition as a wheel without the parts that hold answers, and fills in ``LEFT_OUT``.
"""

from __future__ import annotations

from weft.base.distribution import VERSION
from weft.base.errors import MissingToolError

LEFT_OUT: tuple[str, ...] = ()
"""Public names of ``weft`` that this edition lacks; empty in the whole weft."""

PARTS = (
    "weft.framework", "weft.compiler", "weft.rtl", "weft.reports", "weft.sim.rtl", "weft.sim.pysim", "weft.testbench",
)  # fmt: skip
"""Packages and modules that the course edition leaves out."""

VERBS = ("asm", "disasm", "sim", "lab", "cache", "doctor", "completion")
"""Verbs that the course edition has."""

LOCAL = "+course"
"""What the course edition adds to the version."""

MARK = "(not in the course edition)"
"""Stands beside the other verbs in its help."""


def is_course() -> bool:
    """True in the course edition."""
    return bool(LEFT_OUT)


def version() -> str:
    """The version of this edition; that of the course edition says so."""
    return VERSION + LOCAL if is_course() else VERSION


def has(verb: str) -> bool:
    """True if this edition has ``weft VERB``."""
    return not is_course() or verb in VERBS


def leaves_out(module: str) -> bool:
    """True if this edition is without ``module``, which was not found."""
    return is_course() and (is_part(module) or module.startswith("weft."))


def is_part(module: str) -> bool:
    """True if ``module`` is one that the course edition leaves out."""
    return any(module == part or module.startswith(f"{part}.") for part in PARTS)


def refusal(wanted: str) -> MissingToolError:
    """The error for what this edition lacks."""
    has = "the instruction set, the simulators and the labs"
    return MissingToolError(
        f"this is the course edition of weft: it has {has}, but not {wanted}; install the whole weft for that"
    )
