"""The checks: small cases by hand, random ones by the definition, plans by running them in one block of memory."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

import contract
import liveness
import numpy as np
import planner
import sharing
from arena import ALIGN, Buffer, arena_bytes, computed, run_in_arena
from cases import chain, diamond, either, inputs_first, narrow, random_buffers, squares, sums
from contract import sound
from ir import Array, Graph, evaluate
from samples import SAMPLES, random_graph

from weft.lab import Difference, check, expect

RANDOM = range(40)
"""Seeds of the random graphs."""


def told(graph: Graph) -> str:
    """A graph as text, on lines of its own."""
    return "\n    " + str(graph).replace("\n", "\n    ")


# live-ranges


def compare_ranges(graph: Graph, found: Mapping[int, tuple[int, int]], expected: Mapping[int, tuple[int, int]]) -> None:
    """Raise Difference at the first value whose range is another one."""
    contract.ranges(found, "live_ranges")
    if set(found) != set(expected):
        raise Difference(f"which values have a range, in{told(graph)}", str(sorted(expected)), str(sorted(found)))
    for value, (first, last) in expected.items():
        expect(found[value][0], first, f"first step of %{value} in{told(graph)}")
        expect(found[value][1], last, f"last step of %{value} in{told(graph)}")


@check("live-ranges")
def ranges_by_hand() -> None:
    """The ranges in three small graphs are those on paper."""
    for graph, expected in (
        (chain(), {1: (1, 2), 2: (2, 3), 3: (3, 4)}),
        (diamond(), {2: (2, 5), 3: (3, 7), 4: (4, 4), 5: (5, 6), 6: (6, 8), 7: (7, 8)}),
        (squares(), {1: (1, 2), 2: (2, 4), 3: (3, 5), 4: (4, 5)}),
    ):
        compare_ranges(graph, liveness.live_ranges(graph), expected)


def occupied(graph: Graph, value: int, step: int) -> bool:
    """The definition: a value takes memory in a step if it is there and someone is still to read it, or just being
    made."""
    if step < value:
        return False
    return step == value or value in graph.outputs or any(value in node.inputs for node in graph.nodes[step:])


def ranges_of(graph: Graph) -> dict[int, tuple[int, int]]:
    """The ranges by definition: no other hole depends on the first one."""
    ends = range(len(graph.nodes) + 1)
    return {v: (v, max(step for step in ends if occupied(graph, v, step))) for v in computed(graph)}


@check("live-ranges")
def ranges_by_definition() -> None:
    """On random graphs and on the samples, a value is occupied exactly while someone needs it."""
    for graph in [*(random_graph(seed, 12) for seed in RANDOM), *SAMPLES.values()]:
        compare_ranges(graph, liveness.live_ranges(graph), ranges_of(graph))


# bound


def over_time(buffers: Sequence[Buffer]) -> np.ndarray:
    """Occupied bytes in each step."""
    steps = np.arange(max((b.last for b in buffers), default=0) + 1)
    return sum((b.size * ((b.first <= steps) & (steps <= b.last)) for b in buffers), np.zeros(len(steps), int))


@check("bound")
def bound_by_hand() -> None:
    """The bound of a few buffers is that on paper; a step at which one ends and another begins counts both."""
    one, two, three = Buffer((0,), 100, 0, 2), Buffer((1,), 50, 2, 4), Buffer((2,), 70, 3, 3)
    for buffers, expected, why in (
        ([], 0, "no buffers"),
        ([one], 100, "one buffer"),
        ([one, two], 150, "steps 0 to 2 with 100 bytes and steps 2 to 4 with 50: both in step 2"),
        ([one, three], 100, "steps 0 to 2 with 100 bytes and step 3 with 70: never both"),
        ([three, two, one], 150, "100 bytes in steps 0 to 2, 50 in 2 to 4, 70 in 3"),
    ):
        expect(contract.whole(liveness.lower_bound(buffers), "lower_bound"), expected, f"the bound of {why}")


@check("bound")
def bound_by_counting() -> None:
    """The bound is the largest sum of sizes over all steps."""
    for seed in RANDOM:
        buffers = random_buffers(seed, 1 + seed)
        bytes_in = over_time(buffers)
        what = f"the bound of {len(buffers)} buffers (occupied: {bytes_in.tolist()})"
        expect(contract.whole(liveness.lower_bound(buffers), "lower_bound"), int(bytes_in.max()), what)


# in-place


@cache
def sample(name: str) -> tuple[Graph, dict[int, tuple[int, int]]]:
    """A sample and its ranges."""
    return SAMPLES[name], ranges_of(SAMPLES[name])


def shared(graph: Graph, ranges: Mapping[int, tuple[int, int]]) -> Sequence[Buffer]:
    """The student's buffers."""
    return contract.buffers(sharing.share(graph, ranges), "share")


