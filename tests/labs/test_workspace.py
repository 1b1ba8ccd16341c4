"""A student's folder: made without overwriting, found again, reset with a copy kept; changes noticed."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from weft.lab.markers import LabError
from weft.lab.tree import Lab
from weft.lab.watch import changes
from weft.lab.workspace import MARKER, find_workspace, init, read_marker, reset, starters

NOW = datetime(2026, 11, 24, 19, 30, 5)
FILES = {"sums.py", "numbers_given.py", "README.md", MARKER}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_init_makes_a_folder_without_the_solution(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mine"
    assert set(init(lab, folder)) == FILES - {MARKER}
    assert names(folder) == FILES
    assert (folder / "sums.py").read_text(encoding="utf-8") == starters(lab)["sums.py"]
    assert "accumulated_result" not in (folder / "sums.py").read_text(encoding="utf-8")
    found = read_marker(folder)
    assert (found.lab, found.tree) == ("1-sums", lab.folder.parent.resolve())


def test_links_of_the_copied_text_lead_somewhere(lab: Lab, tmp_path: Path) -> None:
    readme = "[p](../../docs/page.md#top), [s](sums.py), [n](../9-none/README.md), ![i](i.svg), [w](https://a.b/c.md)\n"
    (lab.folder / "README.md").write_text(readme, encoding="utf-8")
    (lab.folder / "i.svg").write_text("<svg/>", encoding="utf-8")
    init(lab, tmp_path / "deep" / "mine")
    assert (tmp_path / "deep/mine/README.md").read_text(encoding="utf-8") == (
        "[p](../../docs/page.md#top), [s](sums.py), n, ![i](../../labs/1-sums/i.svg), [w](https://a.b/c.md)\n"
    )
    init(lab, tmp_path / "mine")
    assert "[p](../docs/page.md#top)" in (tmp_path / "mine/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(FILES))
def test_init_never_overwrites(name: str, lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text("precious", encoding="utf-8")
    with pytest.raises(LabError, match=f"nothing written: {folder} already holds {name}; give another folder"):
        init(lab, folder)
    assert names(folder) == {name}
    assert (folder / name).read_text(encoding="utf-8") == "precious"


def test_init_names_every_file_in_the_way_and_leaves_others_alone(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    init(lab, tmp_path)
    with pytest.raises(LabError, match=r"already holds sums\.py, numbers_given\.py, README\.md, \.weft-lab;"):
        init(lab, tmp_path)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_init_into_a_file_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("", encoding="utf-8")
    with pytest.raises(LabError, match="mine is a file; give the name of a folder"):
        init(lab, tmp_path / "mine")


def test_reset_keeps_a_dated_copy(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    init(lab, folder)
    (folder / "sums.py").write_text("my work", encoding="utf-8")
    (folder / "numbers_given.py").unlink()
    kept = reset(lab, read_marker(folder), NOW)
    assert kept == folder / "before-reset-2026-11-24-193005"
    assert names(kept) == {"sums.py", "README.md"}
    assert (kept / "sums.py").read_text(encoding="utf-8") == "my work"
    assert (folder / "sums.py").read_text(encoding="utf-8") == starters(lab)["sums.py"]
    assert names(folder) == FILES | {kept.name}
    with pytest.raises(LabError, match="is already there; wait a second"):
        reset(lab, read_marker(folder), NOW)


def test_a_workspace_is_found_from_inside_and_from_above(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    init(lab, folder)
    (folder / "deep").mkdir()
    for start in (folder, folder / "deep"):
        found = find_workspace(start)
        assert found is not None
        assert found.folder == folder
    assert find_workspace(tmp_path) is None
    above = find_workspace(tmp_path, "1-sums")
    assert above is not None
    assert above.folder == folder
    assert find_workspace(tmp_path, "2-other") is None
    assert find_workspace(folder, "2-other") is None


def test_a_tree_that_is_gone_is_no_place_to_look(lab: Lab, tmp_path: Path) -> None:
    init(lab, tmp_path / "mine")
    lab.folder.parent.rename(tmp_path / "moved")
    assert read_marker(tmp_path / "mine").tree is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"lab": "1", "tree": 3}'])
def test_an_unreadable_marker_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=r"\.weft-lab: not readable"):
        find_workspace(tmp_path)


def test_changes_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("1", encoding="utf-8")
    seen = changes([path, tmp_path / "missing.py"], seconds=0.01)
    next(seen)
    os.utime(path, ns=(1, 1))
    next(seen)
    path.write_text("longer", encoding="utf-8")
    next(seen)
    path.unlink()
    next(seen)


def test_a_full_disk_leaves_nothing_half_written(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    init(lab, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def full(self: Path, *_: object, **__: object) -> int:
        if self.name == "numbers_given.py":
            raise OSError(28, "No space left on device", str(self))
        return 0

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left on device"):
        init(lab, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(OSError, match="No space left on device"):
        reset(lab, read_marker(folder), NOW)
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
