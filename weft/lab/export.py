"""A hand-out for a class: starters, given files, checks, texts, the course edition of weft, and no solution in any."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from weft.base.reading import read_text
from weft.files import filling, folder_obstacle
from weft.lab import container, lock, manifest
from weft.lab.links import targets, without_dead_links
from weft.lab.markers import LabError
from weft.lab.tree import GRADER, Lab
from weft.lab.wheel import filename, write_wheel
from weft.lab.workspace import starters

TEXTS = ("*.md", "*.png", "*.svg")
"""Files of a lab's folder that go along besides those that lab.toml names."""
FOR_TEACHERS = "<!-- for teachers -->"
"""What stands behind this line in ``labs/README.md`` stays out of the hand-out."""

README = """\
# Labs

{rows}

## Begin
Python 3.11 or newer and pip are enough. Run this inside this folder:

    python -m venv venv && . venv/bin/activate
    pip install './{wheel}{extra}'
    weft lab init {first}

makes the folder {name} beside this page, with the files of the first lab. Leave the copy in `labs` as it is: the
checks are taken from there. The new folder's README.md is the text to follow; in that folder

    weft lab check --watch

says after every change what works and what does not. [How the labs work](labs/README.md) has the rest.

What the check says here is for you. Marks are given with the teacher's own copy of the checks.

The weft installed here is the *course edition*: the instruction set, the simulators and the labs.
"""


def export(tree: Path, labs: Sequence[Lab], target: Path) -> Path:
    """Make ``target`` (not there yet, or empty) a hand-out of these labs; the path of its wheel.

    All or nothing. Raises LabError if ``target`` holds something or the lock file is missing.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LabError(f"nothing written: {target} is there and not an empty folder; give another")
    if not (tree / lock.FILE).is_file():
        raise LabError(f"{tree / lock.FILE}: missing; `weft lab lock` generates it")
    if (reason := folder_obstacle(target)) is not None:
        raise LabError(f"nothing written: {reason}")
    with filling(target) as new:
        _fill(tree, labs, new)
    return target / filename()


def _fill(tree: Path, labs: Sequence[Lab], target: Path) -> None:
    (target / "labs").mkdir()
    for lab in labs:
        _copy_lab(tree, lab, target / "labs")
    shutil.copyfile(tree / lock.FILE, target / "labs" / lock.FILE)
    if (guide := tree / "README.md").is_file():
        text = read_text(guide, LabError).partition(FOR_TEACHERS)[0]
        (target / "labs" / "README.md").write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    _copy_docs(tree.parent / "docs", target)
    needs = sorted({package for lab in labs for package in lab.needs})
    write_wheel(target / filename(), needs)
    rows = "\n".join(f"- [{lab.title}](labs/{lab.name}/README.md), {lab.hours} hours: {lab.summary}" for lab in labs)
    first = labs[0]
    extra = "[labs]" if needs else ""
    text = README.format(rows=rows, wheel=filename(), extra=extra, first=first.number, name=first.name)
    (target / "README.md").write_text(f"{text}\n{container.paragraph(first.number)}", encoding="utf-8")
    (target / container.FILE).write_text(container.containerfile(filename(), extra), encoding="utf-8")
    for page in target.rglob("*.md"):
        page.write_text(without_dead_links(read_text(page, LabError), page.parent), encoding="utf-8")
    (target / "labs" / manifest.FILE).write_text(manifest.dump(tree, labs), encoding="utf-8")


def _copy_lab(tree: Path, lab: Lab, target: Path) -> None:
    """One lab as students get it: everything that lab.toml names, the texts, and nothing else."""
    folder = target / lab.name
    folder.mkdir()
    for file, text in starters(lab).items():
        (folder / file).write_text(text, encoding="utf-8")
    for name in ("lab.toml", GRADER):
        shutil.copyfile(lab.folder / name, folder / name)
    for path in (path for pattern in TEXTS for path in sorted(lab.folder.glob(pattern))):
        shutil.copyfile(path, folder / path.name)
    for path in lab.given:
        place = target / path.resolve().relative_to(tree)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _copy_docs(docs: Path, target: Path) -> None:
    """Copy the pages and pictures of the documentation that the texts link to, and what those pages link to."""
    waiting = sorted(target.rglob("*.md"))
    while waiting:
        page = waiting.pop()
        for link in targets(read_text(page, LabError)):
            place = (page.parent / link).resolve()
            if place.parent == (target / "docs").resolve() and (docs / place.name).is_file() and not place.exists():
                place.parent.mkdir(exist_ok=True)
                shutil.copyfile(docs / place.name, place)
                if place.suffix == ".md":
                    waiting.append(place)