@check("in-place")
def sharing_by_hand() -> None:
    """In seven small graphs exactly those values share a buffer that can."""
    for graph, allowed, why in (
        (chain(), [{(1, 2, 3)}], "every operand has its last reader there"),
        (either(), [{(1, 3), (2,)}, {(1,), (2, 3)}], "two operands die in %3: one of them, not both"),
        (inputs_first(), [{(2,), (3,)}], "inputs and constants are the caller's: never written over"),
        (squares(), [{(1, 2, 4), (3,)}], "%4 can take its second operand, %2, but not its first, an output"),
        (sums(), [{(1,), (2,), (3, 4), (5,), (6,)}], "only reshape works in place here"),
        (narrow(), [{(1, 2), (3, 4), (5,)}], "the operands of %3 and %5 have another size"),
        (diamond(), [{(2, 5, 6), (3, 7), (4,)}], "%2 is needed until step 5 and %3 until step 7"),
    ):
        found = {tuple(buffer.values) for buffer in shared(graph, ranges_of(graph))}
        if found not in allowed:
            what = f"which values share a buffer ({why}), in{told(graph)}"
            raise Difference(what, " or ".join(str(sorted(groups)) for groups in allowed), str(sorted(found)))


@check("in-place")
def sharing_adds_up() -> None:
    """Every computed value is in one buffer, which has its size and is occupied as long as its values are."""
    for graph in [*(random_graph(seed, 12) for seed in RANDOM), *SAMPLES.values()]:
        ranges = ranges_of(graph)
        buffers = shared(graph, ranges)
        values = sorted(value for buffer in buffers for value in buffer.values)
        if values != computed(graph):
            what = f"the values of all buffers together, sorted, in{told(graph)}"
            raise Difference(what, str(computed(graph)), str(values))
        for buffer in buffers:
            inside = [ranges[value] for value in buffer.values]
            size = max(graph.nodes[value].nbytes for value in buffer.values)
            what = f"of the buffer of {buffer.values} in{told(graph)}"
            expect(buffer.size, size, f"size {what}")
            expect(buffer.first, min(first for first, _ in inside), f"first step {what}")
            expect(buffer.last, max(last for _, last in inside), f"last step {what}")


def arrays(graph: Graph) -> dict[str, Array]:
    """A random array for every input."""
    generator = np.random.default_rng(len(graph.nodes))
    named = {dict(node.attrs)["name"]: node for node in graph.nodes if node.op == "input"}
    return {name: generator.standard_normal(node.shape).astype(node.dtype) for name, node in named.items()}


def runs(graph: Graph, buffers: Sequence[Buffer], offsets: Sequence[int], what: str) -> None:
    """Raise Difference if the graph, run in the arena, gives other outputs than the interpreter."""
    given: Mapping[str, Array] = arrays(graph)
    pairs = zip(graph.outputs, run_in_arena(graph, buffers, offsets, given), evaluate(graph, given), strict=True)
    for output, actual, expected in pairs:
        expect(actual, expected, f"run in one block of memory, {what}: output %{output}")


