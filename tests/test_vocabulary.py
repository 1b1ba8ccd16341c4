"""One word, one meaning: no two public classes share a name, and the glossary keeps apart what shares a word."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]

DISTINGUISHED = {
    "pass": ("pass, compiler", "pass, vector"),
    "space": ("allocation", "iteration space"),
    "stream": ("instruction stream",),
    "operator": ("operator",),
    "array": ("array, systolic array", "stored value"),
    "plan": ("tiling", "memory plan"),
    "result": ("result",),
    "report": ("report", "grade"),
    "trace": ("trace, graph", "trace, instruction"),
}
"""Words that mean several things in the field or once did here → the entries of the glossary that keep them apart."""


def public_classes() -> dict[str, list[str]]:
    """Class → the files that define it. The test bench's kit, which is copied and stands alone, is left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "weft").rglob("*.py")):
        if "kit" in path.parts:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def entries() -> list[str]:
    """The words that the glossary's first table explains, in its order."""
    table = (ROOT / "docs/glossary.md").read_text().split("\n## ")[0]
    return re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)[1:]


def test_no_two_public_classes_share_a_name() -> None:
    classes = public_classes()
    assert len(classes) > 200
    assert {name: files for name, files in classes.items() if len(files) > 1} == {}


def test_the_glossary_keeps_apart_what_shares_a_word() -> None:
    missing = {
        word: set(wanted) - set(entries()) for word, wanted in DISTINGUISHED.items() if set(wanted) - set(entries())
    }
    assert missing == {}


def test_the_glossary_is_in_order_and_tells_each_word_once() -> None:
    words = entries()
    assert words == sorted(words, key=str.lower)
    assert len(set(words)) == len(words) > 40
