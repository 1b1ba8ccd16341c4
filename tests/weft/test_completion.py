"""Shell completion: a real bash asks, and gets verbs, options, choices, models, machines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weft.cli import VERBS
from weft.cli.completion import WHERE
from weft.isa.machine import presets
from weft.models import RECIPES


def complete(*words: str) -> list[str]:
    """What a shell is offered for the last of ``words``."""
    asked = {"COMP_WORDS": " ".join(("weft", *words)), "COMP_CWORD": str(len(words)), "_WEFT_COMPLETE": "bash_complete"}
    code = "from weft.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), [f"plain,{verb}" for verb in VERBS]),
        (("dem",), ["plain,demo"]),
        (("train", ""), [f"plain,{model}" for model in RECIPES]),
        (("train", "digits-mlp", "--machine", ""), [f"plain,{name}" for name in presets()]),
        (("train", "digits-mlp", "--machine", "odd.t"), ["file,odd.t"]),
        (("sim", "x.weft", "--engine", "f"), ["plain,fast"]),
        (("sim", "some"), ["file,some"]),
        (("run", "digits-mlp", "--checkpoint", "some"), ["file,some"]),
        (("train", "digits-mlp", "-o", "some"), ["file,some"]),
        (("sim", "x.weft", "--machine", "ed"), [f"plain,{name}" for name in presets() if name.startswith("ed")]),
        (("run", ""), [f"plain,{model}" for model in RECIPES]),
        (("verify", "digits-m"), ["plain,digits-mlp"]),
        (("verify", "step."), ["file,step."]),
        (("report", "digits-m"), ["plain,digits-mlp"]),
        (("lab", "hint", "1-"), ["plain,1-autodiff"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_offered(words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(*words) == offered


@pytest.mark.parametrize("shell", WHERE)
def test_scripts(shell: str, weft: Any) -> None:
    outcome = weft("completion", shell)
    assert outcome.code == 0
    assert f"_WEFT_COMPLETE={shell}_complete" in outcome.out
    assert f"weft completion {shell}" in weft("completion", "--help").out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes_a_verb(weft: Any, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(weft("completion", "bash").out)
    (tmp_path / "weft").write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from weft.cli import main; main()'\n")
    (tmp_path / "weft").chmod(0o755)
    asked = f"source {script}; COMP_WORDS=(weft dis); COMP_CWORD=1; _weft_completion weft; echo \"${{COMPREPLY[@]}}\""
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True)
    assert done.stdout == "disasm\n", done.stderr


def test_an_unknown_shell_is_refused(weft: Any) -> None:
    weft("completion", "tcsh").refused(2, "'tcsh' is not one of 'bash', 'zsh', 'fish'")
