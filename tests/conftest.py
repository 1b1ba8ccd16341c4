"""What all tests have: processes to run in, children with default signals, a disk that fails on demand, golden files.

The shell that starts the tests may ignore signals (``nohup``, ``trap``), and children would inherit that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import Disk

NAMES = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")


def pytest_configure() -> None:
    """Ignore by a handler, which children do not inherit, what is ignored by disposition, which they do; and turn off
    progress, which depends on how fast a test runs (``tests/weft/test_progress.py`` turns it on)."""
    os.environ["WEFT_PROGRESS"] = "off"
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads its options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run on all cores, as with ``-n auto --dist worksteal``, unless told otherwise or only files are named.

    Not in ``addopts``, where it would hold for one file too, whose workers take longer to start than it to run, and
    would refuse ``-p no:xdist``. Nor with ``--cov``, which has looked for ``-n`` by now.
    """
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput") or config.getoption("--cov", None):
        return
    if config.option.numprocesses is None and any(not name.partition("::")[0].endswith(".py") for name in config.args):
        config.option.numprocesses = "auto"
        if config.option.dist == "no":
            config.option.dist = "worksteal"


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
