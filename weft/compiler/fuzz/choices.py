"""How a random graph grows by what chooses elements: gather and scatter, slices from a value, order, loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.builder import GraphBuilder
from weft.framework.primitives.indexing import MODES

if TYPE_CHECKING:
    from weft.compiler.fuzz.graphs import Growth


def _indices(g: Growth, shape: tuple[int, ...]) -> int:
    """Integers of a shape, from both sides of what is inside: cast floats, a grid, or one number everywhere."""
    b, rng = g.b, g.rng
    like = [i for i in b.values() if b.shape(i) == shape and b.dtype(i).kind in ("int", "float")]
    if like and rng.random() < 0.6:
        return b.apply("cast", rng.choice(like), dtype=rng.choice(("int32", "int64")))
    if shape and rng.random() < 0.5:
        return b.apply("iota", shape=shape, axis=rng.randrange(len(shape)))
    number = b.constant(rng.choice((0, 1, -1, 2, 5, 100)), "int32")
    return b.apply("broadcast_to", number, shape=shape) if shape else number


def index(g: Growth) -> None:
    """Gather or scatter along an axis, with duplicates and indices from the end or outside."""
    x = g.pick(least=1)
    if x is None or 0 in g.b.shape(x):
        return
    b, rng, shape = g.b, g.rng, g.b.shape(x)
    axis = rng.randrange(len(shape))
    wanted = tuple(rng.choice((1, 2, 3, 5)) if d == axis else n for d, n in enumerate(shape))
    where = _indices(g, wanted)
    if rng.random() < 0.5:
        b.apply("gather", x, where, axis=axis)
        return
    updates = g.partner(b.apply("gather", x, where, axis=axis))
    g.apply("scatter", x, where, updates, axis=axis, mode=rng.choice(MODES))


def part(g: Growth) -> None:
    """A slice that starts where a value says, put over another part or taken."""
    x = g.pick(least=1)
    if x is None or 0 in g.b.shape(x):
        return
    b, rng, shape = g.b, g.rng, g.b.shape(x)
    sizes = tuple(rng.randint(1, n) for n in shape)
    taken = b.apply("dynamic_slice", x, _indices(g, (len(shape),)), sizes=sizes)
    if rng.random() < 0.5:
        b.apply("dynamic_update", x, g.partner(taken), _indices(g, (len(shape),)))


def join(g: Growth) -> None:
    """Two or three values after each other along an axis."""
    x = g.pick(least=1)
    if x is None:
        return
    axis = g.rng.randrange(len(g.b.shape(x)))
    g.b.apply("concatenate", x, *(g.partner(x) for _ in range(g.rng.randint(0, 2))), axis=axis)


def order(g: Growth) -> None:
    """Sorting, and sums and maxima as far as each element; one or all of the results are used."""
    x = g.pick(("int", "float"), 1)
    if x is None:
        return
    rng, axis = g.rng, g.rng.randrange(len(g.b.shape(x)))
    op = rng.choice(("sort", "cumsum", "cummax"))
    turned = {"sort": {"descending": rng.random() < 0.5}, "cumsum": {"reverse": rng.random() < 0.5}, "cummax": {}}
    made = g.apply(op, x, axis=axis, **turned[op])
    if made is not None and g.b[made].further:
        for k in rng.sample((0, 1), rng.randint(1, 2)):
            g.b.apply("result", made, index=k)


def loop(g: Growth) -> None:
    """A scan of a random turn over the rows of a value, with a value of their shape carried."""
    x = g.pick(("int", "float"), 1)
    if x is None or not 1 <= g.b.shape(x)[0] <= 5:
        return
    b, rng, shape, dtype = g.b, g.rng, g.b.shape(x), g.b.dtype(x)
    length, row = shape[0], shape[1:]
    first = b.apply("reshape", b.apply(
        "slice", x, starts=(0,) * len(shape), stops=(1, *row), steps=(1,) * len(shape)), shape=row)  # fmt: skip
    turn = GraphBuilder()
    carry, here = turn.input("c", row, dtype), turn.input("x", row, dtype)
    ops = ("add", "sub", "mul", "maximum", "minimum")
    after = turn.apply(rng.choice(ops), carry, here)
    if rng.random() < 0.5:
        after = turn.apply(rng.choice(ops), after, turn.apply("neg", carry))
    outputs = {"c": after} | ({"y": turn.apply(rng.choice(ops), carry, after)} if rng.random() < 0.7 else {})
    b.results(
        "scan", g.partner(first), x, body=turn.build(outputs), carries=1, stacked=1, length=length,
        reverse=rng.random() < 0.3,
    )  # fmt: skip


def chance(g: Growth) -> None:
    """Random bits of a key and from a position, anywhere in 64 bits."""
    b, rng = g.b, g.rng
    key, start = (b.constant([rng.choice((0, 1, 2**32 - 1, rng.getrandbits(32))) for _ in range(2)], "uint32")
                  for _ in range(2))  # fmt: skip
    bits = b.apply("random_bits", key, start, shape=(rng.choice(g.extents),), word=rng.randint(0, 1))
    if rng.random() < 0.5:
        b.apply("cast", bits, dtype="float32")


def branch(g: Growth) -> None:
    """One of two functions of a value, by a comparison; or a loop that counts to where a value lies."""
    x = g.pick(("float", "int"))
    if x is None:
        return
    b, rng, dtype = g.b, g.rng, g.b.dtype(x)
    if rng.random() < 0.5:
        bodies = []
        for op in rng.sample(("neg", "abs", "add", "mul"), 2):
            one = GraphBuilder()
            value = one.input("x", b.shape(x), dtype)
            bodies.append(one.build({"y": one.apply(op, *(value,) * (1 if op in ("neg", "abs") else 2))}))
        scalar = b.apply("lt", b.constant(rng.choice((0, 1)), "int32"), b.constant(1, "int32"))
        b.results("cond", scalar, x, then=bodies[0], orelse=bodies[1])
        return
    test, turn = GraphBuilder(), GraphBuilder()
    below = test.apply("lt", test.input("n", (), "int32"), test.constant(rng.randint(0, 4), "int32"))
    test.input("x", b.shape(x), dtype)
    n, value = turn.input("n", (), "int32"), turn.input("x", b.shape(x), dtype)
    after = {"n": turn.apply("add", n, turn.constant(1, "int32")), "x": turn.apply("neg", value)}
    b.results("while_loop", b.constant(0, "int32"), x, test=test.build({"y": below}), body=turn.build(after), carries=2)


CHOICES = ((index, 5), (part, 2), (join, 3), (order, 4), (loop, 2), (chance, 1), (branch, 1))
"""Ways to grow, and how often each is taken."""
