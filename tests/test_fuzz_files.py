"""Five hundred hostile files of each kind: read with one error or used without one, within bounds. More of them:
``python -m tests.fuzz_files``."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from tests.fuzz_files import attempt, hostile, small_limits
from tests.fuzz_files.kinds import KINDS

COUNT = 500
MEMORY = 256 << 20
"""Bytes by which all files of a kind together may raise what the process holds."""
ACCEPTED = {"program": 100, "assembly": 20, "machine": 5, "checkpoint": 3, "result": 20}
"""How many at least are accepted: files that are all refused at the door try nothing behind it."""


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    accepted = 0
    with small_limits():
        path.write_bytes(hostile(kind, 0))
        attempt(kind, path)  # what is imported and compiled once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(COUNT):
            path.write_bytes(hostile(kind, number))
            try:
                accepted += attempt(kind, path)
            except Exception as problem:
                raise AssertionError(f"{kind} {number}") from problem
    assert accepted >= ACCEPTED[kind]
    if sys.platform == "linux":
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_the_same_whenever_it_is_made(kind: str) -> None:
    assert [hostile(kind, number) for number in range(20)] == [hostile(kind, number) for number in range(20)]
    assert len({hostile(kind, number) for number in range(20)}) == 20
