"""How the project is worked on: hooks that run offline, and a hosted CI that calls ``.ci/run`` and nothing unpinned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
SCRIPTS = Path(str(metadata.distribution("pre-commit").locate_file("../../../bin"))).resolve()
"""Where the programs of the [dev] extra lie."""
SEARCH = os.pathsep.join([str(Path(sys.executable).parent), str(SCRIPTS), os.environ["PATH"]])


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_hooks_are_local_and_their_programs_come_with_dev() -> None:
    assert re.findall(r"^ +- repo: (.+)$", HOOKS, re.M) == ["local"]
    programs = re.findall(r"\bentry: ([\w-]+)", HOOKS)
    assert len(programs) == HOOKS.count("language: system") == len(re.findall(r"\bid: ", HOOKS))
    assert not [program for program in programs if shutil.which(program, path=SEARCH) is None]


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="no checkout")
def test_every_file_passes_the_hooks(tmp_path: Path) -> None:
    """On a copy of what is tracked, for hooks mend what they find. ``.ci/run`` itself runs ``ruff`` and ``mypy``."""
    for name in git("ls-files", "-z", cwd=ROOT).split("\0"):
        if name and os.path.lexists(ROOT / name):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name, follow_symlinks=False)
    git("init", "-q", cwd=tmp_path)
    git("add", "-A", cwd=tmp_path)
    environment = {**os.environ, "PATH": SEARCH, "SKIP": "ruff,mypy", "PRE_COMMIT_HOME": str(tmp_path / ".git/hooked")}
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--show-diff-on-failure"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hosted_ci_calls_ours_and_pins_what_it_uses() -> None:
    (workflow,) = (ROOT / ".github/workflows").iterdir()
    text = workflow.read_text(encoding="utf-8")
    *before, ours = re.findall(r"^ +- run: (.+)$", text, re.M)
    assert ours == ".ci/run"
    assert all(line.startswith("sudo apt-get ") for line in before), "what has to hold stands in .ci/run"
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert not [action for action in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)]
    assert re.search(r"^permissions:\n  contents: read$", text, re.M)
