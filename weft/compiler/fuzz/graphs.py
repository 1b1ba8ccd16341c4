"""Random graphs: elementwise chains, broadcasts, reductions, products, views, and states that update each other.

A graph is *tame* or *wild*. Tame ones keep to forms that every device should run, so that refusals leave most of them;
wild ones take every primitive in any form. Primitives are taken from their declarations: a new one joins by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from weft.compiler.fuzz.choices import CHOICES
from weft.compiler.targets.accel.capabilities import CAPABILITIES
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import DTYPES
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.graph import Graph
from weft.framework.primitives import PRIMITIVES
from weft.framework.primitives.base import Shape
from weft.framework.primitives.contraction import ACCUMULATION
from weft.framework.primitives.convolution import OPERANDS

EXTENTS = ((1, 2, 3, 5, 9), (1, 4, 7, 8, 9), (1, 8, 15, 16, 17), (1, 2, 31, 33, 40), (3, 4, 70))
"""What a graph draws its extents from: small, around the array's width, beyond it."""
NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0)
MOST_ELEMENTS = 6000
_WEIGHTS = {
    "float32": 8, "bfloat16": 3, "int32": 3, "bool": 1, "int8": 1, "int64": 2, "float64": 2, "uint8": 1, "uint32": 1,
}  # fmt: skip
_WILD_TYPES = ("int64", "float64", "uint8", "uint32")


def random_graph(seed: int, size: int | None = None) -> Graph:
    """A graph of at least ``size`` computed nodes (None: 4 to 14, of one in five up to 60).

    Whatever nobody reads is an output.
    """
    return Growth(random.Random(seed), size).run()


