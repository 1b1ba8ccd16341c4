"""The tests may be started by a shell that ignores signals: what they start has the default ones."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = [name for name in ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM") if hasattr(signal, name)]


def test_a_child_has_default_signals() -> None:
    code = f"import signal; print([n for n in {NAMES} if signal.getsignal(getattr(signal, n)) == signal.SIG_IGN])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no POSIX shell")
def test_under_a_shell_that_ignores_them() -> None:
    this = f"{Path(__file__)}::{test_a_child_has_default_signals.__name__}"
    script = f"trap '' {' '.join(name[3:] for name in NAMES)}; exec \"$0\" -m pytest -p no:cacheprovider \"$1\""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    root = Path(__file__).parents[1]
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, this], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
