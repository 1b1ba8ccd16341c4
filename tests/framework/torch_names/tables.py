"""The names of torch that are counted, and the scripts that prove them, gathered from the tables of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.framework.torch_names import (
    choosing,
    drawing,
    elementwise,
    further,
    gradients,
    layer_functions,
    layers,
    logic,
    making,
    modules,
    products,
    recurrent,
    reducing,
    settings,
    shaping,
    sliding,
    training,
)

LIST = Path(__file__).parent / "names.txt"
TABLES = (
    making, shaping, elementwise, logic, reducing, products, choosing, drawing, layer_functions, layers, modules,
    training, gradients, sliding, recurrent, settings, further,
)  # fmt: skip
"""Each has CASES, names → script, and a PRELUDE that runs before each of them."""


@dataclass(frozen=True)
class NameCase:
    """A ``script`` that proves ``names`` after its ``prelude``."""

    names: tuple[str, ...]
    prelude: str
    script: str


def counted() -> Mapping[str, list[str]]:
    """Module → the names of it that are counted, as ``names.txt`` lists them."""
    found: dict[str, list[str]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"\[(.+)\]", line):
            found[heading[1]] = []
        elif line and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


def cases() -> Iterator[NameCase]:
    """All scripts, in the order of the tables."""
    for table in TABLES:
        for names, script in table.CASES.items():
            yield NameCase(tuple(names.split()), table.PRELUDE, script)


def proved() -> set[str]:
    """The names that a script stands for, with their modules: ``Tensor.abs``."""
    return {name for case in cases() for name in case.names}
