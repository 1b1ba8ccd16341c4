"""The documentation site: what is checked of a built one, and that the reference has every public name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import weft
from tests.site import complaints
from weft.names import homes

DOCS = Path(__file__).parents[1] / "docs"
GOOD = {
    "index.html": '<link rel="stylesheet" href="a.css"><a href="b/c.html#x">c</a><a href="https://example.org">out</a>',
    "b/c.html": '<h1 id="x">c</h1><a href="../index.html">back</a><a href="#x">here</a><img src="data:,">',
    "a.css": "body { background: url(data:,) }",
}
BAD = {
    "a link to no file": ("index.html", '<a href="d.html">d</a>', "links to d.html, which is not there"),
    "a link to no anchor": ("index.html", '<a href="b/c.html#y">c</a>', "#y, which has no such anchor"),
    "no anchor here": ("b/c.html", '<a href="#y">y</a>', "links to #y, which has no such anchor"),
    "a script from elsewhere": ("b/c.html", '<script src="//x.org/a.js"></script>', "loads //x.org/a.js"),
    "a font from elsewhere": ("index.html", '<link rel="preconnect" href="https://x.org">', "loads https://x.org"),
    "a style within": ("index.html", '<p style="background: url(https://x.org/a.png)">', "loads https://x.org/a.png"),
    "a picture that is lost": ("index.html", '<img src="a.png">', "loads a.png, which is not there"),
    "an import": ("a.css", '@import "https://x.org/a.css";', "loads https://x.org/a.css"),
    "a font of a style": ("a.css", "@font-face { src: url('https://x.org/f') }", "loads https://x.org/f"),
    "a page alone": ("d.html", "<p>", "no page leads to it"),
}


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in GOOD.items():
        write(tmp_path, name, text)
    return tmp_path


def test_a_whole_site_has_no_complaint(site: Path) -> None:
    assert list(complaints(site)) == []


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_told(case: str, site: Path) -> None:
    name, text, told = BAD[case]
    write(site, name, text)
    assert len(found := list(complaints(site))) == 1
    assert found[0].startswith(name)
    assert told in found[0]


def test_the_reference_has_every_public_name() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    shown = set(re.findall(r"^\.\. auto\w+:: (\S+)$", text, re.M))
    for name, (module, own) in homes().items():
        lives = {module, f"{module}.{own}", getattr(getattr(weft, name), "__module__", module)}
        assert lives & shown, f"weft.{name} ({module}.{own}) is on no page of docs/reference"