class Growth:
    """A graph being grown by one generator."""

    def __init__(self, rng: random.Random, size: int | None) -> None:
        self.rng, self.b = rng, GraphBuilder()
        large = rng.random() < 0.2
        self.size = rng.randint(*((15, 60) if large else (4, 14))) if size is None else size
        self.wild = rng.random() < 0.35
        pool = rng.choice(EXTENTS[:2] if self.wild else EXTENTS)
        self.extents = rng.sample(pool, min(3, len(pool)))
        self.dtypes = [d for d in _WEIGHTS if self.wild or d not in _WILD_TYPES]
        self.states: list[int] = []

    def run(self) -> Graph:
        """The whole graph."""
        rng, b = self.rng, self.b
        for n in range(rng.randint(1, 3)):
            b.input(f"x{n}", self._shape(), self._dtype())
        for n in range(rng.randint(0, 4)):
            twin = rng.choice(self.states) if self.states and rng.random() < 0.7 else None
            shape, dtype = (b.shape(twin), b.dtype(twin).name) if twin is not None else (self._shape(), self._dtype())
            self.states.append(b.input(f"s{n}", shape, dtype, kind="state"))
        goal = len(b) + self.size
        moves, weights = zip(*(TAME + WILD if self.wild else TAME), strict=True)
        while len(b) < goal:
            rng.choices(moves, weights)[0](self)
        return self._finish()

    def _finish(self) -> Graph:
        """Outputs and updates: states take new values of their kind, old values of each other, or nothing."""
        rng, b = self.rng, self.b
        used = {source for node in b.nodes for source in node.inputs}
        outputs = [i for i in b.values() if i not in used and b[i].op not in ("input", "constant")]
        outputs += [i for i in rng.sample(b.values(), min(2, len(b.values()))) if rng.random() < 0.5]
        outputs += [i for i in self.states if rng.random() < 0.3]
        updates: dict[str, int] = {}
        for state in self.states:
            alike = [i for i in b.values() if (b.shape(i), b.dtype(i)) == (b.shape(state), b.dtype(state))]
            others = [i for i in self.states if i in alike and i != state]
            views = [i for i in alike if PRIMITIVES[b[i].op].group == "movement"]
            made = [i for i in alike if b[i].op not in ("input", "constant")]
            pool = rng.choices((made, others, views, alike), (6, 4, 2, 1))[0] or alike
            if rng.random() < 0.9:
                updates[b[state].attr("name")] = rng.choice(pool)
        return b.build({f"y{n}": i for n, i in enumerate(outputs)}, updates)

    def _shape(self) -> Shape:
        rng = self.rng
        rank = rng.choices((0, 1, 2, 3), (1, 3, 8, 1 if not self.wild else 4))[0]
        shape = tuple(rng.choice((*self.extents, *self.extents, 1)) for _ in range(rank))
        return shape if np.prod(shape, dtype=int) <= MOST_ELEMENTS else shape[-2:]

    def _dtype(self) -> str:
        return self.rng.choices(self.dtypes, [_WEIGHTS[d] for d in self.dtypes])[0]

    def pick(self, kinds: Sequence[str] = (), least: int = 0) -> int | None:
        """A node of one of the kinds (any, if none is named) and of at least ``least`` axes, late ones and states
        preferred; None if there is none."""
        b, rng = self.b, self.rng
        fits = [i for i in b.values() if (not kinds or b.dtype(i).kind in kinds) and len(b.shape(i)) >= least]
        if not fits:
            return None
        states = [i for i in fits if i in self.states]
        if states and rng.random() < 0.2:
            return rng.choice(states)
        return fits[-1] if rng.random() < 0.3 else rng.choice(fits)

    def spread(self, index: int, shape: Shape) -> int | None:
        """The node seen in ``shape``: broadcast, or as one value for each row; None if it does not fit."""
        b, have = self.b, self.b.shape(index)
        if have == shape:
            return index
        if have and shape and have == shape[:-1] and (have[-1] != shape[-1] or self.rng.random() < 0.5):
            have = (*have, 1)
            index = b.apply("reshape", index, shape=have)
        new = len(shape) - len(have)
        fits = new >= 0 and all(h in (1, w) for h, w in zip(have, shape[new:], strict=True))
        whole = have[-1:] == shape[-1:] and int(np.prod(have[:-1], dtype=int)) == 1
        packed = have[-1:] == (1,) and (1,) * new + have[:-1] == shape[:-1]
        if not fits or not (self.wild or whole or packed or int(np.prod(have, dtype=int)) == 1):
            return None
        return b.apply("broadcast_to", index, shape=shape) if have != shape else index

    def functions(self, arity: int, x: int) -> list[str]:
        """The elementwise primitives of so many operands: all, or in a tame graph those that every device has of the
        type of ``x``."""
        dtype, table = self.b.dtype(x).name, CAPABILITIES.table
        return [op for op in _FUNCTIONS[arity] if self.wild or (op in table and dtype in table[op].types)]

    def partner(self, x: int) -> int:
        """Something of the shape and dtype of ``x``: a node, a broadcast one, a cast one, or a number."""
        b, rng = self.b, self.rng
        if rng.random() < 0.75:
            same = [i for i in b.values() if b.dtype(i) == b.dtype(x)]
            for i in rng.sample(same, min(4, len(same))):
                found = self.spread(i, b.shape(x))
                if found is not None:
                    return found
            near = [i for i in b.values() if b.shape(i) == b.shape(x)]
            if rng.random() < 0.3:
                return b.apply("cast", rng.choice(near), dtype=b.dtype(x).name)
        return b.full(rng.choice(NUMBERS), like=x)

    def apply(self, op: str, *inputs: int, **attributes: object) -> int | None:
        """Append a node; None where the primitive does not take these types or the result is too large."""
        try:
            return self.b.apply(op, *inputs, **attributes)
        except DTypeError:
            return None

    def apply_one_of(self, ops: Sequence[str], *inputs: int) -> None:
        """Append one of some primitives that takes these types, if any does."""
        for op in self.rng.sample(ops, len(ops)):
            if self.apply(op, *inputs) is not None:
                return


_OWN = {"cast", "select", "quantise", "dequantise"}
_FUNCTIONS = {arity: [n for n, p in PRIMITIVES.items() if (p.group, p.arity) == ("elementwise", arity) and n not in _OWN
                      and not p.attributes] for arity in (1, 2)}  # fmt: skip


