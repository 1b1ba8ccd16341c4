"""What instructions do to the memories, as tables: every operand in memory, when it is read or written, how it lies.

Encoded fields are in ``isa.instructions``; this is what they mean for addresses. Footprints, rules, races, ports and
the hardware's reads follow from it. The interpreter alone does not look here: it is what these tables are held against.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

from weft.isa.elements import ELEMENT, ElementFormat
from weft.isa.encoding import Instruction
from weft.isa.fields import Field, FieldKind
from weft.isa.instructions import BY_NAME
from weft.isa.vector_ops import BINARY, IN_MEMORY, REDUCTIONS


@dataclass(frozen=True)
class Condition:
    """That ``field`` has one of some choices, or, with ``unless``, none of them."""

    field: Field
    choices: tuple[str, ...]
    unless: bool = False

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The encoded choices."""
        return tuple(self.field.choices.index(choice) for choice in self.choices)

    def holds(self, value: Callable[[str], Any]) -> Any:
        """Whether it holds, where ``value`` gives fields by name: as integers, columns of a table or signals."""
        given = value(self.field.name)
        if self.unless:
            return reduce(operator.and_, (given != code for code in self.codes))
        return reduce(operator.or_, (given == code for code in self.codes))


When = tuple[Condition, ...]
"""Conditions that must all hold; none: always."""


def holds(when: When | None, value: Callable[[str], Any]) -> Any:
    """Whether all conditions hold, as :meth:`Condition.holds`; None never does."""
    return when is not None and reduce(operator.and_, (condition.holds(value) for condition in when), True)


@dataclass(frozen=True)
class Form:
    """A way to lie in memory, taken where ``when`` holds: runs of elements that follow each other.

    ``levels``: the fields of count and stride of the runs, innermost first. ``run``: the fields whose product is the
    number of elements in a run (none: one element). ``single``: fields that must be 1.
    """

    levels: tuple[tuple[str, str], ...]
    run: tuple[str, ...] = ()
    when: When = ()
    single: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operand:
    """An operand whose address is ``field``, read and written when ``read`` and ``write`` hold (None: never).

    ``element``: an element's name, or the field that chooses one; empty: bytes that are moved in beats. ``forms``: the
    first whose conditions hold is taken. ``distinct``: runs must not overlap each other.
    """

    field: str
    element: str
    forms: tuple[Form, ...]
    read: When | None = None
    write: When | None = None
    distinct: bool = False


def _is(instruction: str, field: str, *choices: str, unless: bool = False) -> When:
    return (Condition(BY_NAME[instruction].layout[field].field, choices, unless),)


def _levels(operand: str, *levels: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"count{level}", f"{operand}_stride{level}") for level in levels)


def _rows(operand: str, run: str) -> tuple[Form, ...]:
    return (Form(_levels(operand, 0, 1, 2), (run,)),)


def _source(operand: str, place: str, uses: str) -> Operand:
    """``operand`` of a pass, which the operation in ``place`` takes as its operand ``uses``."""
    unused = _is("vector", place, *(op.name for op in BINARY if uses not in op.uses), unless=True)
    source, levels = f"{operand}_source", _levels(operand, 0, 1)
    forms = Form(levels, when=_is("vector", source, "scalar")), Form(levels, ("lanes",))
    return Operand(operand, f"{operand}_type", forms, read=unused + _is("vector", source, *IN_MEMORY))


def _over(what: str) -> When:
    return _is("vector", "reduce", *(op.name for op in REDUCTIONS if op.over == what))


OPERANDS: Mapping[str, tuple[Operand, ...]] = {
    "load": (
        Operand("dram", "", _rows("dram", "bytes"), read=()),
        Operand("local", "", _rows("local", "bytes"), write=()),
    ),
    "store": (
        Operand("dram", "", _rows("dram", "bytes"), write=()),
        Operand("local", "", _rows("local", "bytes"), read=()),
    ),
    "matmul": (
        Operand("a", "type", (
            Form((("k", "a_stride0"),), ("count0", "count1", "count2"), _is("matmul", "transpose_a", "yes"),
                 single=("count1", "count2")),
            *_rows("a", "k"),
        ), read=()),
        Operand("w", "type", (
            Form((("n", "w_stride"),), ("k",), _is("matmul", "transpose_w", "yes")),
            Form((("k", "w_stride"),), ("n",)),
        ), read=()),
        Operand("d", "word", _rows("d", "n"), read=_is("matmul", "accumulate", "yes"), write=(), distinct=True),
    ),
    "vector": (
        _source("x", "pre", "a"),
        _source("y", "pre", "b"),
        _source("z", "then", "b"),
        Operand("d", "d_type", (
            Form(_levels("d", 0, 1), when=_over("lanes")),
            Form(_levels("d", 1), ("lanes",), _over("rows")),
            Form(_levels("d", 0, 1), ("lanes",)),
        ), write=()),
    ),
}  # fmt: skip
"""The operands in memory of every instruction that has some, in the order of their addresses in its fields."""

OVER = {what: _over(what)[0] for what in ("lanes", "rows")}
"""That a pass reduces over lanes, and that it does over rows."""


@dataclass(frozen=True)
class Touched:
    """An operand that an instruction reads or writes, and how: its form and its elements (None: bytes)."""

    operand: Operand
    read: bool
    write: bool
    form: Form
    element: ElementFormat | None


_CHOICES = {
    name: tuple(key for key, placed in BY_NAME[name].layout.items() if placed.field.kind is FieldKind.CHOICE)
    for name in OPERANDS
}


@lru_cache(1 << 12)
def _touched(name: str, codes: tuple[int, ...]) -> tuple[Touched, ...]:
    chosen = dict(zip(_CHOICES[name], codes, strict=True))
    found = []
    for operand in OPERANDS[name]:
        read, write = (holds(when, chosen.__getitem__) for when in (operand.read, operand.write))
        if read or write:
            form = next(form for form in operand.forms if holds(form.when, chosen.__getitem__))
            kind = operand.element
            if kind in chosen:
                kind = BY_NAME[name].layout[kind].field.choices[chosen[kind]]
            found.append(Touched(operand, read, write, form, ELEMENT.get(kind)))
    return tuple(found)


def touched(instruction: Instruction) -> tuple[Touched, ...]:
    """The operands that an instruction reads or writes; all that decides it are fields with named choices."""
    name, fields = instruction.name, instruction.fields
    return _touched(name, tuple(fields[key] for key in _CHOICES[name])) if name in OPERANDS else ()
