"""What all tests have: children with default signals, a disk that fails when it is told to, and golden files.

The shell that starts the tests may ignore signals (``nohup``, ``trap``), and children would inherit that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import Disk

NAMES = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")


def pytest_configure() -> None:
    """Ignore by a handler, which children do not inherit, what is ignored by disposition, which they do."""
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` writes what the golden files should hold; look at the difference before it is committed."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden("name.txt", text)``: ``text`` is what tests/golden/name.txt holds."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), "if that is meant: pytest --update-golden"

    return check


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that can be told to fail."""
    return Disk(monkeypatch)
