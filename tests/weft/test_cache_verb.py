"""``weft cache``: what is kept, where, and its removal; the end of a file is no Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tests.weft.conftest import Weft
from weft import cli
from weft.base.cache.keeper import digest, keeper


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of 1 MiB."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WEFT_CACHE_LIMIT", "1M")
    return tmp_path / "cache"


def test_show_and_clear(weft: Weft, folder: Path) -> None:
    for number, kind, suffix in ((1, "kernels", "kernel"), (2, "models", "so"), (3, "models", "key")):
        keeper().put(kind, f"{digest(number)}.{suffix}", bytes(100 * number))
    shown = json.loads(weft("cache", "show", "--json").out)
    assert shown == {
        "schema": 1,
        "folder": str(folder),
        "limit": 1 << 20,
        "bytes": 696,
        "kinds": {"kernels": {"entries": 1, "bytes": 132}, "models": {"entries": 2, "bytes": 564}},
        "problem": None,
    }
    text = weft("cache", "show").out
    assert f"{folder}: 696 of 1,048,576 bytes" in text
    assert "models       2 files            564 bytes" in text
    assert weft("cache", "clear").out == f"{folder}: 696 bytes freed\n"
    assert json.loads(weft("cache", "clear", "--json").out) == {"schema": 1, "folder": str(folder), "freed": 0}
    assert not any(path.is_file() for path in folder.rglob("*"))


def test_where_nothing_is_kept(weft: Weft, folder: Path) -> None:
    folder.touch()
    outcome = weft("cache", "show")
    assert outcome.code == 0
    assert f"nothing is kept: {folder}" in outcome.out
    assert weft("cache", "clear").code == 0


def test_a_limit_that_is_none(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_CACHE_LIMIT", "much")
    weft("cache", "show").refused(2, "error: WEFT_CACHE_LIMIT='much' is no size; give bytes, or a number with K, M, G")


def test_the_end_of_a_file_is_no_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hide a defect as ``interrupted``."""

    def ended(*_: object) -> None:
        raise EOFError("no more input")

    monkeypatch.setattr(cli.root, "get_command", lambda *_: click.Command("doctor", callback=ended))
    with pytest.raises(EOFError, match="no more input"):
        cli.main(["doctor"])
