"""How a user's script is run: in the caller's folder, off stdout, in any thread, and ended whatever it catches."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.weft.user_scripts import HEAD, LOOP, script, taken


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_script_that_changes_its_folder_moves_no_path_of_the_caller(weft: Any, tmp_path: Path) -> None:
    Path("far").mkdir()
    target = script("import os\nos.chdir('far')\n" + HEAD + LOOP)
    assert weft("compile", target, "-o", "p.weft").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far", "p.weft", "train.py"]
    assert Path.cwd() == tmp_path
    script("import os\nos.chdir('far')\nraise SystemExit(3)\n")
    weft("verify", target).refused(2, "error: train.py:3: the script exits with 3")
    assert Path.cwd() == tmp_path


def test_what_the_script_writes_to_the_descriptor_of_stdout_is_not_in_the_json(tmp_path: Path) -> None:
    words = "import os, subprocess, sys\nos.write(1, b'one\\n')\nsubprocess.run(['echo', 'two'])\n"
    words += "print('three', file=sys.__stdout__)\n"
    target = script(words + HEAD + LOOP)
    command = [sys.executable, "-m", "weft", "verify", target, "--engines", "fast,interp", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert json.loads(done.stdout)
    assert {"one", "two", "three"} <= set(done.stderr.splitlines())


FOREVER = {
    "a bare except": "while True:\n    try:\n        STEP\n    except:\n        pass\n",
    "suppressed": "import contextlib\nwhile True:\n    with contextlib.suppress(BaseException): STEP\n",
    "in a function": "def f():\n    try: STEP\n    except BaseException:\n        return\nwhile True:\n    f()\n",
    "then something else": "try:\n    loss = STEP\nexcept BaseException:\n    pass\nprint(loss)\n",
}


@pytest.mark.parametrize("how", FOREVER)
def test_a_script_that_catches_everything_is_ended(how: str) -> None:
    before = sys.gettrace()
    found = taken(HEAD + FOREVER[how].replace("STEP", "step(weft.ones(2, 4), weft.ones(2, 2))"))
    assert found.arguments == "x float32[2, 4], y float32[2, 2]"
    assert sys.gettrace() is before


def test_layers_that_catch_everything_end_the_process_with_2(tmp_path: Path) -> None:
    loop = "while True:\n  try:\n    try: step(weft.ones(2, 4), weft.ones(2, 2))\n    except BaseException: pass\n"
    target = script(HEAD + loop + "  except BaseException: pass\n")
    command = [sys.executable, "-m", "weft", "verify", target]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: train.py:17: the script catches what ends it at its call of step; catch Exception, not BaseException\n"
    )


def test_a_step_in_another_thread_is_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest's takes SystemExit for a failure
    run = "def run():\n    step(weft.ones(2, 4), weft.ones(2, 2))\n"
    started = "import threading\nthread = threading.Thread(target=run)\nthread.start()\nthread.join()\n"
    pooled = "from concurrent.futures import *\nwith ThreadPoolExecutor() as p:\n    p.submit(run).result()\n"
    for rest in (started, pooled):
        found = taken(HEAD + run + rest)
        assert (found.arguments, found.where) == ("x float32[2, 4], y float32[2, 2]", "train.py:16")
    assert capsys.readouterr().err == ""
