"""What is written never destroys what is read, a directory is filled whole or not at all, messages name the path."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.weft.conftest import Weft
from weft.files import filling, folder_obstacle, obstacle, same_file

LINKS: dict[str, Callable[[Path, Path], None]] = {
    "itself": lambda target, link: None,
    "symbolic link": lambda target, link: link.symlink_to(target),
    "hard link": lambda target, link: link.hardlink_to(target),
}


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize(
    "words",
    [
        ("asm", "SOURCE", "-o", "OUTPUT"),
        ("sim", "SOURCE", "--trace", "OUTPUT"),
        ("sim", "SOURCE", "--engine", "pysim", "--wave", "OUTPUT"),
        ("compile", "digits-mlp", "--machine", "SOURCE", "-o", "OUTPUT"),
        ("train", "digits-mlp", "--machine", "SOURCE", "-o", "OUTPUT"),
        ("demo", "--machine", "SOURCE", "-o", "OUTPUT"),
        ("rtl", "verilog", "--machine", "SOURCE", "-o", "OUTPUT"),
        ("fuzz", "--machine", "SOURCE", "--keep", "OUTPUT"),
    ],
)
def test_no_output_destroys_its_input(words: tuple[str, ...], kind: str, weft: Weft, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("what took a day to write", encoding="utf-8")
    output = source if kind == "itself" else tmp_path / "link"
    LINKS[kind](source, output)
    names = {"SOURCE": source, "OUTPUT": output}
    told = "is read" if kind == "itself" else f"is {source}, which is read"
    weft(*(names.get(word, word) for word in words)).refused(2, f": {output} {told}, and would be overwritten; give")
    assert source.read_text(encoding="utf-8") == "what took a day to write"


def test_a_report_does_not_replace_its_program(weft: Weft, program: Path, tmp_path: Path) -> None:
    target = program.rename(tmp_path / "result.json")
    before = target.read_bytes()
    weft("report", target, "-o", tmp_path).refused(2, f"--output: {target} is read, and would be overwritten")
    assert target.read_bytes() == before


def test_two_outputs_are_two_files(weft: Weft, program: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "new")
    words = ("sim", program, "--engine", "pysim", "--wave", tmp_path / "new", "--trace", tmp_path / "link")
    weft(*words).refused(2, "--trace and --wave both name ", "give two files")


def test_what_is_one_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert same_file(one, tmp_path / "folder" / ".." / "one")
    one.touch()
    assert not same_file(one, other)
    other.touch()
    assert not same_file(one, other)
    assert not same_file(Path(os.devnull), Path(os.devnull))  # what is no regular file may be both


@pytest.mark.parametrize("words", [("asm", "p.s", "-o", ""), ("report", "digits-mlp", "-o", "")])
def test_a_name_is_not_empty(words: tuple[str, ...], weft: Weft) -> None:
    weft(*words).refused(2, "the name is empty; give the name of a ")


def test_a_read_only_file_system_is_called_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for flag, why in ((os.ST_RDONLY, "read-only file system"), (0, "permission denied")):
        monkeypatch.setattr(os, "statvfs", lambda path, flag=flag: SimpleNamespace(f_flag=flag))
        told = f"{tmp_path / 'new'} may not be written ({why}); choose another place"
        assert obstacle(tmp_path / "new") == folder_obstacle(tmp_path / "new") == told


def test_without_statvfs_permission_is_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.delattr(os, "statvfs")
    told = f"{tmp_path / 'new'} may not be written (permission denied); choose another place"
    assert obstacle(tmp_path / "new") == folder_obstacle(tmp_path / "new") == told


def test_a_folder_that_may_not_be_written_keeps_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is replaced, which its folder must allow; a device is written to as it is."""
    (tmp_path / "old").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in (tmp_path, Path("/dev")))
    assert "may not be written" in str(obstacle(tmp_path / "old"))
    assert obstacle(Path(os.devnull)) is None


def test_a_page_on_a_full_disk_is_named(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    monkeypatch.setattr("weft.training.Session.train", lambda *_, **__: [1.0])
    monkeypatch.setattr("weft.training.Session.accuracy", lambda _: 0.5)
    monkeypatch.setattr("weft.reports.page.render", lambda _: "<html>")
    weft("demo", "--epochs", "1", "-o", "/dev/full").refused(2, "error: /dev/full: No space left on device")


def fill(folder: Path) -> None:
    """Fill ``folder`` with three files."""
    with filling(folder) as new:
        (new / "inner").mkdir()
        for name in ("a.html", "inner/b.svg", "z.json"):
            (new / name).write_text("new")


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` with its text."""
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("make", "place", "text"),
    [
        (lambda f: (f / "z.json").mkdir(), "z.json", "Is a directory"),
        (lambda f: (f / "inner").touch(), "inner", "Not a directory"),
        (lambda f: (f / "inner" / "b.svg").mkdir(parents=True), "inner/b.svg", "Is a directory"),
    ],
)
def test_what_is_in_the_way_is_named_before_anything_is_replaced(
    make: Callable[[Path], Any], place: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "a.html").write_text("mine")
    make(tmp_path)
    before, names = tree(tmp_path), sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match=text) as problem:
        fill(tmp_path)
    assert problem.value.filename == str(tmp_path / place)
    assert (tree(tmp_path), sorted(tmp_path.rglob("*"))) == (before, names)
    told = f"{tmp_path / place}: {text}; move it, or choose another directory"
    assert folder_obstacle(tmp_path, ["a.html", "inner/b.svg", "z.json"]) == told


@pytest.mark.parametrize("last", range(1, 6))
@pytest.mark.parametrize("problem", [OSError(errno.EIO, os.strerror(errno.EIO)), KeyboardInterrupt()])
def test_a_replacing_that_fails_half_way_is_taken_back(
    problem: BaseException, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files are replaced and one is added, in five moves, one of which fails."""
    for name in ("a.html", "z.json"):
        (tmp_path / name).write_text("mine")
    before, replace, moves = tree(tmp_path), os.replace, iter(range(1, 100))

    def failing(source: Any, target: Any) -> None:
        if next(moves) == last:
            raise problem
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(type(problem)):
        fill(tmp_path)
    assert tree(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "z.json"]