def _unary(g: Growth) -> None:
    x = g.pick()
    assert x is not None
    g.apply_one_of(g.functions(1, x), x)


def _binary(g: Growth) -> None:
    x = g.pick()
    assert x is not None
    operands = [x, g.partner(x)]
    g.rng.shuffle(operands)
    g.apply_one_of(g.functions(2, x), *operands)


def _outer(g: Growth) -> None:
    """A column and a row over their common space."""
    a, b = g.pick(("float", "int"), 1), g.pick(("float", "int"), 1)
    if a is None or b is None:
        return
    shape = (g.b.shape(a)[-1], g.b.shape(b)[-1])
    if len(g.b.shape(a)) == len(g.b.shape(b)) == 1 and g.b.dtype(a) == g.b.dtype(b):
        column = g.b.apply("broadcast_to", g.b.apply("reshape", a, shape=(shape[0], 1)), shape=shape)
        g.apply(g.rng.choice(("add", "mul", "maximum", "lt")), column, g.b.apply("broadcast_to", b, shape=shape))


def _cast(g: Growth) -> None:
    x = g.pick()
    assert x is not None
    g.apply("cast", x, dtype=g._dtype())


def _select(g: Growth) -> None:
    x = g.pick()
    assert x is not None
    condition = g.b.apply(g.rng.choice(("eq", "ne")), x, g.partner(x))
    g.apply("select", condition, x, g.partner(x))


def _scaled(g: Growth) -> None:
    """To int8 and back."""
    x = g.pick(("float",))
    if x is not None and g.b.dtype(x).name == "float32":
        q = g.b.apply("quantise", x, g.b.full(g.rng.choice((0.5, 2.0, 20.0)), like=x))
        g.b.apply("dequantise", q, g.b.full(g.rng.choice((0.5, 2.0, 0.01)), like=x))


def _reduce(g: Growth) -> None:
    x = g.pick(("float", "int") if g.wild else ("float",))
    if x is None:
        return
    if not g.wild and g.b.dtype(x).name != "float32":
        x = g.b.apply("cast", x, dtype="float32")
    rank = len(g.b.shape(x))
    last, front, every = ({rank - 1} if rank else set()), set(range(rank - 1)), set(range(rank))
    axes = g.rng.choice((last, front, every, set()) if g.rng.random() < 0.9 else (every,))
    if g.wild and g.rng.random() < 0.5:
        axes = {a for a in range(rank) if g.rng.random() < 0.5}
    g.apply(g.rng.choice(("sum", "sum", "max")), x, axes=tuple(sorted(axes)), keepdims=g.rng.random() < 0.5)


def _pattern(g: Growth) -> None:
    """Softmax, or a normalisation, over the last axis or over all of them, of a matrix or of a vector."""
    x = g.pick(("float",), 1)
    if x is None:
        return
    if g.b.dtype(x).name != "float32":
        x = g.b.apply("cast", x, dtype="float32")
    b, shape = g.b, g.b.shape(x)
    axes = g.rng.choice(((len(shape) - 1,), tuple(range(len(shape)))))

    def over(op: str, index: int) -> int:
        return b.apply("broadcast_to", b.apply(op, index, axes=axes, keepdims=True), shape=shape)

    if g.rng.random() < 0.5:
        grown = b.apply("exp", b.apply("sub", x, over("max", x)))
        b.apply("div", grown, over("sum", grown))
    else:
        count = b.full(1.0 / int(np.prod([shape[a] for a in axes])), like=x)
        centred = b.apply("sub", x, b.apply("mul", over("sum", x), count))
        variance = b.apply("mul", over("sum", b.apply("mul", centred, centred)), count)
        b.apply("div", centred, b.apply("sqrt", b.apply("add", variance, b.full(0.01, like=x))))


