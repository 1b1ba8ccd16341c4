"""The manual is what the tables say."""

from __future__ import annotations

from pathlib import Path

from weft.isa.instructions import INSTRUCTIONS
from weft.isa.manual import manual
from weft.isa.rules import RULES

PATH = Path(__file__).parents[2] / "docs" / "isa.md"


def test_the_manual_in_docs_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == manual(), "run: python -m weft.isa.manual docs/isa.md"


def test_it_names_every_instruction_and_field() -> None:
    text = manual()
    for spec in INSTRUCTIONS:
        section = text.split(f"### {spec.name}\n")[1].split("\n##")[0]
        assert ("Specified, not built" in section) == (not spec.built)
        if spec.built:
            assert all(f"| `{field.name}` |" in section for field in spec.fields)


def test_every_rule_says_what_it_asks() -> None:
    assert all(rule.__doc__ for rule in RULES)
