"""What killed writers have left is swept; what a live process is writing, and what is another file's, stays."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.base import files
from weft.base.files import PARTIAL, replacing, sweep

WRITER = """
import sys
from pathlib import Path
from weft.base.files import replacing

with replacing(Path(sys.argv[1])) as whole:
    whole.write_text("half")
    print("writing", flush=True)
    sys.stdin.readline()
    whole.write_text("whole")
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is writing what is to replace ``path``, and goes on when it is told."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield process
        finally:
            process.kill()


def test_what_a_live_process_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / "training"
    with writer(path) as process:
        sweep(path)
        assert len(list(tmp_path.glob(f".training.*{PARTIAL}"))) == 1
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["training"]
    assert path.read_text(encoding="utf-8") == "whole"


def test_what_a_killed_process_was_writing_goes(tmp_path: Path) -> None:
    path = tmp_path / "training"
    with writer(path) as process:
        process.kill()
        process.wait(60)
        sweep(path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = files._lock
    swept: list[Path] = []

    def late(folder: Path, wait: bool) -> int | None:
        if not swept:
            swept.append(folder)
            shutil.rmtree(folder)
        return lock(folder, wait)

    monkeypatch.setattr(files, "_lock", late)
    with replacing(tmp_path / "training") as whole:
        assert whole.parent != swept[0]
        whole.write_text("whole", encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["training"]


def test_without_locks_files_are_written_and_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with replacing(tmp_path / "training") as whole:
        whole.write_text("whole", encoding="utf-8")
        sweep(tmp_path / "training")
    assert (tmp_path / "training").read_text(encoding="utf-8") == "whole"


def test_partial_files_of_others_stay(tmp_path: Path) -> None:
    mine, other, theirs = (tmp_path / f"{name}{PARTIAL}" for name in (".training.0", ".other.0", ".training.txt"))
    for path in (mine, other):
        path.mkdir()
        (path / "training").touch()
    theirs.touch()
    (tmp_path / f".training.1{PARTIAL}").symlink_to(other)
    sweep(tmp_path / "training")
    assert sorted(tmp_path.iterdir()) == [other, tmp_path / f".training.1{PARTIAL}", theirs]