def _matmul(g: Growth) -> None:
    a = g.pick(("float",) if g.rng.random() < 0.9 else ("float", "int"), 2)
    if a is None or g.b.dtype(a).name not in ACCUMULATION or (len(g.b.shape(a)) > 2 and not g.wild):
        return
    b, shape, dtype = g.b, g.b.shape(a), g.b.dtype(a).name
    ta, tb = g.rng.random() < 0.5, g.rng.random() < 0.5
    inner = shape[-2] if ta else shape[-1]
    fits = [i for i in b.values() if b.dtype(i).name == dtype and len(b.shape(i)) == len(shape)
            and b.shape(i)[:-2] == shape[:-2] and b.shape(i)[-1 if tb else -2] == inner]  # fmt: skip
    if not fits:
        wide = g.rng.choice(g.extents)
        wanted = (*shape[:-2], *((wide, inner) if tb else (inner, wide)))
        fits = [b.apply("broadcast_to", b.constant(g.rng.choice((2, 0.5)), dtype), shape=wanted)]
    other = g.rng.choice(fits)
    g.apply("matmul", a, other, transpose_a=ta, transpose_b=tb, accumulate=ACCUMULATION[dtype])


def _view(g: Growth) -> None:
    """A reshape that keeps the order of rows, a whole repetition, or a transpose that a product takes."""
    x = g.pick()
    assert x is not None
    b, shape = g.b, g.b.shape(x)
    squeezed = tuple(n for n in shape if n != 1)
    merged = (int(np.prod(shape[:-1], dtype=int)), shape[-1]) if shape else (1, 1)
    choice = g.rng.randrange(4)
    if choice == 0 and len(shape) < 4:
        b.apply("reshape", x, shape=(1, *shape) if g.rng.random() < 0.5 or not shape else (*shape, 1))
    elif choice == 1:
        b.apply("reshape", x, shape=squeezed if shape[-1:] != (1,) or len(squeezed) < 2 else merged)
    elif choice == 2 and len(shape) < 3:
        b.apply("broadcast_to", x, shape=(g.rng.choice(g.extents), *shape))
    elif len(shape) == 2 and b.dtype(x).name in ACCUMULATION:
        flipped = b.apply("permute", x, order=(1, 0))
        g.apply("matmul", x, flipped, transpose_a=False, transpose_b=False,
                accumulate=ACCUMULATION[b.dtype(x).name])  # fmt: skip


def _iota(g: Growth) -> None:
    shape = (g.rng.choice(g.extents), g.rng.choice(g.extents))
    made = g.b.apply("iota", shape=shape, axis=g.rng.randint(0, 1))
    if g.rng.random() < 0.5:
        g.apply("eq", made, g.partner(made))


def _constant(g: Growth) -> None:
    shape, dtype = g._shape(), g._dtype()
    values = np.array([g.rng.choice(NUMBERS) for _ in range(int(np.prod(shape, dtype=int)))]).reshape(shape)
    if values.size <= 300:
        g.b.constant(values.astype(DTYPES[dtype].numpy), dtype)


def _move(g: Growth) -> None:
    """Any reshape, permutation, slice, padding or repetition, or a wait for something else."""
    x = g.pick()
    assert x is not None
    rng, b, shape = g.rng, g.b, g.b.shape(x)
    rank, op = len(shape), rng.choice(("reshape", "permute", "slice", "pad", "broadcast_to", "argmax", "barrier"))
    if op == "reshape":
        b.apply(op, x, shape=(shape[0] * shape[1], *shape[2:]) if rank >= 2 else (*shape, 1))
    elif op == "permute":
        b.apply(op, x, order=rng.sample(range(rank), rank))
    elif op == "slice":
        starts = [rng.randrange(n) for n in shape]
        stops = [rng.randint(start + 1, n) for start, n in zip(starts, shape, strict=True)]
        b.apply(op, x, starts=starts, stops=stops, steps=[rng.choice((1, 2)) for _ in shape])
    elif op == "pad" and all(n < 10 for n in shape):
        low, high, interior = ([rng.choice((0, 0, 1, 2)) for _ in shape] for _ in range(3))
        b.apply(op, x, low=low, high=high, interior=interior, value=rng.choice((0, 1)))
    elif op == "broadcast_to" and rank < 3:
        wanted = (rng.choice((2, 3)) if n == 1 else n for n in shape)
        b.apply(op, x, shape=(rng.choice((1, 2, 3)), *wanted))
    elif op == "barrier":
        b.apply(op, x, rng.choice(list(b.values())))
    elif op == "argmax" and rank:
        g.apply(op, x, axis=rng.randrange(rank), keepdims=rng.random() < 0.5)


