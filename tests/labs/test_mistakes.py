"""Planted mistakes are edits that fit the solution once, or whole bodies; what does not fit is refused by name."""

from __future__ import annotations

import pytest

from weft.lab.markers import LabError, body
from weft.lab.mistakes import edited, mistakes, path_of
from weft.lab.tree import Lab

OVERLAP = "two places overlap at 'for i in range(3):'"
SOLUTION = "a = 1\nfor i in range(3):\n    a += i\n\nb = 1\nfor j in range(3):\n    b += i\nreturn a + b\n"


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        ("-    a += i\n+    a -= i\n", "a += i", "a -= i"),
        ("-return a + b", "return a + b\n", ""),
        (" a = 1\n+a = 2\n", "a = 1\n", "a = 1\na = 2\n"),
        ("-    a += i\n-\n-b = 1\n+b = 2\n", "    a += i\n\nb = 1\n", "b = 2\n"),
        ("     a += i\n\n-b = 1\n+b = 2\n", "b = 1", "b = 2"),
        ("-return a + b\n+return b\n@@\n-a = 1\n+a = 0\n", "return a + b", "return b"),
    ],
)
def test_an_edit_changes_what_it_names(edit: str, old: str, new: str) -> None:
    right = SOLUTION.replace(old, new)
    if "@@" in edit:
        right = right.replace("a = 1", "a = 0")
    assert edited(SOLUTION, edit, "here") == right


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("-a = 2\n+a = 3\n", "in the solution 0 times instead of once: 'a = 2'"),
        ("-a = 1 \n+a = 3\n", "in the solution 0 times instead of once: 'a = 1 '"),
        ("-a += i\n+a = 3\n", "in the solution 0 times instead of once: 'a += i'"),
        ("-    b += i\n-return a\n", "in the solution 0 times instead of once: '    b += i'"),
        ("+a = 3\n", "a place must name lines of the solution, and change something"),
        (" a = 1\n", "a place must name lines of the solution, and change something"),
        ("-a = 1\n+a = 1\n", "a place must name lines of the solution, and change something"),
        ("-a = 1\n+a = 2\n@@\n", "a place must name lines of the solution, and change something"),
        ("a = 1\n+a = 2\n", "a line must begin with '-', '+' or a space, unlike 'a = 1'"),
        (
            " a = 1\n-for i in range(3):\n@@\n-for i in range(3):\n     a += i\n",
            OVERLAP,
        ),
    ],
)
def test_an_edit_that_does_not_fit_once_is_refused(edit: str, message: str) -> None:
    with pytest.raises(LabError) as problem:
        edited(SOLUTION, edit, "here")
    assert str(problem.value) == f"here: edit: {message}"


def test_lines_that_are_there_twice_are_no_place() -> None:
    with pytest.raises(LabError, match="in the solution 2 times instead of once: 'x'"):
        edited("x\ny\nx\n", "-x\n+z\n", "here")


def test_mistakes_are_read_in_order_with_their_text(lab: Lab) -> None:
    first, second, third = mistakes(lab, "total")
    assert [str(mistake) for mistake in (first, second, third)] == [
        f"wrong/total.toml: {name}" for name in ("first-only", "last-missing", "too-far")
    ]
    assert first.text == "# takes the first\nreturn values[0]\n"
    right = body(lab.text("sums.py"), "total", "sums.py")
    assert second.text == "# forgets the last\n" + right.replace("in values:", "in values[:-1]:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nbody = 'x'\n", ": a: why: missing"),
        ("[a]\nwhy = 1\nbody = 'x'\n", ": a: why: must be a text"),
        ("[a]\nwhy = ' '\nbody = 'x'\n", ": a: why: must say in one line what is wrong"),
        ("[a]\nwhy = \"x\\ny\"\nbody = 'x'\n", ": a: why: must say in one line what is wrong"),
        ("[a]\nwhy = 'x'\n", ": a: must have either an edit or a body"),
        ("[a]\nwhy = 'x'\nbody = 'x'\nedit = '-x'\n", ": a: must have either an edit or a body"),
        ("[a]\nwhy = 'x'\nedit = 3\n", ": a: edit: must be a text"),
        ("[a]\nwhy = 'x'\nbdy = 'x'\n", ": a: bdy: unknown key; known are why, edit, body"),
        ("a = 3\n", ": a: must be a table, [a]"),
        ("[a]\nwhy = 'x'\nedit = '-nowhere'\n", ": a: edit: in the solution 0 times instead of once: 'nowhere'"),
        ("[a]\nwhy = 'x'\nbody = '''\nBODY'''\n", ": a: is the solution itself"),
        ("[a\n", ": not valid TOML"),
        ("[a]\nwhy = 'x'\nbody = 'x'\n[a]\n", ": not valid TOML"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_named(text: str, message: str, lab: Lab) -> None:
    path = path_of(lab, "total")
    path.write_text(text.replace("BODY", body(lab.text("sums.py"), "total", "sums.py")), encoding="utf-8")
    with pytest.raises(LabError) as problem:
        mistakes(lab, "total")
    assert str(problem.value).startswith(f"{path}{message}")
