"""The page docs/capabilities.md, written from tables: ``python -m weft.compiler.capability_page FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from weft.compiler import legality
from weft.compiler.passes.pipeline import PIPELINES
from weft.compiler.targets.accel.capabilities import CAPABILITIES as ACCEL
from weft.compiler.targets.cpu.capabilities import CAPABILITIES as CPU
from weft.framework.capability import ALL_TYPES
from weft.framework.dtypes import DTYPES
from weft.framework.primitives import PRIMITIVES

_TAKEN_OUT = ("random_bits", "barrier")
"""What no target gets to see, for the passes write it out."""
_LEVELS = (
    ("graph as traced", "the rules of its primitives", "`framework/graph.py`, `Graph.validate`"),
    ("graph after each pass", "the laws below", "`compiler/legality.py`"),
    ("graph that a target lowers", "the target's column above", "`compiler/targets/*/capabilities.py`"),
    ("steps on the CPU", "each reads the value it should where it lies", "`compiler/targets/cpu/contents.py`"),
    ("kernels on the accelerator", "the same of every placed array", "`compiler/targets/accel/contents.py`"),
    ("program", "ranges, banks, no deadlock, no data race", "`isa/validator.py`, `isa/checker.py`"),
)


def _lines() -> Iterator[str]:
    yield "<!-- From tables; change those, then python -m weft.compiler.capability_page docs/capabilities.md -->"
    yield "# What runs where\n"
    yield (
        f"A graph is made of {len(PRIMITIVES)} primitives. `numpy`, the reference device, and `cpu` run all of them, "
        "of every element type; where the CPU has no code of its own it calls the primitive's NumPy reference "
        "(`host_calls` counts how often). The accelerator runs what its column says; anything else is an error that "
        "names the node, the reason and the nearest thing that runs. [A device of your own](how-to/own-device.md) "
        "states a table like these.\n"
    )
    yield "| primitive | `cpu` | `accel` |"
    yield "|---|---|---|"
    for name in PRIMITIVES:
        yield f"| `{name}` | {_cpu(name)} | {_accel(name)} |"
    yield (
        "\nThe columns hold after the passes of each target. These write out short loops, so that a `scan` of few "
        "turns runs wherever its body does, and random bits, for which the accelerator has not the integers."
    )
    yield "\nTypes that the accelerator has not:\n"
    yield "| type | why | nearest |"
    yield "|---|---|---|"
    for dtype, (reason, nearest) in ACCEL.lacking.items():
        yield f"| {dtype} | {reason} | {nearest} |"
    yield "\n## What is legal at each level\n"
    yield "| level | what has to hold | where it is checked |"
    yield "|---|---|---|"
    for level in _LEVELS:
        yield f"| {' | '.join(level)} |"
    yield "\nA pass establishes laws that hold from there on; they are checked again after every later pass.\n"
    yield "| pass | in the pipeline of | from there on |"
    yield "|---|---|---|"
    for name, laws in legality.LAWS.items():
        targets = ", ".join(f"`{target}`" for target, names in PIPELINES.items() if name in names)
        yield f"| `{name}` | {targets} | {'; '.join(law.text for law in laws)} |"


def _cpu(name: str) -> str:
    if name in _TAKEN_OUT:
        return "taken out before"
    types = CPU.table[name].reference
    if not types:
        return "own code"
    return "NumPy" if types == ALL_TYPES else f"own code, {_types(types)} by NumPy"


def _accel(name: str) -> str:
    capability = ACCEL.table.get(name)
    if capability is None:
        return "taken out before" if name == "barrier" else f"no; nearest: {ACCEL.nearest(name)}"
    types = capability.types - ACCEL.lacking.keys()
    whole = types == ALL_TYPES - ACCEL.lacking.keys()
    return "; ".join(["all its types" if whole else _types(types), *(form.text for form in capability.forms)])


def _types(types: frozenset[str]) -> str:
    return ", ".join(name for name in DTYPES if name in types)


def page() -> str:
    """The text of docs/capabilities.md."""
    return "\n".join(_lines()) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
