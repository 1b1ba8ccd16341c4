"""What is printed for people is shown by a terminal, never obeyed, whatever the name of a file holds."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest

from tests.weft.conftest import Weft
from weft.cli import VERBS, main

NAMES = ("a\x1b]0;title\x07\x1b[31mred", "turned\u202eback", "line\rover", "half\udcff")
WORDS = (
    ("sim", "{}"), ("sim", "{}", "--trace", "{}/t"), ("verify", "{}", "--engines", "fast,interp"), ("report", "{}"),
    ("compare", "{}", "{}"), ("disasm", "{}.lost"), ("disasm", "{}"), ("asm", "{}", "-o", "out"),
    ("asm", "{source}", "-o", "{}.new"),
    ("train", "{}"), ("train", "digits-mlp", "--machine", "{}"), ("run", "digits-mlp", "--checkpoint", "{}"),
    ("train", "digits-mlp", "--checkpoint", "{}"), ("train", "digits-mlp", "--set", "{}"), ("compile", "{}", "-o", "x"),
    ("rtl", "verilog", "-o", "{}/x"), ("rtl", "{}"), ("lab", "init", "{}"), ("lab", "list", "--tree", "{}"),
    ("lab", "{}"), ("cache", "{}"), ("{}",), ("sim", "--{}"), ("bench", "--only", "{}"), ("completion", "{}"),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_no_name_reaches_the_terminal_as_it_is(
    words: tuple[str, ...], name: str, program: Path, weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(program, name)
    weft("disasm", program)
    (tmp_path / "source.s").write_text(".machine nano\n.entry 0x0\nhalt\n", encoding="utf-8")
    outcome = weft(*(word.replace("{source}", "source.s").replace("{}", name) for word in words))
    shown = outcome.out + outcome.err
    assert shown
    assert all(line.isprintable() for line in shown.split("\n")), ascii(shown)


def test_every_verb_is_tried() -> None:
    untried = {"demo", "fuzz", "doctor"}  # take no name but that of what they write
    assert {words[0] for words in WORDS} - {"{}"} == VERBS.keys() - untried


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("words", [("doctor",), ("--help",), ("lab", "list"), ("asm", "p.s", "-o", "half\udcff")])
def test_no_encoding_is_too_small(
    encoding: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.s").write_text(".machine nano\n.entry 0x0\nhalt\n", encoding="utf-8")
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code in (0, 5)
    assert any(stream.buffer.getvalue() for stream in streams.values())
