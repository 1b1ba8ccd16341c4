"""The checks of tracer.py: what is recorded, in what order it is computed, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import ir
import numpy as np
import tracer
from comparing import DEEP, counting, has_no_value, has_value, is_it, label, must_work, node, ran, some
from tracer import Tensor, tensor

from weft.lab import Difference, check, expect

# --- record


@check("record")
def records_instead_of_computing() -> None:
    """x.exp() gives a tensor that knows its operation, operand, shape and dtype, and has no value."""
    x = tensor(some((2, 3), 0))
    with counting() as counts:
        y = x.exp()
        z = x.sum((1,))
    expect(ran(counts), "nothing", "operations computed while x.exp() and x.sum((1,)) are recorded")
    has_no_value(y, "the value of x.exp() after recording")
    expect((y.op, y.shape, y.dtype), ("exp", (2, 3), "float64"), "op, shape and dtype of x.exp()")
    expect(len(y.inputs), 1, "how many inputs x.exp() has")
    for what, part in (("inputs", y.inputs), ("attrs", z.attrs)):
        expect(type(part).__name__, "tuple", f"type of {what} of a recorded tensor")
    is_it(y.inputs[0], x, "x", "the input of x.exp()")
    expect((z.op, z.attrs, z.shape), ("sum", (("axes", (1,)),), (2,)), "op, attrs and shape of x.sum((1,)), x [2, 3]")


@check("record")
def sorts_the_attributes() -> None:
    """Attributes are kept by name, in whatever order they were given; tried with an operation made for this check."""
    ir.OPS["clamp"] = ir.Op(lambda a, low, high: a, lambda a, low, high: a, ("low", "high"))
    try:
        y = tracer.record("clamp", tensor([1.0, 2.0]), low=0.0, high=1.0)
    finally:
        del ir.OPS["clamp"]
    expect(y.attrs, (("high", 1.0), ("low", 0.0)), 'attrs of record("clamp", x, low=0.0, high=1.0)')


@check("record")
def numbers_become_leaves() -> None:
    """In x * 2 and 1 - x the number is a leaf of x's dtype, on its own side."""
    x = tensor([1.0, 2.0], "float32")
    made: dict[str, tuple[Callable[[], Tensor], int, float]]
    made = {"x * 2": (lambda: x * 2, 1, 2.0), "1 - x": (lambda: 1 - x, 0, 1.0)}
    for text, (make, place, number) in made.items():
        with must_work(f"{text} of a float32 x", "a float32 tensor"):
            y = make()
        expect(y.dtype, "float32", f"dtype of {text}, x float32")
        is_it(y.inputs[1 - place], x, "x", f"inputs[{1 - place}] of {text}")
        lifted = y.inputs[place]
        expect(lifted.op, "broadcast", f"op of inputs[{place}] of {text}: the number, stretched to x's shape")
        leaf = lifted.inputs[0]
        expect((leaf.op, leaf.dtype, leaf.shape), ("leaf", "float32", ()), f"the number in {text}: op, dtype, shape")
        expect(leaf.value, number, f"value of the number in {text}")


