"""What all tests have: children with default signals, and a disk that fails when it is told to.

The shell that starts the tests may ignore signals (``nohup``, ``trap``), and children would inherit that.
"""

from __future__ import annotations

import signal

import pytest

from tests.faults import Disk

NAMES = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")


def pytest_configure() -> None:
    """Ignore by a handler, which children do not inherit, what is ignored by disposition, which they do."""
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that can be told to fail."""
    return Disk(monkeypatch)
