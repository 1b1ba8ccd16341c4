"""Whatever writes a file follows symbolic links, keeps the mode of a file that is there, and obeys the umask else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import weft as front
from tests.weft.conftest import COPY, Weft
from weft.files import filling, folder_obstacle, obstacle, write_text
from weft.framework import checkpoint
from weft.isa.assembler import assemble
from weft.isa.container import save

FUNCTIONS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: write_text(path, "new"),
    "program": lambda path: save(assemble(COPY, "copy.s"), path),
    "checkpoint": lambda path: checkpoint.save(path, {"x": np.zeros(1, np.float32)}),
}
VERBS = {
    "asm": ("asm", "SOURCE", "-o", "OUTPUT"),
    "compile": ("compile", "digits-logistic", "--machine", "nano", "-o", "OUTPUT"),
    "train": ("train", "digits-logistic", "--device", "numpy", "--epochs", "1", "-o", "OUTPUT"),
    "sim --trace": ("sim", "PROGRAM", "--trace", "OUTPUT"),
    "sim --wave": ("sim", "PROGRAM", "--engine", "pysim", "--wave", "OUTPUT"),
    "demo": ("demo", "--machine", "nano", "--epochs", "1", "-o", "OUTPUT"),
    "rtl": ("rtl", "verilog", "--machine", "nano", "-o", "OUTPUT"),
}
SLOW = {"sim --wave", "demo", "rtl"}


@pytest.fixture
def writers(weft: Weft, program: Path, tmp_path: Path) -> dict[str, Callable[[Path], object]]:
    """Everything that writes one file."""
    source = tmp_path / "copy.s"
    source.write_text(COPY, encoding="utf-8")

    def verb(words: tuple[str, ...]) -> Callable[[Path], object]:
        def run(output: Path) -> None:
            outcome = weft(*({"SOURCE": source, "PROGRAM": program, "OUTPUT": output}.get(w, w) for w in words))
            assert outcome.code == 0, outcome

        return run

    return FUNCTIONS | {name: verb(words) for name, words in VERBS.items()}


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    """Sets the umask until the test ends."""
    before = os.umask(0o022)
    yield lambda mask: (os.umask(mask), None)[1]
    os.umask(before)


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", [*FUNCTIONS, *VERBS])
def test_links_stay_and_modes_are_kept(
    name: str, writers: dict[str, Callable[[Path], object]], umask: Callable[[int], None], tmp_path: Path
) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    for folder in (there, elsewhere):
        folder.mkdir()
    target, link, chain = elsewhere / "target", there / "link", there / "chain"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(Path("..", "elsewhere", "target"))
    chain.symlink_to("link")
    writers[name](chain)
    assert chain.is_symlink()
    assert link.is_symlink()
    assert target.read_bytes() != b"old"
    assert mode(target) == 0o640
    if name in SLOW:
        return
    umask(0o027)
    dangling = there / "dangling"
    dangling.symlink_to(elsewhere / "new")
    writers[name](dangling)
    assert dangling.is_symlink()
    assert mode(elsewhere / "new") == 0o640
    umask(0o077)
    writers[name](elsewhere / ("n" * 200))
    assert mode(elsewhere / ("n" * 200)) == 0o600
    names = ["chain", "dangling", "link"], ["new", "n" * 200, "target"]
    assert tuple(sorted(p.name for p in folder.iterdir()) for folder in (there, elsewhere)) == names


def test_a_folder_is_filled_through_links(umask: Callable[[int], None], tmp_path: Path) -> None:
    umask(0o027)
    (tmp_path / "target").mkdir()
    kept, link = tmp_path / "kept.json", tmp_path / "link"
    kept.write_text("old")
    kept.chmod(0o604)
    link.symlink_to("target")
    (link / "a.json").symlink_to(kept)
    with filling(link) as new:
        (new / "inner").mkdir()
        for name in ("a.json", "inner/b.svg"):
            (new / name).write_text("new")
    assert link.is_symlink()
    assert (link / "a.json").is_symlink()
    assert (kept.read_text(), mode(kept)) == ("new", 0o604)
    assert mode(link / "inner/b.svg") == 0o640
    (tmp_path / "later").symlink_to("fresh")
    with filling(tmp_path / "later") as new:
        (new / "a").write_text("new")
    assert (tmp_path / "later").is_symlink()
    assert (tmp_path / "fresh/a").read_text() == "new"
    assert mode(tmp_path / "fresh") == 0o750


def test_a_link_to_another_file_system_is_followed(tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not os.access(shm, os.W_OK) or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    other = shm / f"weft-test-{os.getpid()}"
    try:
        other.write_text("old")
        other.chmod(0o640)
        (tmp_path / "a").symlink_to(other)
        with filling(tmp_path) as new:
            (new / "a").write_text("new")
        assert (other.read_text(), mode(other)) == ("new", 0o640)
        write_text(tmp_path / "a", "newer")
        assert (other.read_text(), mode(other)) == ("newer", 0o640)
        assert (tmp_path / "a").is_symlink()
    finally:
        other.unlink()


def test_a_link_that_leads_nowhere_is_refused_before_the_work(weft: Weft, tmp_path: Path) -> None:
    circle, lost = tmp_path / "circle", tmp_path / "lost"
    circle.symlink_to("circle")
    lost.symlink_to("no/where")
    told = f"{circle} may not be written (Too many levels of symbolic links); choose another place"
    assert obstacle(circle) == folder_obstacle(circle) == told
    assert obstacle(lost) == f"the directory {tmp_path / 'no'} does not exist; make it first, or give another"
    weft("train", "digits-mlp", "-o", circle).refused(2, told)
    weft("report", "digits-mlp", "-o", lost).refused(2, f"the directory {tmp_path / 'no'} does not exist")
    with pytest.raises(front.FrameworkError, match="circle: cannot write the checkpoint: Too many levels"):
        checkpoint.save(circle, {"x": np.zeros(1, np.float32)})
