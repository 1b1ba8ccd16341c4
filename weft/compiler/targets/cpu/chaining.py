"""Which steps are walked together: those that pass rows on to each other, or multiply the same ones.

A step joins a chain if it has the same rows (`rows.py`), if every value that the chain has made is read row by row, as
it was written, and if it may be done as early as the chain: nothing between them makes what it reads. So a softmax or a
norm, their gradients and the elementwise work around them become one walk over rows, and attention a walk over batches
and heads with one of its score matrices in the cache.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weft.compiler.targets.cpu.buffers import reads, writes
from weft.compiler.targets.cpu.chain import (
    FIRST_LOCAL,
    Chain,
    ChainLocal,
    Link,
    link_reads,
    link_windows,
    link_writes,
    with_link_windows,
)
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.division import chain_parts
from weft.compiler.targets.cpu.loops import AccessWindow, LoopNest
from weft.compiler.targets.cpu.lower import Lowered, Slot
from weft.compiler.targets.cpu.memory import TemporaryLiveRange, plan_memory
from weft.compiler.targets.cpu.program import Step
from weft.compiler.targets.cpu.rows import Layout, Way, layout, row_axes
from weft.compiler.targets.cpu.rows import ways as found_ways
from weft.framework.dtypes import DTYPES

BLOCK_BYTES = 64 << 10
"""Of what a block of rows touches: more than a first cache holds, for fewer turns; measured, and flat about here."""
LONGEST = 32
"""The most steps of a chain."""
_OPEN, _FAR = 8, 64
"""How many chains a step may choose from, the latest ones; how far behind a chain may be that others go before."""


def chained(lowered: Lowered, threads: int) -> Lowered:
    """The same work, with steps that pass rows on joined into chains; memory for so many threads."""
    items: list[_Growing | Step] = []
    nodes: dict[int, list[int]] = {}  # of each item, by its identity
    growing: list[_Growing] = []  # in the order in which they will run
    for step, made in zip(lowered.steps, lowered.nodes, strict=True):
        ways = dict(found_ways(step))
        place = next((n for n in reversed(range(len(growing))) if ways and growing[n].takes(step, ways, items)), None)
        for chain in growing[:place]:
            chain.passed_by(step)
        if place is None and ways:
            growing.append(_Growing.begun(step, ways))
        if place is None:
            items.append(growing[-1] if ways else step)
            nodes[id(items[-1])] = []
        nodes[id(items[-1] if place is None else growing[place])] += made
        growing = [chain for chain in growing[-_OPEN:] if not chain.moved]
    users = Counter(buffer for item in items for buffer in (item.touched if isinstance(item, _Growing) else _of(item)))
    buffers = list(lowered.buffers)
    private = {n for n, slot in enumerate(buffers) if slot.kind == "temporary" and users[n] == 1}
    steps = [item.finished(buffers, private, threads) if isinstance(item, _Growing) else item for item in items]
    found = tuple(tuple(nodes[id(item)]) for item in items)
    return replace(lowered, steps=tuple(steps), buffers=tuple(buffers), nodes=found)


def _of(step: Step) -> set[int]:
    return {w.buffer for w in (*reads(step), *writes(step))}


def _sets(item: _Growing | Step) -> tuple[set[int], set[int]]:
    """The buffers that it reads, and those that it writes."""
    if isinstance(item, _Growing):
        return item.read, item.written
    return {w.buffer for w in reads(item)}, {w.buffer for w in writes(item)}


@dataclass
class _Growing:
    """A chain that may still take steps.

    Attributes:
        ways: its steps over rows, in each way that all of them have. layouts: by the same, of each buffer that it
            writes where rows lie. first: the first step, as it was.
        read, written: buffers. read_between, written_between: those of other steps that will come after it.
        moved: whether it has gone before a chain that needs it, and so takes no further step.
    """

    first: Link
    ways: dict[Way, list[Link]]
    layouts: dict[Way, dict[int, Layout | None]]
    read: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)
    read_between: set[int] = field(default_factory=set)
    written_between: set[int] = field(default_factory=set)
    moved: bool = False

    @classmethod
    def begun(cls, step: Step, ways: Mapping[Way, Link]) -> _Growing:
        assert isinstance(step, LoopNest | Contraction)
        chain = cls(step, {way: [] for way in ways}, {way: {} for way in ways})
        chain._take(step, {way: (seen, _written(seen)) for way, seen in ways.items()})
        return chain

    @property
    def touched(self) -> set[int]:
        return self.read | self.written

    def passed_by(self, step: Step) -> None:
        """Note a step that will come after the chain."""
        self.read_between |= {w.buffer for w in reads(step)}
        self.written_between |= {w.buffer for w in writes(step)}

    def takes(self, step: Step, ways: Mapping[Way, Link], items: list[_Growing | Step]) -> bool:
        """Add the step, if it belongs here. What it reads besides may have to come earlier among the `items`."""
        assert isinstance(step, LoopNest | Contraction)
        read, written = ({w.buffer for w in windows} for windows in (reads(step), writes(step)))
        products = isinstance(step, Contraction) and isinstance(self.first, Contraction)
        linked = read & self.written or (products and read & self.read)
        late = written & (self.read_between | self.written_between | self.touched)
        if not linked or late or self.moved or len(next(iter(self.ways.values()))) >= LONGEST:
            return False
        fitting = {
            way: (seen, _written(seen)) for way, seen in ways.items() if way in self.ways and self._fits(way, seen)
        }
        if not fitting or (read & self.written_between and not self._after(read, items)):
            return False
        self._take(step, fitting)
        return True

    def _after(self, wanted: set[int], items: list[_Growing | Step]) -> bool:
        """Have what is `wanted` made before the chain, where that needs neither the chain nor what stands between."""
        place = next((n for n in reversed(range(len(items))[-_FAR:]) if items[n] is self), None)
        if place is None:
            return False
        between = [(item, *_sets(item)) for item in items[place + 1 :]]
        makers = [n for n, (_, _, written) in enumerate(between) if written & wanted]
        for n in makers:
            item, read, written = between[n]
            others = set[int]().union(*(w for m, (_, _, w) in enumerate(between) if m != n), self.written)
            if (read | written) & others or written & self.read or (isinstance(item, _Growing) and item.several):
                return False
        early = [between[n][0] for n in makers]
        items[place:] = [*early, self, *(item for n, (item, _, _) in enumerate(between) if n not in makers)]
        for item in early:
            if isinstance(item, _Growing):
                item.moved = True
        self.read_between, self.written_between = set(), set()
        for n, (_, read, written) in enumerate(between):
            if n not in makers:
                self.read_between |= read
                self.written_between |= written
        return True

    @property
    def several(self) -> bool:
        """Whether it has more than one step."""
        return len(next(iter(self.ways.values()))) > 1

    def _fits(self, way: Way, step: Link) -> bool:
        """Whether all that it reads of the chain's values is of its own row."""
        layouts = self.layouts[way]
        return all(
            layouts[w.buffer] is not None and layout(w, row_axes(step)) == layouts[w.buffer]
            for w in link_reads(step)
            if w.buffer in layouts
        )

    def _take(self, step: Link, fitting: Mapping[Way, tuple[Link, dict[int, Layout | None]]]) -> None:
        self.ways = {way: [*self.ways[way], seen] for way, (seen, _) in fitting.items()}
        self.layouts = {way: self.layouts[way] | written for way, (_, written) in fitting.items()}
        self.read |= {w.buffer for w in reads(step)}
        self.written |= {w.buffer for w in writes(step)}

    def finished(self, buffers: list[Slot], private: set[int], threads: int) -> Step:
        """The chain, whose scratch memory joins the `buffers`; what of the `private` ones it touches becomes local."""
        way = min(self.ways, key=lambda way: (way[0], -way[2]))
        rows, steps, layouts = way[2], self.ways[way], self.layouts[way]
        if not self.several:
            return self.first
        sizes = _row_bytes(steps)
        blocks = -(-rows // max(1, min(rows, BLOCK_BYTES // max(1, sum(sizes.values())))))
        spans: dict[int, TemporaryLiveRange] = {}
        local: dict[int, int] = {}  # buffer → bytes from row to row
        for n, step in enumerate(steps):
            for w in link_windows(step):
                mine = isinstance(step, Contraction) and w == step.scratch
                apart = 0 if mine else layouts.get(w.buffer)
                if w.buffer not in private or not isinstance(apart, int):
                    continue
                local[w.buffer] = apart * DTYPES[w.dtype].itemsize
                size = 4 * w.shape[0] if mine else local[w.buffer] * -(-rows // blocks)
                first = spans[w.buffer].first if w.buffer in spans else n
                spans[w.buffer] = TemporaryLiveRange(size, first, n)
        memory = plan_memory(spans)
        number = {buffer: FIRST_LOCAL - n for n, buffer in enumerate(local)}
        inside = tuple(
            with_link_windows(step, [w._replace(buffer=number.get(w.buffer, w.buffer)) for w in link_windows(step)])
            for step in steps
        )
        size = max(memory.size, 1)
        scratch = AccessWindow(len(buffers), "uint8", (size,), (1,))
        places = tuple(ChainLocal(memory.offsets[buffer], step) for buffer, step in local.items())
        chain = Chain(rows, blocks, inside, places, scratch)
        buffers.append(Slot("temporary", 0, size * chain_parts(chain, threads)))
        return chain


def _written(step: Link) -> dict[int, Layout | None]:
    """Of each buffer that a step writes, where its rows lie."""
    return {w.buffer: layout(w, row_axes(step)) for w in link_writes(step)}


def _row_bytes(steps: list[Link]) -> dict[int, int]:
    """Of each buffer, the most bytes that one row of a step touches; what is the same for all rows is left out."""
    found: dict[int, int] = {}
    for step in steps:
        rank = len(row_axes(step))
        for w in (*link_reads(step), *link_writes(step)):
            inner = zip(w.shape[rank:], w.strides[rank:], strict=True)
            size = DTYPES[w.dtype].itemsize * math.prod(extent for extent, stride in inner if stride)
            if any(w.strides[:rank]):
                found[w.buffer] = max(found.get(w.buffer, 0), size)
    return found