@check("in-place")
def sharing_runs() -> None:
    """With these buffers, next to each other, graphs compute what they should."""
    graphs = [random_graph(seed, 12) for seed in RANDOM]
    for name, graph in [*((f"{told(graph)}\n   ", graph) for graph in graphs), *SAMPLES.items()]:
        buffers = shared(graph, ranges_of(graph))
        room = -(-max(buffer.size for buffer in buffers) // ALIGN) * ALIGN
        runs(graph, buffers, [room * number for number in range(len(buffers))], name)


@check("in-place")
def sharing_shares() -> None:
    """No chance is missed: the samples have the fewest buffers that there can be, and their least bound."""
    for name, count, least in (("training step", 31, 37068), ("attention", 31, 26880), ("skips", 24, 18432)):
        buffers = shared(*sample(name))
        expect(len(buffers), count, f"{name}: number of buffers")
        expect(int(over_time(buffers).max()), least, f"{name}: most bytes occupied in a step")


# lowest-gap


def free(offset: int, size: int, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether the bytes are free."""
    return all(offset + size <= begin or begin + length <= offset for begin, length in taken)


def scan(size: int, taken: Sequence[tuple[int, int]]) -> int:
    """Try every offset, from 0 up."""
    offset = 0
    while not free(offset, size, taken):
        offset += ALIGN
    return offset


def gap(size: int, taken: Sequence[tuple[int, int]]) -> int:
    """The student's lowest gap."""
    return contract.whole(planner.lowest_gap(size, taken), "lowest_gap")


@check("lowest-gap")
def gaps_by_hand() -> None:
    """Gaps at the bottom, between, and above; exact ones; blocks out of order, inside each other, of odd sizes."""
    for size, taken, expected in (
        (100, [], 0),
        (64, [(64, 64)], 0),  # fits exactly at the bottom
        (65, [(64, 64)], 128),
        (64, [(0, 64), (128, 64)], 64),  # fits exactly between
        (64, [(128, 64), (0, 64)], 64),  # the same, out of order
        (64, [(0, 512), (64, 64)], 512),  # one inside the other
        (10, [(0, 100)], 128),  # the next multiple of ALIGN
        (60, [(0, 70), (192, 10)], 128),
        (70, [(0, 70), (192, 10)], 256),  # 122 bytes are free, but only 64 of them from a multiple of ALIGN on
    ):
        expect(gap(size, taken), expected, f"the lowest gap for {size} bytes between {taken}")


@check("lowest-gap")
def gaps_by_scanning() -> None:
    """The lowest gap is what trying every multiple of ALIGN finds."""
    choose = random.Random(3)
    for _ in range(300):
        taken = [(ALIGN * choose.randrange(12), choose.randint(1, 200)) for _ in range(choose.randrange(7))]
        size = choose.randint(1, 260)
        expect(gap(size, taken), scan(size, taken), f"the lowest gap for {size} bytes between {taken}")


# place


def random_order(seed: int, count: int) -> list[int]:
    """A permutation."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


def placed(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """The student's offsets in an order."""
    return contract.offsets(planner.place_in_order(buffers, order), len(buffers), "place_in_order")


@check("place")
def places_are_apart() -> None:
    """No byte is given to two buffers in the same step."""
    touching = [Buffer((0,), 100, 0, 2), Buffer((1,), 100, 2, 3), Buffer((2,), 100, 3, 5), Buffer((3,), 100, 4, 5)]
    for number, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1])):
        sound(touching, placed(touching, order), f"four buffers, order {order} ({number})")
    for seed in RANDOM:
        buffers = random_buffers(seed, 2 + seed // 2)
        sound(buffers, placed(buffers, random_order(seed, len(buffers))), f"{len(buffers)} buffers")


@check("place")
def places_are_lowest() -> None:
    """Each buffer lies as low as those before it in the order allow."""
    for seed in RANDOM:
        buffers = random_buffers(seed, 2 + seed // 2)
        order = random_order(seed, len(buffers))
        offsets = placed(buffers, order)
        for at, number in enumerate(order):
            buffer = buffers[number]
            together = [
                (offsets[other], buffers[other].size)
                for other in order[:at]
                if set(range(buffer.first, buffer.last + 1)) & set(range(buffers[other].first, buffers[other].last + 1))
            ]
            steps = f"steps {buffer.first} to {buffer.last}"
            what = f"offset of buffer {number} ({buffer.size} bytes, {steps}) after {at} others"
            met = f"there at the same time, as (offset, size): {together}"
            expect(offsets[number], scan(buffer.size, together), f"{what}; {met}")


# order


def planned(buffers: Sequence[Buffer]) -> list[int]:
    """The student's plan."""
    return contract.offsets(planner.plan(buffers), len(buffers), "plan")


@check("order")
def plans_are_sound() -> None:
    """Plans keep buffers apart, and the graphs compute what they should in them."""
    expect(planned([]), [], "the plan of no buffers")
    expect(planned([Buffer((0,), 100, 0, 1)]), [0], "the plan of one buffer")
    for seed in RANDOM:
        graph = random_graph(seed, 12)
        buffers = shared(graph, ranges_of(graph))
        offsets = planned(buffers)
        sound(buffers, offsets, f"the plan for{told(graph)}\n   ")
        runs(graph, buffers, offsets, f"{told(graph)}\n   ")


def optimum(buffers: Sequence[Buffer]) -> int:
    """The least memory of all plans: try every offset for every buffer, giving up what is no better than the best."""
    best = sum(-(-buffer.size // ALIGN) * ALIGN for buffer in buffers)

    def search(number: int, placed: list[tuple[Buffer, int]], top: int) -> None:
        nonlocal best
        if number == len(buffers):
            best = min(best, top)
            return
        buffer = buffers[number]
        met = [(at, other.size) for other, at in placed if other.first <= buffer.last and buffer.first <= other.last]
        for offset in range(0, best - buffer.size, ALIGN):
            if free(offset, buffer.size, met):
                search(number + 1, [*placed, (buffer, offset)], max(top, offset + buffer.size))

    search(0, [], 0)
    return best


HARD = (43, 227, 1169, 1289, 1403, 1418)
"""Seeds of buffers for which simple orders (by size, by birth, by length, ...) are not the best."""


@check("order")
def plans_are_optimal() -> None:
    """For up to 6 buffers no plan is better."""
    for seed in (*range(10), *HARD):
        buffers = random_buffers(seed, 4 + seed % 3, steps=6, unit=ALIGN, most=3 * ALIGN)
        rows = "".join(f"\n    {b.size} bytes, steps {b.first} to {b.last}" for b in buffers)
        needed = arena_bytes(buffers, planned(buffers))
        expect(needed, optimum(buffers), f"bytes of the plan for{rows}")


@check("order")
def plans_are_tight() -> None:
    """On the samples, plans need at most 3 percent more than the bound."""
    for name in SAMPLES:
        graph, ranges = sample(name)
        separate = [Buffer((v,), graph.nodes[v].nbytes, *ranges[v]) for v in ranges]
        for kind, buffers in (("a buffer a value", separate), ("in place", shared(graph, ranges))):
            offsets = planned(buffers)
            sound(buffers, offsets, f"{name}, {kind}")
            least, needed = int(over_time(buffers).max()), arena_bytes(buffers, offsets)
            if needed * 100 > least * 103:
                wanted = f"at most {least * 103 // 100:,} bytes (the bound {least:,} and 3 percent)"
                raise Difference(f"{name}, {kind}: the plan", wanted, f"{needed:,} bytes")
