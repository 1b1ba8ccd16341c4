"""What is printed with ``--json`` or written as JSON is JSON: no NaN, no infinity, whatever diverges."""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.test_architecture import MODULES
from tests.tree import ROOT
from tests.weft.conftest import COPY, Weft
from weft import models
from weft.base.plain import elements
from weft.framework import optim
from weft.isa.assembler import assemble
from weft.isa.container import save, to_bytes
from weft.isa.errors import ProgramError


def strict(text: str) -> Any:
    """The value of a text that a strict reader takes."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_writer_of_json_is_strict(path: Path) -> None:
    if path.name == "reading.py":
        return  # writes a value that was read, to look for halves of characters, and keeps nothing of it
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dumps", "json.dump"):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert given.get("allow_nan") == "False", f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every named model is trained with a learning rate at which nothing stays finite."""
    for name, recipe in models.RECIPES.items():
        wild = dataclasses.replace(recipe, optimizer=lambda module: optim.SGD(module.parameters(), lr=1e38))
        monkeypatch.setitem(models.RECIPES, name, wild)


@pytest.mark.parametrize("device", ["numpy", "cpu", "accel"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges(device: str, diverging: None, weft: Weft, tmp_path: Path) -> None:
    machine = ("--machine", "nano") if device == "accel" else ()
    words = ("digits-logistic", "--device", device, *machine)
    told = weft("train", *words, "--epochs", "1", "--checkpoint", tmp_path / "c", "-o", tmp_path / "o", "--json")
    assert told.code == 0, told
    assert strict(told.out)["final_loss"] is None
    again = weft("train", *words, "--epochs", "2", "--checkpoint", tmp_path / "c", "--resume", "--json")
    assert strict(again.out)["final_loss"] is None
    assert "final loss         nan" in weft("train", *words, "--epochs", "1").out
    for name in ("c", "o"):
        assert strict(weft("run", *words, "--checkpoint", tmp_path / name, "--json").out)["schema"] == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_report_and_a_demo_that_diverge(diverging: None, weft: Weft, tmp_path: Path) -> None:
    report = strict(weft("report", "digits-logistic", "--machine", "nano", "--epochs", "1", "--json").out)
    assert {one["final_loss"] for one in report["training"]["devices"].values()} == {None}
    demo = strict(weft("demo", "--machine", "nano", "--epochs", "1", "-o", tmp_path / "page", "--json").out)
    assert demo["accel"]["final_loss"] is demo["cpu"]["final_loss"] is None


def test_what_is_in_a_memory_is_told_whole(weft: Weft, tmp_path: Path) -> None:
    values = "nan inf -inf 1.5 5 6 7 8 9 10 11 12 13 14 15 16"
    words = np.array(values.split(), np.float32).view(np.uint32)
    text = COPY.replace("float32 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", f"hex {words.astype('<u4').tobytes().hex()}")
    save(assemble(text, "p.s"), tmp_path / "p.weft")
    for engine in ("fast", "interp"):
        result = strict(weft("sim", tmp_path / "p.weft", "--engine", engine, "--show", "x", "--json").out)
        assert result["buffers"]["x"][:4] == ["NaN", "Infinity", "-Infinity", 1.5]
    assert elements([[float("nan"), 1.0], [float("-inf"), 2]]) == [["NaN", 1.0], ["-Infinity", 2]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}, {1, 2}, np.int64(3)])
def test_a_program_whose_meta_is_no_json_is_not_written(value: Any, tmp_path: Path) -> None:
    program = dataclasses.replace(assemble(COPY, "p.s"), meta={"mine": value})
    with pytest.raises(ProgramError, match="the program cannot be written: its meta is no JSON: "):
        to_bytes(program)
