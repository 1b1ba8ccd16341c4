"""Child processes are ended with all that they have started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from weft.base.children import Children

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=sys.stdout)
print("started", flush=True)
child.wait()
"""


def test_what_runs_is_ended_with_what_it_has_started() -> None:
    children = Children()
    process = children.begin([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    children.end()
    assert process.stdout.read() == ""  # nobody holds the other end any more
    process.stdout.close()
    assert process.wait() != 0
    with pytest.raises(InterruptedError, match="the work was given up"):
        children.begin([sys.executable, "-c", ""])
