"""The page docs/torch-coverage.md, written from the tables: ``python -m tests.framework.torch_names.coverage``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.framework.torch_names.reasons import MISSING, STATED
from tests.framework.torch_names.tables import counted, proved
from tests.tree import ROOT

PAGE: Path = ROOT / "docs/torch-coverage.md"


def lines() -> Iterator[str]:
    names = {module: [f"{module}.{name}" for name in listed] for module, listed in counted().items()}
    found = proved()
    total = sum(map(len, names.values()))
    there = sum(name in found for listed in names.values() for name in listed)
    yield "# The names of torch\n"
    yield (
        f"Of {total} names of torch that scripts use, {there} are here ({100 * there // total} %). A name counts when "
        "a script that uses it leaves the same under torch 2.13 and under weft, with nothing but its imports changed: "
        "the same values, shapes and element types, on the reference device and on the CPU. The scripts are the tables "
        "of `tests/framework/torch_names/`; `python -m tests.framework.torch_names.coverage` writes this page from "
        "them.\n"
    )
    yield "| module | here | of |"
    yield "|---|---|---|"
    for module, listed in names.items():
        yield f"| `{module}` | {sum(name in found for name in listed)} | {len(listed)} |"
    yield "\n## What differs\n"
    for what, why in STATED.items():
        yield f"- **{what}**: {why}"
    yield "\n## What is missing\n"
    yield "| name | why |"
    yield "|---|---|"
    missing = [name for listed in names.values() for name in listed if name not in found]
    for name in missing:
        if name in MISSING:
            yield f"| `{name}` | {MISSING[name]} |"
    rest = [f"`{name}`" for name in missing if name not in MISSING]
    if rest:
        yield f"\nNot built yet: {', '.join(rest)}."
    yield "\n## What is here\n"
    for module, listed in names.items():
        short = [f"`{name.removeprefix(module + '.')}`" for name in listed if name in found]
        yield f"- **{module}**: {', '.join(short) or 'nothing yet'}"


def page() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
