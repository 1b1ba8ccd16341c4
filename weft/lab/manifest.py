"""What a hand-out's checks were made of: hashes that ``weft lab export`` writes, and that ``weft lab check`` compares.

It finds what was changed by accident. Who means to cheat changes the hashes too; marks need the teacher's own labs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from weft.base.reading import parse_json, read_text, reading
from weft.lab import lock
from weft.lab.markers import LabError
from weft.lab.tree import GRADER, Lab

FILE = "manifest.json"
SCHEMA = 1


def dump(tree: Path, labs: Sequence[Lab]) -> str:
    """The text of the manifest of these labs of ``tree``."""
    names = sorted({name for lab in labs for name in _graded_with(lab)})
    hashes = {name: _digest(tree / name) for name in names}
    return json.dumps({"schema": SCHEMA, "sha256": hashes}, indent=2, allow_nan=False) + "\n"


def changed(lab: Lab) -> tuple[str, ...]:
    """A warning for every file that grades this lab and is not as handed out; none where there is no manifest."""
    tree = lab.folder.parent
    path = tree / FILE
    if not path.is_file():
        return ()
    try:
        with reading(str(path), LabError):
            known = dict(parse_json(read_text(path, LabError))["sha256"])
    except LabError:
        return (f"{tree.name}/{FILE} cannot be read, so nobody knows whether the checks are as handed out",)
    return tuple(
        f"{tree.name}/{name} was changed since the hand-out was made"
        for name in _graded_with(lab)
        if known.get(name) != _digest(tree / name)
    )


def _graded_with(lab: Lab) -> Iterable[str]:
    """The files that decide on a lab's marks, relative to the tree."""
    tree = lab.folder.parent.resolve()
    own = [lab.folder / "lab.toml", lab.folder / GRADER, *lab.given, tree / lock.FILE]
    return [path.resolve().relative_to(tree).as_posix() for path in own]


def _digest(path: Path) -> str | None:
    """The file's SHA-256, whatever its line ends; None if it is not there."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest() if path.is_file() else None
