"""Labs: graded exercises. A grader writes with what is exported here; see ``labs/README.md``."""

from weft.lab.api import Check, Difference, Unwritten, check, expect, measure

__all__ = ["Check", "Difference", "Unwritten", "check", "expect", "measure"]
