"""Misspelt words say what was meant; a file of another kind is called what it is, and what takes it is named."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.weft.conftest import COPY, Weft
from tests.weft.test_resuming import session
from weft import kinds
from weft.framework import checkpoint
from weft.isa.disassembler import disassemble
from weft.isa.machine import PRESETS
from weft.resuming import save


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("trian",), ["no command 'trian'; did you mean 'train'? there are: demo, train, run"]),
        (("Train",), ["no command 'Train'; did you mean 'train'?"]),
        (("train", "digits-mpl"), ["no model 'digits-mpl'; did you mean 'digits-mlp'? there are: digits-mlp, "]),
        (("compile", "digit-mlp", "-o", "x"), ["no model 'digit-mlp'; did you mean 'digits-mlp'?"]),
        (("verify", "digits-mpl"), ["'digits-mpl' is neither a model", "did you mean 'digits-mlp'?"]),
        (("report", "digits-mpl"), ["'digits-mpl' is neither a model", "did you mean 'digits-mlp'?"]),
        (("report", "digits-mlp", "--device", "acel"), ["device 'acel': ", "did you mean 'accel'?"]),
        (("train", "digits-mlp", "--device", "acel"), ["'acel' is not one of 'accel', ", "did you mean 'accel'?"]),
        (("train", "digits-mlp", "--engine", "fats"), ["'fats' is not one of 'fast', ", "did you mean 'fast'?"]),
        (("train", "digits-mlp", "--epcohs", "3"), ["No such option '--epcohs'", "'--epochs'"]),
        (("train", "digits-mlp", "--machine", "eud"), ["no machine 'eud'", "did you mean 'edu'?"]),
        (("verify", "digits-mlp", "--engines", "fast,rlt"), ["no engine 'rlt'; did you mean 'rtl'? there are: "]),
        (("bench", "--only", "gem"), ["'gem' is not one of 'gemm', ", "did you mean 'gemm'?"]),
        (("completion", "bsh"), ["'bsh' is not one of 'bash', ", "did you mean 'bash'?"]),
        (("lab", "chekc"), ["no command 'chekc'; did you mean 'check'? there are: list, init, show"]),
        (("rtl", "verilogg"), ["no command 'verilogg'; did you mean 'verilog'?"]),
        (("lab", "show", "1-autodif"), ["no lab '1-autodif'; did you mean '1-autodiff'? there are: "]),
        (("lab", "hint", "1", "recrod"), ["lab 1-autodiff: no hole 'recrod'; did you mean 'record'?"]),
    ],
)
def test_what_was_meant(
    words: tuple[str, ...], texts: list[str], weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weft(*words).refused(2, *texts)


def _machine(path: Path) -> None:
    path.write_bytes((PRESETS / "edu.toml").read_bytes())


def _program(path: Path) -> None:
    from weft.isa.assembler import assemble
    from weft.isa.container import save as save_program

    save_program(assemble(COPY, "p.s"), path)


def _disassembled(path: Path) -> None:
    from weft.isa.assembler import assemble

    path.write_text(disassemble(assemble(COPY, "p.s")), encoding="utf-8")


MAKE: dict[str, Callable[[Path], object]] = {
    "PROGRAM": _program,
    "TRAINING": lambda path: save(path, session()),
    "WEIGHTS": lambda path: checkpoint.save(path, {"weight": np.zeros((1, 64), np.float32)}, {"model": "mine"}),
    "RESULT": lambda path: path.write_text('{\n "schema": 3,\n "workload": {"model": "x"}}\n'),
    "MACHINE": _machine,
    "LAB": lambda path: path.write_text('title = "x"\n[[hole]]\nname = "y"\n'),
    "ASSEMBLY": _disassembled,
    "TORCH": lambda path: path.write_bytes(pickle.dumps({"weight": [1.0]}, protocol=2)),
    "PYTHON": lambda path: path.write_text("import weft\n\n\ndef main():\n    pass\n"),
    "PAGE": lambda path: path.write_text("<!DOCTYPE html>\n<title>x</title>\n"),
    "WAVEFORM": lambda path: path.write_text("$comment made $end\n$timescale 1 ns $end\n"),
    "VERILOG": lambda path: path.write_text("/* x */\nmodule weft_core(clk);\nendmodule\n"),
    "FOLDER": lambda path: (path.mkdir(), (path / "result.json").touch()),
}
TAKES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("sim", "FILE"): ("PROGRAM",),
    ("disasm", "FILE"): ("PROGRAM",),
    ("verify", "FILE"): ("PROGRAM",),
    ("report", "FILE"): ("PROGRAM",),
    ("asm", "FILE", "-o", "OUT"): ("ASSEMBLY",),
    ("run", "digits-mlp", "--checkpoint", "FILE"): ("WEIGHTS", "TRAINING"),
    ("train", "digits-mlp", "--checkpoint", "FILE", "--resume"): ("TRAINING",),
    ("train", "digits-mlp", "--machine", "FILE"): ("MACHINE",),
    ("sim", "FILE2", "--machine", "FILE"): ("MACHINE",),
    ("fuzz", "--machine", "FILE"): ("MACHINE",),
    ("compare", "FILE", "FILE"): ("RESULT",),
}


@pytest.mark.parametrize("kind", MAKE)
def test_a_file_is_called_what_it_is(kind: str, weft: Weft, tmp_path: Path) -> None:
    path, program = tmp_path / "file", tmp_path / "program"
    MAKE[kind](path)
    _program(program)
    made: kinds.FileKind = getattr(kinds, kind)
    assert kinds.kind_of(path) is made
    for words, taken in TAKES.items():
        if kind in taken or (kind == "FOLDER" and "train" in words and "--checkpoint" in words):
            continue
        given = [{"FILE": path, "FILE2": program, "OUT": tmp_path / "out"}.get(word, word) for word in words]
        wanted = " or ".join(getattr(kinds, name).name for name in taken)
        weft(*given).refused(2, f"{path} is {made.name}, not {wanted}; {made.use.replace('{}', str(path))}")
        assert not (tmp_path / "out").exists()


def test_what_is_not_known_is_left_to_its_reader(weft: Weft, tmp_path: Path) -> None:
    path = tmp_path / "file"
    deep = b"[" * 100_000, b'{"a": ' * 50_000
    for content in (b"", b"\x00\x01\x02", b"\xff" * 100, b"a text", b"{}", b"x = 1", *deep):
        path.write_bytes(content)
        assert kinds.kind_of(path) is None, content[:20]
        outcome = weft("sim", path)
        assert outcome.code == 2
        assert "Traceback" not in outcome.err
    assert kinds.kind_of(tmp_path / "none") is None
    assert kinds.kind_of(Path("/dev/zero")) is None
    assert kinds.kind_of(Path("a\x00b")) is None
