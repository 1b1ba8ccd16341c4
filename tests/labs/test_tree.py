"""The tree of labs: what a lab.toml and markers must be, how a hole is stripped and filled, how a tree is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.labs.tiny import LAB_TOML, SUMS
from weft.base.distribution import SOURCE
from weft.lab.markers import LabError, owner, replace, spans, strip, unwritten
from weft.lab.tree import VARIABLE, Lab, find_lab, find_tree, load_lab, load_labs

TASKS = {"total": "Add the values up.", "mean-value": "Divide."}


def test_a_lab_is_read(lab: Lab) -> None:
    assert (lab.name, lab.number, lab.title, lab.seconds) == ("1-sums", 1, "Sums", 10)
    assert [(hole.name, hole.file, len(hole.hints)) for hole in lab.holes] == [
        ("total", "sums.py", 2),
        ("mean-value", "sums.py", 1),
    ]


def test_a_stripped_lab_is_read_as_well(tree: Path, lab: Lab) -> None:
    (tree / "1-sums/sums.py").write_text(strip(SUMS, lab.tasks, "sums.py"), encoding="utf-8")
    assert load_lab(lab.folder) == lab


MISTAKES = [
    ('title = "Sums"', "", "title: missing"),
    ('title = "Sums"', "title = 3", "title: 3 is not a text"),
    ('hours = "1"', 'hours = "1"\nhuors = "1"', "huors: unknown key; known are files, given, hole, hours"),
    ('files = ["sums.py"]', 'files = ["sum.py"]', "files: there is no file sum.py"),
    ('files = ["sums.py"]', 'files = "sums.py"', "files: 'sums.py' is not a list of texts"),
    ('files = ["sums.py"]', "files = []", "files: must name at least one file"),
    ('hours = "1"', 'hours = "1"\nseconds = 0', "seconds: 0 is not a positive whole number"),
    ('name = "total"', 'name = "totals"', "hole 1: name: 'totals' is in none of the files"),
    ('name = "total"', 'name = "mean-value"', "hole 2: name: 'mean-value' is there twice"),
    ('name = "total"', 'name = "To tal"', "hole 1: name: 'To tal' must be written like topological-order"),
    ('hints = ["Use total."]', "", "hole 2 (mean-value): hints: must be a list of at least one text"),
    ('task = "Add the values up."', "", "hole 1: task: None is not one line of text"),
    ('hints = ["Use total."]', 'hints = ["x"]\nhint = "y"', "hole 2 (mean-value): hint: unknown key"),
    ('title = "Sums"', "title = ", "not valid TOML"),
    ("../common/numbers_given.py", "../common/none.py", "given: there is no file ../common/none.py"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES, ids=[m[2][:40] for m in MISTAKES])
def test_a_mistake_in_lab_toml_is_named_with_file_and_key(old: str, new: str, message: str, lab: Lab) -> None:
    path = lab.folder / "lab.toml"
    assert old in LAB_TOML
    path.write_text(LAB_TOML.replace(old, new), encoding="utf-8")
    with pytest.raises(LabError) as error:
        load_lab(lab.folder)
    assert str(error.value).startswith(f"{path}: {message}")
    assert error.value.exit_code == 2


def test_every_marked_hole_needs_its_row(lab: Lab) -> None:
    path = lab.folder / "sums.py"
    path.write_text(path.read_text(encoding="utf-8") + "# hole: extra\nx = 1\n# end hole\n", encoding="utf-8")
    with pytest.raises(LabError, match=r"lab.toml: hole: 'extra' is marked in sums.py and has no \[\[hole\]\] here"):
        load_lab(lab.folder)


def test_a_file_must_not_hide_a_module(lab: Lab) -> None:
    (lab.folder / "types.py").write_text("", encoding="utf-8")
    text = LAB_TOML.replace('"sums.py"', '"sums.py", "types.py"')
    (lab.folder / "lab.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=r"files: types\.py would hide the module 'types'"):
        load_lab(lab.folder)


def test_a_lab_without_checks_is_refused(lab: Lab) -> None:
    (lab.folder / "grade.py").unlink()
    with pytest.raises(LabError, match=r"grade\.py: missing; it holds the lab's checks"):
        load_lab(lab.folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# hole: a\nx\n# hole: b\n", "f.py:3: a hole begins inside the hole 'a'"),
        ("x\n# end hole\n", "f.py:2: '# end hole' without a '# hole: name' before it"),
        ("# hole: a\nx\n", "f.py:1: the hole 'a' has no '# end hole'"),
        ("# hole: a\n# end hole\n", "f.py:2: the hole 'a' is empty"),
        ("# hole: A b\nx\n# end hole\n", "f.py:1: 'A b' is no hole's name"),
    ],
)
def test_markers_must_pair_up(text: str, message: str) -> None:
    with pytest.raises(LabError) as error:
        spans(text, "f.py")
    assert str(error.value).startswith(message)


def test_a_starter_says_what_to_write_where() -> None:
    starter = strip(SUMS, TASKS, "sums.py")
    assert starter.splitlines()[5:14] == [
        "import math",
        "",
        "from weft.lab import Unwritten",
        "",
        "",
        "def total(values: list[float]) -> float:",
        '    """The sum of the values."""',
        '    raise Unwritten("total")  # Add the values up.',
        "",
    ]
    assert '        raise Unwritten("mean-value")  # Divide.' in starter.splitlines()
    assert "hole" not in starter
    assert unwritten(starter) == ("total", "mean-value")
    compile(starter, "sums.py", "exec")


def test_stripping_twice_changes_nothing_more() -> None:
    starter = strip(SUMS, TASKS, "sums.py")
    assert strip(starter, TASKS, "sums.py") == starter


def test_one_hole_alone_is_stripped() -> None:
    text = strip(SUMS, TASKS, "sums.py", only={"total"})
    assert unwritten(text) == ("total",)
    assert "return total(values) / number_of_values" in text


def test_a_long_task_stands_above() -> None:
    task = "word " * 40 + "end"
    starter = strip("def f():\n    # hole: a\n    return 1\n    # end hole\n", {"a": task}, "f.py")
    lines = starter.splitlines()
    assert lines[-1] == '    raise Unwritten("a")'
    assert all(line.startswith("    # word") for line in lines[3:-1])
    assert max(map(len, lines)) <= 120
    assert unwritten(starter) == ("a",)


def test_the_import_goes_behind_docstring_and_future_and_stands_first_otherwise() -> None:
    hole = "# hole: a\nx = 1\n# end hole\n"
    assert strip(hole, {"a": "t"}, "f").splitlines() == [
        "from weft.lab import Unwritten",
        "",
        'raise Unwritten("a")  # t',
    ]
    documented = strip(f'"""D."""\n{hole}', {"a": "t"}, "f").splitlines()
    assert documented[:3] == ['"""D."""', "", "from weft.lab import Unwritten"]


def test_a_hole_that_is_not_whole_statements_is_refused() -> None:
    with pytest.raises(LabError, match=r"f\.py: stripped, it is not Python"):
        strip("x = [\n# hole: a\n1,\n# end hole\n]\n", {"a": "t"}, "f.py")


def test_a_hole_is_filled_at_its_indentation() -> None:
    text = replace(SUMS, "mean-value", "if values:\n    return 0.0\n", "sums.py")
    assert "        if values:\n            return 0.0\n" in text
    assert "number_of_values" not in text
    with pytest.raises(LabError, match="there is no hole 'other'"):
        replace(SUMS, "other", "x", "sums.py")


def test_the_function_around_a_hole() -> None:
    for text in (SUMS, strip(SUMS, TASKS, "sums.py")):
        assert owner(text, "total", "f") == "total"
        assert owner(text, "mean-value", "f") == "Statistics.mean"
    assert owner("# hole: a\nx = 1\n# end hole\n", "a", "f") is None


def test_a_lab_is_found_by_number_and_name(tree: Path) -> None:
    assert {find_lab(tree, wanted).name for wanted in ("1", "sums", "1-sums")} == {"1-sums"}
    with pytest.raises(LabError, match="no lab '7'; there are: 1-sums"):
        find_lab(tree, "7")


def test_two_labs_of_one_number_are_refused(tree: Path) -> None:
    (tree / "1-sums").rename(tree / "1-adds")
    assert [lab.name for lab in load_labs(tree)] == ["1-adds"]
    shutil.copytree(tree / "1-adds", tree / "1-sums")
    with pytest.raises(LabError, match="two labs have the number 1: 1-adds, 1-sums"):
        load_labs(tree)


def test_where_a_tree_is_looked_for(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    away = tmp_path / "elsewhere" / "deep"
    away.mkdir(parents=True)
    monkeypatch.chdir(away)
    assert find_tree() == tree.resolve(), "labs beside a parent"
    assert find_tree(tree.parent) == tree.resolve()
    monkeypatch.chdir("/")
    assert find_tree(near=tree) == tree.resolve()
    monkeypatch.setenv(VARIABLE, str(tree))
    assert find_tree() == tree.resolve()
    monkeypatch.setenv(VARIABLE, str(away))
    with pytest.raises(LabError, match=f"{VARIABLE} {away}: no labs there"):
        find_tree()
    with pytest.raises(LabError, match=f"--tree {away}: no labs there"):
        find_tree(away)


def test_without_a_tree_it_is_told_where_labs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("weft.lab.tree.__file__", str(tmp_path / "site/weft/lab/tree.py"))
    told = f"no labs found in {tmp_path} or above it; go to the folder of the hand-out, or name it with --tree DIR or "
    with pytest.raises(LabError) as whole:
        find_tree()
    assert str(whole.value) == f"{told}{VARIABLE}; weft's own labs are in its source distribution: {SOURCE}"
    monkeypatch.setattr("weft.edition.LEFT_OUT", ("nn",))
    with pytest.raises(LabError) as course:
        find_tree()
    assert str(course.value) == told + VARIABLE
