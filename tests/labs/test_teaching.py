"""The teacher's page names what is there: paths, verbs, holes and code, and what it says is missing is missing."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

import weft
from tests.tree import ROOT, place
from weft.cli import root

PAGE = ROOT / "docs" / "teaching.md"
TEXT = PAGE.read_text(encoding="utf-8")
MISSING = TEXT.partition("### What weft has nothing of yet")[2].partition("\n## ")[0]
CODE = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", PROSE)
PATHS = sorted({text for text in INLINE if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|\w+\.(py|md|toml|s)", text)})
ROWS = [row.split("|")[2] for row in MISSING.splitlines() if row.startswith("| ")][1:]
ABSENT = [name for cell in ROWS for name in re.findall(r"`([^`]+)`", cell)]
COMMANDS = re.findall(r"^ {4}(weft .+?)(?: +#.*)?$", PROSE, re.MULTILINE) + [t for t in INLINE if t.startswith("weft ")]


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ABSENT and path != "labs/N-name"])
def test_every_path_is_there(path: str) -> None:
    assert place(path).exists(), f"docs/teaching.md names {path}"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", TEXT))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()


@pytest.mark.parametrize("line", sorted(set(COMMANDS)))
def test_every_command_is_one(line: str) -> None:
    words = line.split()[1:]
    command: click.Command | None = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, line
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known | {"--help"}, line


def test_every_hole_is_in_the_lab_that_the_table_says() -> None:
    found = 0
    for row in TEXT.splitlines():
        match = re.search(r"\| (\d), holes? (`.*`) \|$", row)
        if match:
            (folder,) = (ROOT / "labs").glob(f"{match[1]}-*")
            holes = {hole["name"] for hole in tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))["hole"]}
            assert set(re.findall(r"`([^`]+)`", match[2])) <= holes, row
            found += 1
    assert found >= 8


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_said_to_be_missing_is_missing(name: str) -> None:
    """Whoever builds one of these takes it off the page's list."""
    if name.endswith("/"):
        assert not place(name).exists()
    else:
        module, _, member = name.partition(".")
        assert not hasattr(getattr(weft, module), member)


def test_batch_norm_and_dropout_by_hand_do_what_the_page_says() -> None:
    names: dict[str, Any] = {}
    (code,) = (code for code in CODE if "BatchNorm" in code)
    exec(compile(code, "teaching.md", "exec"), names)
    layer = names["BatchNorm"](2, momentum=0.5)
    step = weft.jit(lambda x: layer(x))
    x = weft.tensor([[0.0, 10.0], [2.0, 30.0]])
    assert step(x).numpy().round(3).tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    step(x)
    assert layer.mean.tolist() == [0.75, 15.0], "two compiled steps moved the statistics twice"
    layer.eval()
    mean, deviation = np.array([0.75, 15.0]), np.sqrt(layer.variance.numpy() + 1e-5)
    np.testing.assert_allclose(step(x).numpy(), (x.numpy() - mean) / deviation, rtol=1e-5)
    assert layer.mean.tolist() == [0.75, 15.0], "evaluation leaves the statistics alone"
    assert step.traces == 2, "eval() costs one more trace"
    layer.train()
    assert step(x).numpy().round(3).tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    assert step.traces == 2, "and going back none"
    noise = weft.tensor([0.1, 0.5, 0.9, 0.3])
    assert names["dropout"](weft.ones(4), noise, 0.5).tolist() == [0.0, 2.0, 2.0, 0.0]


def test_the_grading_script_grades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its reading of the runner's JSON, on three hand-ins: complete, half done, and one that is no lab folder."""
    figure = {"mark": "full"}
    holes = [{"status": "pass", "measured": []}, {"status": "pass", "measured": [figure, {"mark": "pass"}]}]
    half = [{"status": "fail", "measured": []}, {"status": "pass", "measured": [figure]}]
    answers = {"complete": (0, holes, ""), "half": (1, half, ""), "stray": (2, [], "error: no folder here")}
    for name in answers:
        (tmp_path / "hand-ins" / name).mkdir(parents=True)

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        code, rows, error = answers[cwd.name]
        return subprocess.CompletedProcess(command, code, json.dumps({"holes": rows}), error)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    (code,) = (code for code in CODE if "hand-ins" in code)
    exec(compile(code, "teaching.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == ["complete 90%", "half 50%", "stray error: no folder here"]
