"""The memories, and the elements that lie in them: how many bytes each takes, and in which memory it may lie."""

from __future__ import annotations

from dataclasses import dataclass

SCRATCHPAD, ACCUMULATOR, DRAM = "scratchpad", "accumulator", "dram"


@dataclass(frozen=True)
class ElementFormat:
    """How a number lies in memory: in ``bytes`` bytes, and on chip in ``memory`` alone. ``doc`` says how a pass takes
    it to a 32-bit word and back."""

    name: str
    bytes: int
    memory: str
    doc: str


_ELEMENTS = (
    ElementFormat("word", 4, ACCUMULATOR, "32 bits as they are"),
    ElementFormat("bf16", 2, SCRATCHPAD, "widened to fp32 when read, rounded to nearest even when written"),
    ElementFormat("int8", 1, SCRATCHPAD, "sign-extended to int32 when read, saturated when written"),
)

ELEMENTS = tuple(element.name for element in _ELEMENTS)
"""Names of the elements; their order is their encoding."""

ELEMENT = {element.name: element for element in _ELEMENTS}
