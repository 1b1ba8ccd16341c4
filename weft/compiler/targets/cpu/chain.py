"""Steps that are walked together: a block of rows goes through all of them before the next block is looked at.

Rows are what the steps have in common, the outer axes along which none of them mixes anything: the rows of a softmax or
of a norm, the batches of products. What passes from step to step inside a chain, and is wanted nowhere else, has memory
for one block alone, which stays in the cache: nothing of it is written to memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest, Store

Link = LoopNest | Contraction
"""A step that may be part of a chain."""
FIRST_LOCAL = -2
"""The buffer of the first local; that of the next is one less."""


class ChainLocal(NamedTuple):
    """Memory inside a chain: it begins `offset` bytes into that of a part. Row r of a block that begins with row s is
    ``(r - s) * step`` bytes further on; where `step` is 0 the memory is a product's own, for its panels."""

    offset: int
    step: int


class Chain(NamedTuple):
    """One step, made of several.

    Attributes:
        rows: how many there are. blocks: into how many pieces they are divided, block n being the rows from
            ``rows * n // blocks`` to before ``rows * (n + 1) // blocks``.
        steps: loops whose first axis is that of rows, and products of so many batches.
        locals: of local n the buffer is ``FIRST_LOCAL - n``.
        scratch: uint8, memory for the locals of a part: as often as there are parts.
    """

    rows: int
    blocks: int
    steps: tuple[Link, ...]
    locals: tuple[ChainLocal, ...]
    scratch: AccessWindow

    @property
    def windows(self) -> tuple[AccessWindow, ...]:
        """All of memory outside that it touches, and its own."""
        return (*(w for step in self.steps for w in link_windows(step) if w.buffer >= 0), self.scratch)

    def with_windows(self, windows: Sequence[AccessWindow]) -> Chain:
        """The same on other memory, in the order of `windows`."""
        *others, scratch = windows
        following = iter(others)
        steps = tuple(
            with_link_windows(step, [next(following) if w.buffer >= 0 else w for w in link_windows(step)])
            for step in self.steps
        )
        return self._replace(steps=steps, scratch=scratch)

    @property
    def reads(self) -> tuple[AccessWindow, ...]:
        """What it reads of memory outside and has not written itself."""
        written = set[int]()
        found: dict[AccessWindow, None] = {}
        for step in self.steps:
            found |= dict.fromkeys(w for w in link_reads(step) if w.buffer >= 0 and w.buffer not in written)
            written |= {w.buffer for w in link_writes(step)}
        return tuple(found)

    @property
    def writes(self) -> tuple[AccessWindow, ...]:
        """What it writes of memory outside, and its own."""
        return (*(w for step in self.steps for w in link_writes(step) if w.buffer >= 0), self.scratch)


def link_windows(step: Link) -> tuple[AccessWindow, ...]:
    """Of a loop or a product, all of memory that it touches."""
    return step.windows if isinstance(step, Contraction) else (*step.loads, *(s.window for s in step.stores))


def with_link_windows(step: LoopNest | Contraction, windows: Sequence[AccessWindow]) -> Link:
    """The same on other memory, in the order of `link_windows`."""
    if isinstance(step, Contraction):
        return step.with_windows(windows)
    loads, written = windows[: len(step.loads)], windows[len(step.loads) :]
    stores = tuple(Store(s.slot, w, s.combine) for s, w in zip(step.stores, written, strict=True))
    return step._replace(loads=tuple(loads), stores=stores)


def link_reads(step: Link) -> tuple[AccessWindow, ...]:
    """What a loop or a product reads."""
    return (step.a, step.b, *step.epilogue.loads[1:]) if isinstance(step, Contraction) else step.loads


def link_writes(step: Link) -> tuple[AccessWindow, ...]:
    """What a loop or a product writes, but for a product's own memory."""
    return tuple(s.window for s in (step.epilogue if isinstance(step, Contraction) else step).stores)
