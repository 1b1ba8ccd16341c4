"""``weft lab`` as a student meets it: what is printed, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.labs.tiny import TOTAL, Weft, write_hole


def test_list(weft: Weft) -> None:
    assert weft("list").out.splitlines()[1].split() == ["1-sums", "1", "2", "Sums:", "adds", "numbers", "up"]
    data = json.loads(weft("list", "--json").out)
    assert data["schema"] == 1
    assert data["labs"][0] == {
        "name": "1-sums", "number": 1, "title": "Sums", "summary": "adds numbers up", "hours": "1",
        "files": ["sums.py"], "needs": [], "holes": ["total", "mean-value"],
    }  # fmt: skip


def test_from_init_to_all_passed(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = weft("init", "1")
    assert begun.code == 0
    assert begun.out == ""
    assert begun.err.startswith("1-sums: sums.py, numbers_given.py, README.md\nnext: cd 1-sums, read README.md")
    folder = tmp_path / "home" / "1-sums"
    monkeypatch.chdir(folder)
    first = weft("check")
    assert first.code == 1
    assert first.out.splitlines() == [
        "1-sums: Sums",
        "  total       not written  Add the values up.  (sums.py)",
        "  mean-value  not written  Divide the total by the number of values.  (sums.py)",
        "0 of 2 holes pass",
    ]
    write_hole(folder, "mean-value", "return total(values) / 3\n")
    assert "  mean-value  waits for total" in weft("check").out.splitlines()
    write_hole(folder, "total", TOTAL)
    last = weft("check")
    assert last.code == 0
    assert last.out.splitlines() == [
        "1-sums: Sums",
        "  total       pass",
        "  mean-value  pass",
        "      cycles of a mean: 100, 1.00 × the reference's 100; bound 90: full marks",
        "2 of 2 holes pass",
    ]


def test_a_failure_says_expected_actual_and_where(weft: Weft, tmp_path: Path) -> None:
    weft("init", "sums", "mine")
    write_hole(tmp_path / "home/mine", "total", "print('so far', values)\nreturn 7.0\n")
    outcome = weft("check", "1")
    assert outcome.code == 1
    assert outcome.out.splitlines()[1:7] == [
        "  total       fail  The sum of three numbers is right.",
        "      total of 1, 2, 3",
        "      expected  6.0",
        "      actual    7.0",
        "      at sums.py:10",
        "      printed   so far [1.0, 2.0, 3.0]",
    ]


def test_text_of_the_student_is_never_markup(weft: Weft, tmp_path: Path) -> None:
    weft("init", "1", "mine")
    write_hole(tmp_path / "home/mine", "total", "print('[bold]x[/]')\nraise ValueError('[red]no[/red]')\n")
    out = weft("check", "1").out
    assert "ValueError: [red]no[/red]" in out
    assert "printed   [bold]x[/]" in out


def test_problems_are_shown_with_line_and_code(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    weft("init", "1", "mine")
    write_hole(tmp_path / "home/mine", "total", "import json\nreturn 6.0\n")
    outcome = weft("check", "1")
    assert outcome.code == 1
    assert outcome.out.splitlines()[1:3] == [
        "  cannot run  sums.py:12: imports json, which this lab does not allow; "
        "it allows __future__, math, numbers_given, os, sums, time, typing",
        "      import json",
    ]
    assert "  total       not checked" in outcome.out.splitlines()


def test_json_is_one_object_whatever_student_code_prints(weft: Weft, tmp_path: Path) -> None:
    weft("init", "1", "mine")
    write_hole(tmp_path / "home/mine", "total", "import os\nprint('noise')\nos.write(1, b'raw')\nreturn 7.0\n")
    outcome = weft("check", "1", "--json")
    assert outcome.code == 1
    assert outcome.err == ""
    data = json.loads(outcome.out)
    assert data.keys() == {"schema", "lab", "passed", "warnings", "problems", "printed", "holes"}
    assert (data["schema"], data["lab"], data["passed"]) == (1, "1-sums", False)
    assert data["holes"][0] == {
        "name": "total", "status": "fail", "check": "The sum of three numbers is right.", "waits_for": None,
        "waits_since": None,
        "printed": "noise\n", "measured": [],
        "failure": {
            "kind": "difference", "what": "total of 1, 2, 3", "expected": "6.0", "actual": "7.0",
            "file": "sums.py", "line": 10, "code": None,
        },
    }  # fmt: skip
    assert data["holes"][1]["status"] == "not written"


def test_json_of_the_solution_holds_the_marks(weft: Weft) -> None:
    data = json.loads(weft("check", "--solution", "1", "--json").out)
    figure = {"what": "cycles of a mean", "cycles": 100, "reference": 100, "bound": 90, "mark": "full"}
    assert data["holes"][1]["measured"] == [figure]
    assert data["passed"]


def test_hints_come_one_by_one(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = weft("hint", "1", "total")
    assert first.out == "total: Add the values up.\nhint 1 of 2: A loop.\n"
    assert first.err == "one more: weft lab hint 1 total -n 2\n"
    second = weft("hint", "1", "total", "-n", "2")
    assert second.out.endswith("hint 1 of 2: A loop.\nhint 2 of 2: Begin with zero.\n")
    assert second.err == ""
    weft("init", "1")
    monkeypatch.chdir(tmp_path / "home" / "1-sums")
    assert weft("hint").out.startswith("total: ")
    assert weft("hint", "mean-value").out.startswith("mean-value: ")
    assert weft("hint", "1").out.startswith("total: ")
    write_hole(Path(), "total", TOTAL)
    assert weft("hint").out.startswith("mean-value: ")
    write_hole(Path(), "mean-value", "return 5.0\n")
    assert weft("hint").out.startswith("mean-value: "), "the first that fails"
    path = Path("sums.py")
    path.write_text(path.read_text(encoding="utf-8").replace("return 5.0", "return 2.0"), encoding="utf-8")
    last = weft("hint")
    assert (last.code, last.out, last.err) == (0, "", "all 2 holes of 1-sums pass: no hint is needed\n")
    path.write_text("import json\n", encoding="utf-8")
    assert "your files cannot be run: sums.py:1: imports json" in weft("hint").err


def test_one_hole_is_checked(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weft("init", "1")
    monkeypatch.chdir(tmp_path / "home" / "1-sums")
    write_hole(Path(), "total", TOTAL)
    for words in (("1", "total"), ("total",)):
        outcome = weft("check", *words)
        assert outcome.code == 0
        assert outcome.out.splitlines() == [
            "1-sums: Sums", "  total       pass", "1 of 1 holes pass; the others were not checked"
        ]  # fmt: skip
    assert weft("check", "mean-value").code == 1
    assert [hole["name"] for hole in json.loads(weft("check", "total", "--json").out)["holes"]] == ["total"]
    assert weft("check", "1").out.splitlines()[-1] == "1 of 2 holes pass"
    told = "lab 1-sums: no hole 'tally'; did you mean 'total'? there are: total, mean-value"
    assert told in weft("check", "tally").err


def test_a_hole_that_waits_for_a_failing_one_says_so(weft: Weft, tree: Path, tmp_path: Path) -> None:
    path = tree / "1-sums/lab.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'after = ["total"]\n', encoding="utf-8")
    weft("init", "1", "mine")
    write_hole(tmp_path / "home/mine", "total", "return 7.0\n")
    write_hole(tmp_path / "home/mine", "mean-value", "return total(values) / 3\n")
    assert "  mean-value  waits for total (which fails)" in weft("check", "1").out.splitlines()
    assert weft("check", "1", "mean-value").out.splitlines()[1] == "  mean-value  waits for total (which fails)"
    assert json.loads(weft("check", "1", "--json").out)["holes"][1]["waits_since"] == "fails"


def test_a_value_of_several_lines_is_not_padded_and_stands_in_one_column(weft: Weft, tmp_path: Path) -> None:
    weft("init", "1", "mine")
    body = "class Lines(float):\n    __repr__ = lambda s: 'a\\nb'\nreturn Lines(7)\n"
    write_hole(tmp_path / "home/mine", "total", body)
    lines = weft("check", "1").out.splitlines()
    assert lines[4:6] == ["      actual    a", "                b"]
    assert not [line for line in lines if line != line.rstrip()]


def test_columns_hold_for_a_pipe_too(weft: Weft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, weft("check", "1", "--solution").out.splitlines())) <= 40
    monkeypatch.delenv("COLUMNS")
    assert max(map(len, weft("check", "1", "--solution").out.splitlines())) > 40


def test_the_labs_own_folder_is_no_place_to_work(weft: Weft, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "1-sums")
    for words in (("check", "1"), ("check",), ("reset", "1")):
        outcome = weft(*words)
        assert outcome.code == 2
        assert "this folder is the labs' own copy of 1-sums, from which checks and starters" in outcome.err
        assert "`weft lab init 1` elsewhere makes a folder to work in" in outcome.err


def test_a_folder_that_cannot_be_made_is_named(weft: Weft, tmp_path: Path) -> None:
    (tmp_path / "home" / "afile").write_text("", encoding="utf-8")
    outcome = weft("init", "1", "afile/deep/sub")
    assert outcome.code == 2
    assert outcome.err == (
        "error: nothing written: the folder afile/deep cannot be made (a file is in the way); give another\n"
    )


def test_what_lock_cannot_measure_is_said_in_words(weft: Weft, tree: Path) -> None:
    path = tree / "1-sums/sums.py"
    path.write_text(path.read_text(encoding="utf-8").replace("return accumulated", "return 1 + accumulated"), "utf-8")
    assert weft("lock").err == (
        "error: lab 1-sums: the solution does not pass 'The sum of three numbers is right.' of total: "
        "total of 1, 2, 3: expected 6.0, got 7.0 (at grade.py:12)\n"
    )


def test_show(weft: Weft) -> None:
    assert weft("show", "1").out == "# Sums\n\nSee [the page](../../docs/page.md).\n"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("1-sums/README.md", ("show", "1")),
        ("1-sums/README.md", ("init", "1", "new")),
        ("1-sums/README.md", ("export", "-o", "out")),
        ("README.md", ("export", "-o", "out")),
        ("1-sums/sums.py", ("list",)),
        ("1-sums/lab.toml", ("list",)),
        ("common/numbers_given.py", ("init", "1", "new")),
        ("lock.toml", ("check", "--solution", "1")),
    ],
)
def test_a_text_of_the_tree_that_is_none_is_named(
    file: str, words: tuple[str, ...], weft: Weft, tree: Path, tmp_path: Path
) -> None:
    (tree / file).write_bytes(b"caf\xe9\n")
    outcome = weft(*words)
    assert outcome.code == 2
    assert f"{Path(file).name}: cannot be read as text: " in outcome.err, outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_hint_for_a_file_that_is_no_text(weft: Weft, tmp_path: Path) -> None:
    weft("init", "1", "mine")
    (tmp_path / "home/mine/sums.py").write_bytes(b"caf\xe9\n")
    outcome = weft("hint", "1")
    assert outcome.code == 2
    assert "your files cannot be run: sums.py: not UTF-8 text" in outcome.err


def test_reset(weft: Weft, tmp_path: Path) -> None:
    weft("init", "1", "mine")
    write_hole(tmp_path / "home/mine", "total", TOTAL)
    outcome = weft("reset", "1")
    assert outcome.code == 0
    assert "the starters of 1-sums again; yours are in before-reset-" in outcome.err
    (kept,) = (tmp_path / "home/mine").glob("before-reset-*")
    assert TOTAL.splitlines()[0] in (kept / "sums.py").read_text(encoding="utf-8")
    assert 'Unwritten("total")' in (tmp_path / "home/mine/sums.py").read_text(encoding="utf-8")


def test_lock(weft: Weft, tree: Path) -> None:
    (tree / "lock.toml").unlink()
    missing = weft("check", "--solution", "1")
    assert missing.code == 2
    assert "lock.toml: missing; it holds the cycle thresholds. `weft lab lock` generates it" in missing.err
    assert weft("lock").err == f"{tree.resolve()}/lock.toml: 1 figures\n"
    assert weft("check", "--solution", "1").code == 0


REFUSED = [
    (("check",), "which lab? give its number, or go to the folder that `weft lab init N` made"),
    (("check", "1"), "no folder for lab 1-sums here; `weft lab init 1` makes one, or go to the one you made"),
    (("reset", "1"), "no folder for lab 1-sums here"),
    (("check", "7"), "no lab '7'; there are: 1-sums"),
    (("show", "x"), "no lab 'x'; there are: 1-sums"),
    (("hint", "1", "tally"), "lab 1-sums: no hole 'tally'; did you mean 'total'? there are: total, mean-value"),
    (("hint", "1"), "which hole of lab 1-sums? there are: total, mean-value"),
    (("hint", "1", "total", "more"), "too many words: 1 total more; give a lab and a hole"),
    (("check", "1", "--watch", "--json"), "--watch is for people and --json for programs; give one of them"),
    (("list", "--tree", "nowhere"), "--tree nowhere: no labs there; expected folders such as 1-name"),
    (("init",), "Missing argument 'N'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_done_is_said_in_one_message(words: tuple[str, ...], message: str, weft: Weft) -> None:
    outcome = weft(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert message in outcome.err
    assert outcome.err.lower().count("error: ") == 1


def test_init_twice_is_refused(weft: Weft) -> None:
    weft("init", "1")
    outcome = weft("init", "1")
    assert outcome.code == 2
    assert "nothing written: 1-sums already holds sums.py, numbers_given.py, README.md, .weft-lab" in outcome.err


def test_a_missing_package_is_exit_code_5(weft: Weft, tree: Path) -> None:
    path = tree / "1-sums/lab.toml"
    path.write_text('needs = ["no_such_package"]\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    outcome = weft("check", "1", "--solution")
    assert outcome.code == 5
    assert "lab 1-sums needs no_such_package, which is not installed: pip install 'no-such-package'" in outcome.err