@check("record")
def stretches_by_numpys_rules() -> None:
    """Operands of add, sub, mul, div get a common shape by recorded broadcasts; equal shapes and matmul get none."""
    for left, right in (((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (2, 3)), ((), (4,))):
        a, b = tensor(some(left, 1)), tensor(some(right, 2))
        what, common = f"{list(left)} + {list(right)}", np.broadcast_shapes(left, right)
        with must_work(what, f"a tensor of shape {list(common)}"):
            y = a + b
        expect(y.shape, common, f"shape of {what}")
        for side, x, operand in zip(("left", "right"), (a, b), y.inputs, strict=True):
            wanted = "the tensor itself" if x.shape == common else f"its broadcast to {list(common)}"
            through = operand.op == "broadcast" and operand.inputs[0] is x and operand.shape == common
            found = "the tensor itself" if operand is x else f"its broadcast to {list(common)}" if through else operand
            expect(found, wanted, f"{side} operand recorded for {what}")
    a, b = tensor(some((2, 2), 3)), tensor(some((2, 1), 4))
    with must_work("[2, 2] @ [2, 1]", "a tensor of shape [2, 1]"):
        y = a @ b
    what = "op of the operands of [2, 2] @ [2, 1], which matmul takes as they are"
    expect([x.op for x in y.inputs], ["leaf", "leaf"], what)


# --- topological-order


Relation = Callable[[Tensor], Sequence[Tensor]]


class Compared(Tensor):
    """A tensor that counts how often it is compared with another one, and objects when there is no end of it."""

    __slots__ = ()
    __hash__ = object.__hash__
    count = limit = 0

    def __eq__(self, other: object) -> bool:
        Compared.count += 1
        if Compared.count > Compared.limit:
            expected = f"at most {self.limit:,}; a set or a dictionary finds a tensor without comparing it to others"
            raise Difference(f"comparisons of tensors in ordering a chain of {self.limit:,}", expected, "one more")
        return self is other


def check_order(roots: list[Tensor], what: str, relation: Relation = tracer.operands_of) -> None:
    """Raise Difference unless the student's order of ``roots`` is one for this relation."""
    asked: Counter[Tensor] = Counter()

    def operands(x: Tensor) -> Sequence[Tensor]:
        asked[x] += 1
        if asked[x] > 1:
            raise Difference(f"{what}: times the operands of '{x.op}' were asked for", "at most once", "a second time")
        return relation(x)

    with must_work(what, "an order"):
        order = tracer.topological_order(roots, operands)
    place = {x: i for i, x in enumerate(order)}
    small = len(order) <= 12
    shown = f"{what}: order {[x.op for x in order]}" if small else what
    twice = [x.op for x, count in Counter(order).items() if count > 1]
    expect(twice, [], f"{shown}: tensors that are there more than once")
    reachable, waiting = set(roots), list(roots)
    while waiting:
        fresh = set(relation(waiting.pop())) - reachable
        reachable |= fresh
        waiting += fresh
    expect({x.op for x in order}, {x.op for x in reachable}, f"{shown}: tensors in it")
    for x in order:
        if late := [operand.op for operand in relation(x) if place[operand] > place[x]]:
            raise Difference(f"{shown}: operands of '{x.op}' that come after it", "none", ", ".join(late))


@check("topological-order")
def order_of_small_graphs() -> None:
    """Operands come before their readers, everything once: a chain, a diamond, a shortcut, two roots."""
    a = label("a")
    b, c = label("b", a), label("c", a)
    d = label("d", b, c)
    check_order([c], "chain a → c")
    check_order([d], "diamond a → b, c → d")
    square = label("square", d, d)
    check_order([square], "a tensor read twice by one operation")
    far = label("far", d)
    check_order([label("end", a, far)], "end reads a directly and through a longer way")
    check_order([label("end", far, a)], "end reads a through a longer way and directly")
    check_order([c, d, b, d], "roots c, d, b, d")


@check("topological-order")
def order_by_another_relation() -> None:
    """The parameter ``operands`` says what a tensor depends on, whatever its inputs are."""
    a = label("a")
    b, c = label("b", a), label("c", a)
    d = label("d", b, c)
    nothing = "operands that answers () for every tensor, root d, which has inputs"
    check_order([d], nothing, lambda x: ())
    readers = {a: [b, c], b: [d], c: [d], d: []}
    what = "operands that gives who reads a tensor (b and c read a, d reads b and c), root a"
    check_order([a], what, readers.__getitem__)


@check("topological-order")
def order_of_random_graphs() -> None:
    """The same for random graphs of 200 nodes."""
    rng = np.random.default_rng(5)
    for trial in range(5):
        nodes = [label("n0")]
        for i in range(1, 200):
            nodes.append(label(f"n{i}", *(nodes[j] for j in rng.integers(max(0, i - 9), i, rng.integers(1, 4)))))
        check_order([nodes[-1], nodes[100]], f"random graph {trial}")


@check("topological-order")
def order_of_a_deep_graph() -> None:
    """A chain of 20,000 operations is no deeper than the stack, and 40 diamonds have 2^40 paths but 121 nodes."""
    x = label("x0")
    for i in range(DEEP):
        x = label(f"x{i + 1}", x)
    check_order([x], f"a chain of {DEEP:,} operations")
    y = label("y")
    for i in range(40):
        y = label(f"join{i}", label(f"left{i}", y), label(f"right{i}", y))
    check_order([y], "40 diamonds on top of each other")


@check("topological-order")
def order_without_searching() -> None:
    """Whether a tensor was met already is looked up, not searched for among all that were: 2,000 in a chain."""
    x = Compared("x0", (), (), (), "float64")
    for i in range(1, 2_000):
        x = Compared(f"x{i}", (x,), (), (), "float64")
    Compared.count, Compared.limit = 0, 2_000
    with must_work("a chain of 2,000 tensors", "an order"):
        order = tracer.topological_order([x], tracer.operands_of)
    expect(len(order), 2_000, "a chain of 2,000 tensors: how many are in the order")


# --- realise


@check("realise")
def computes_what_is_needed_once() -> None:
    """Values are NumPy's; each operation runs once, and what nobody asked for does not run."""
    data = some((3, 4), 6)
    x = tensor(data)
    shared = node("exp", x)
    left, right = node("mul", shared, shared), node("add", shared, x)
    total = node("sum", node("add", left, right), axes=(0,))
    aside = node("log", shared)
    with counting() as counts:
        tracer.realise(total)
    expected = (np.exp(data) ** 2 + np.exp(data) + data).sum(axis=0)
    has_value(total, "sum(exp(x)·exp(x) + exp(x) + x) after it was realised")
    expect(total.value, expected, "sum(exp(x)·exp(x) + exp(x) + x)", rtol=1e-12)
    expect(ran(counts), "2 add, 1 exp, 1 mul, 1 sum", "operations that ran for sum(exp(x)·exp(x) + exp(x) + x)")
    has_no_value(aside, "log(exp(x)), which nobody asked for")


@check("realise")
def keeps_what_is_known() -> None:
    """Values on the way are kept; a tensor that has a value is taken as it is, and nothing behind it runs."""
    x = tensor([1.0, 2.0])
    middle = node("exp", x)
    top = node("add", middle, x)
    tracer.realise(top)
    has_value(middle, "exp(x) after exp(x) + x was realised; what is computed on the way is kept")
    with counting() as counts:
        tracer.realise(top, middle)
        tracer.realise(node("mul", middle, top))
    expect(ran(counts), "1 mul", "operations that run for exp(x)·(exp(x) + x) when both factors are known")
    pending = node("exp", x)
    known = node("log", pending, value=np.array([5.0, 6.0]))
    reader = node("add", known, x)
    with counting() as counts:
        tracer.realise(reader)
    expect(reader.value, [6.0, 8.0], "known + x, where known = [5, 6] and x = [1, 2]")
    has_no_value(pending, "exp(x), which stands behind a known tensor, so that nothing needs it,")
    expect(ran(counts), "1 add", "operations that run for known + x")


@check("realise")
def realises_several_and_deep() -> None:
    """Several tensors at once share their work; a chain of 20,000 operations is fine."""
    x = tensor([0.5])
    shared = node("exp", x)
    a, b = node("log", shared), node("relu", shared)
    with counting() as counts:
        tracer.realise(a, b)
    has_value(a, "a after realise(a, b)")
    has_value(b, "b after realise(a, b)")
    expect(ran(counts), "1 exp, 1 log, 1 relu", "operations that ran for realise(log(exp(x)), relu(exp(x)))")
    one, deep = tensor(1.0), tensor(0.0)
    for _ in range(DEEP):
        deep = node("add", deep, one)
    with must_work(f"a chain of {DEEP:,} additions", "a value"):
        tracer.realise(deep)
    expect(deep.value, float(DEEP), f"a chain of {DEEP:,} additions of 1")