def _conv(g: Growth) -> None:
    """One of a convolution's input, kernel and output from the others, of what is there or of one number; with
    strides beyond the window, padding beyond the kernel, dilations and groups."""
    x = g.pick(("float",) if g.rng.random() < 0.9 else ("float", "int"), 1)
    if x is None or g.b.dtype(x).name not in ACCUMULATION:
        return
    rng, b, dtype, shape = g.rng, g.b, g.b.dtype(x).name, g.b.shape(x)
    shape = (1,) * (rng.choice((3, 4)) - len(shape)) + shape  # [N, channels, …]
    first = b.apply("reshape", x, shape=shape) if len(b.shape(x)) < len(shape) else x
    axes, groups = len(shape) - 2, rng.choice([n for n in (1, 1, 2, 3, shape[1]) if n and shape[1] % n == 0])
    result, wide = rng.choice(tuple(OPERANDS)), rng.choice((1, 2))
    channels = {
        "output": (groups * wide, shape[1] // groups), "input": (shape[1], wide), "kernel": (shape[0], groups * wide),
    }  # fmt: skip
    second = (*channels[result], *(rng.choice((1, 2, 3)) for _ in range(axes)))
    other = g.partner(b.apply("broadcast_to", b.constant(rng.choice((2, 0.5)), dtype), shape=second))
    g.apply("conv", first, other, result=result, groups=groups, size=[rng.randint(1, 5) for _ in range(axes)],
            accumulate=ACCUMULATION[dtype], **_sliding(rng, axes))  # fmt: skip


def _sliding(rng: random.Random, axes: int) -> dict[str, list[int]]:
    """How windows slide: attributes of ``primitives.sliding``, but for the size."""
    drawn = {"stride": (1, 1, 2, 4), "low": (0, 0, 1, 2, 4, -1), "input_dilation": (1, 1, 1, 2), "dilation": (1, 1, 2)}
    return {name: [rng.choice(pool) for _ in range(axes)] for name, pool in drawn.items()}


def _window(g: Growth) -> None:
    """A reduction over windows, and what a gradient makes of a maximum's."""
    x = g.pick(("float", "int"), 1)
    if x is None:
        return
    rng, b, shape = g.rng, g.b, g.b.shape(x)
    axes = rng.randint(1, min(2, len(shape)))
    taken: dict[str, object] = dict(_sliding(rng, axes))
    taken |= {"window": [rng.choice((1, 2, 3)) for _ in range(axes)], "size": [rng.randint(1, 4) for _ in range(axes)]}
    op = rng.choice(("window_sum", "window_max", "window_pick"))
    try:
        made = b.apply("window_sum" if op == "window_sum" else "window_max", x, **taken)
    except ShapeError:  # a window that sees nothing has no maximum
        return
    if op == "window_pick":
        result = rng.choice(("windows", "input"))
        b.apply(op, x, g.partner(x if result == "windows" else made), result=result, **taken)


Move = Callable[[Growth], None]
TAME: tuple[tuple[Move, int], ...] = (
    (_unary, 4), (_binary, 10), (_outer, 1), (_cast, 2), (_select, 2), (_reduce, 4), (_pattern, 2), (_matmul, 3),
    (_view, 2), (_iota, 1), (_constant, 1),
)  # fmt: skip
WILD: tuple[tuple[Move, int], ...] = (
    (_move, 12), (_scaled, 2), (_conv, 3), (_window, 4), (_unary, 5), (_binary, 8), *CHOICES,
)  # fmt: skip
"""How a graph grows, and how often which way is taken."""
