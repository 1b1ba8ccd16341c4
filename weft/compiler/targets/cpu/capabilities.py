"""What the CPU runs, as a table: everything, of every type; some of it by calls of the NumPy reference.

Loops and branches go on in Python, but their bodies are compiled.
"""

from __future__ import annotations

from weft.compiler.targets.cpu.indexed import INDEXED
from weft.compiler.targets.cpu.scalars import FLOAT32_ALONE, OPERATIONS
from weft.framework.capability import ALL_TYPES, Capabilities, Capability
from weft.framework.primitives import PRIMITIVES

_OWN = frozenset(
    {
        "input", "constant", "iota", "sum", "max", "argmax", "concatenate", "matmul", "conv", "window_sum",
        "window_max", "window_pick",
    }
)  # fmt: skip
"""What the lowering has code for besides loops over elements and movements."""


def _reference(op: str) -> frozenset[str]:
    if op == "scatter":
        return frozenset({"bfloat16"})  # whose sums are rounded once, at the end
    if op in _OWN or op in INDEXED or PRIMITIVES[op].group in ("movement", "control"):
        return frozenset()
    if op in OPERATIONS:
        return frozenset({"float64"} if op in FLOAT32_ALONE else ())
    return ALL_TYPES


CAPABILITIES = Capabilities({op: Capability(reference=_reference(op)) for op in PRIMITIVES}, what="the CPU")
"""Of a graph after the passes: what they write out (short scans, random bits) does not get here."""
