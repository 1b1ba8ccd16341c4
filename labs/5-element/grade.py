"""The checks: in Amaranth's simulator on full-width numbers, and for all inputs on narrow ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import z3
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from bench import TABLE, Values, as_text, inputs, number, read_table, record
from formal import Claim, Cycle, assertions, prove, unroll
from netlist import Netlist, load, netlist
from stimulus import delayed, tiles

from weft.lab import Difference, check

NARROW = {"bits": 3, "sum_bits": 8}
"""The widths of proofs. Products of unknown numbers are hard for a solver: with 3 bits a column takes it a second,
with 8 one element alone takes it ten."""
PARTS = Path(__file__).with_name("parts.json")
Wanted = tuple[int, str, int]
"""In this cycle the signal of this name has this value."""
RIGHT = ("activation_out.value", "activation_out.active", "activation_out.first",
         "weight_out.value", "weight_out.valid", "weight_out.hops")  # fmt: skip


class Part(wiring.Component):
    """An element of which only a part is built, with more ports to try that part alone."""

    def __init__(self, build: Callable[[Any, Module, Any], None], more: Mapping[str, Any], **widths: int) -> None:
        from element import Element

        self.build, self.element = build, Element(**widths)
        super().__init__(dict(self.element.signature.members) | dict(more))

    def elaborate(self, platform: object) -> Module:
        """Join the element's ports to this one's, and build."""
        m = Module()
        for name, member in self.element.signature.members.items():
            mine, inner = getattr(self, name), getattr(self.element, name)
            m.d.comb += inner.eq(mine) if member.flow is In else mine.eq(inner)
        self.build(self.element, m, self)
        return m


def right_side(**widths: int) -> Part:
    """The wires to the neighbour on the right."""
    return Part(lambda element, m, part: element.move_right(m), {}, **widths)


def weights(**widths: int) -> Part:
    """The weight alone, at ``weight``."""

    def build(element: Any, m: Module, part: Any) -> None:
        m.d.comb += part.weight.eq(_given(element.weight(m), "weight()", "the weight"))

    return Part(build, {"weight": Out(widths.get("bits", 8))}, **widths)


def product(**widths: int) -> Part:
    """``total`` made of a given ``weight``."""

    def build(element: Any, m: Module, part: Any) -> None:
        m.d.comb += part.total.eq(_given(element.multiply_add(part.weight), "multiply_add()", "the sum"))

    return Part(build, {"weight": In(widths.get("bits", 8)), "total": Out(widths.get("sum_bits", 32))}, **widths)


def below(**widths: int) -> Part:
    """``sum_out`` made of a given ``total``."""
    total = In(widths.get("sum_bits", 32) + 2)
    return Part(lambda element, m, part: element.add_to_sum(m, part.total), {"total": total}, **widths)


def _given(value: Any, call: str, what: str) -> Any:
    if value is None:
        raise Difference(f"what {call} returns", f"{what}, as a value of Amaranth", "None")
    return value


@functools.cache
def narrow_element() -> Netlist:
    """The student's element as a circuit."""
    from element import Element

    return netlist(Element(**NARROW))


@functools.cache
def narrow_monitor() -> Netlist:
    """The student's monitor as a circuit."""
    from monitor import Monitor

    return netlist(Monitor(**NARROW))


def compare(seen: Sequence[Values], wanted: Iterable[Wanted], where: str, shown: Sequence[str] = ()) -> None:
    """Raise the first difference of what was seen from (cycle, name, value), and print the cycles that led to it."""
    for cycle, name, value in wanted:
        if seen[cycle][name] != value:
            start = max(0, cycle - 5)
            print(f"cycles {start} to {cycle}, as your circuit ran them:")
            print(as_text(seen[start : cycle + 1], shown or None, start))
            raise Difference(f"{name} in cycle {cycle}{where}", str(value), str(seen[cycle][name]))


def holds(claims: Sequence[Claim], cycles: Sequence[Cycle], of: str) -> None:
    """Raise the difference, with its inputs printed, if some inputs break a claim."""
    found = prove(claims, cycles)
    if found is not None:
        bits, total = NARROW.values()
        print(f"inputs that show it ({of} of {bits}-bit numbers and {total}-bit sums, from reset on):")
        print(as_text(found.seen))
        raise Difference(f"{found.claim.what} in cycle {found.claim.cycle}", str(found.expected), str(found.actual))


def table_rows(build: Callable[[], Any], names: Sequence[str]) -> None:
    """Run every case of the test table, and compare the columns ``names``."""
    for case, rows in read_table().items():
        component = build()
        seen = record(component, [inputs(component, cells) for _, cells in rows])
        for cycle, (line, cells) in enumerate(rows):
            wanted = [(cycle, name, cells[name]) for name in names if name in cells]
            compare(seen, wanted, f" of '{case}' ({TABLE.name}, line {line})")


def truth(bit: Any) -> Any:
    """One bit as a condition."""
    return bit == z3.BitVecVal(1, 1)


def latest(pairs: Iterable[tuple[Any, Any]], otherwise: Any) -> Any:
    """The value whose condition was the last to hold."""
    for condition, value in pairs:
        otherwise = z3.If(condition, value, otherwise)
    return otherwise


def weight_of(cycles: Sequence[Cycle], activation: str, weight: str) -> Any:
    """The weight in the last of the cycles: what had arrived last before the last ``first``."""
    arrivals = [
        (z3.And(truth(c[f"{weight}.valid"]), c[f"{weight}.hops"] == 0), c[f"{weight}.value"]) for c in cycles
    ]
    none = z3.BitVecVal(0, NARROW["bits"])
    starts = [(truth(c[f"{activation}.first"]), latest(arrivals[:t], none)) for t, c in enumerate(cycles)]
    return latest(starts, none)


def term(cycles: Sequence[Cycle], activation: str, weight: Any) -> Any:
    """What an element adds to its sum for the last of the cycles."""
    wide = NARROW["sum_bits"] - NARROW["bits"]
    full = z3.SignExt(wide, cycles[-1][f"{activation}.value"]) * z3.SignExt(wide, weight)
    return z3.If(truth(cycles[-1][f"{activation}.active"]), full, z3.BitVecVal(0, NARROW["sum_bits"]))


@check("move-right")
def right_in_the_table() -> None:
    """What leaves on the right is what the test table says."""
    table_rows(right_side, RIGHT)


@check("move-right")
def right_for_all_inputs() -> None:
    """What leaves on the right, proven for all inputs of four cycles."""
    cycles = unroll(netlist(right_side(**NARROW)), 4)
    claims = []
    for t in range(1, 4):
        now, past = cycles[t], cycles[t - 1]
        goes_on = z3.And(truth(past["weight_in.valid"]), past["weight_in.hops"] != 0)
        wanted: list[tuple[str, Any, Any]] = [
            ("activation_out.active", past["activation_in.active"], True),
            ("activation_out.first", past["activation_in.first"], True),
            ("activation_out.value", past["activation_in.value"], truth(past["activation_in.active"])),
            ("weight_out.valid", z3.If(goes_on, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)), True),
            ("weight_out.value", past["weight_in.value"], goes_on),
            ("weight_out.hops", past["weight_in.hops"] - 1, goes_on),
        ]
        claims += [Claim(t, name, now[name], z3.If(where, value, now[name])) for name, value, where in wanted]
    holds(claims, cycles, "an element")


@check("weights")
def weight_in_every_cycle() -> None:
    """The weight of every cycle, with weights and tiles at random."""
    rng = np.random.default_rng(5)
    stimulus, wanted = [], []
    arrived = [0]
    current = 0
    for cycle in range(300):
        lively = 3 if cycle < 150 else 8
        value, valid, hops = int(rng.integers(-128, 128)), int(rng.integers(lively) < 2), int(rng.integers(8) // 5)
        first = int(rng.integers(lively) == 0)
        drive = {"weight_in.value": value, "weight_in.valid": valid, "weight_in.hops": hops}
        stimulus.append(drive | {"activation_in.first": first, "activation_in.active": int(rng.integers(4) > 0)})
        current = arrived[-1] if first else current
        wanted.append((cycle, "weight", current))
        arrived += [value] if valid and hops == 0 else []
    shown = ("weight_in.value", "weight_in.valid", "weight_in.hops", "activation_in.first", "weight")
    compare(record(weights(), stimulus), wanted, "", shown)


@check("weights")
def weight_for_all_inputs() -> None:
    """No arrival disturbs the weight in use: proven for all inputs of six cycles."""
    cycles = unroll(netlist(weights(**NARROW)), 6)
    claims = [
        Claim(t, "weight", cycles[t]["weight"], weight_of(cycles[: t + 1], "activation_in", "weight_in"))
        for t in range(6)
    ]
    holds(claims, cycles, "an element")


@check("multiply-add")
def products_of_corners() -> None:
    """Activation × weight + sum, for the ends of the range and numbers at random."""
    rng = np.random.default_rng(6)
    ends = (-128, -127, -1, 0, 1, 2, 127)
    pairs = [(a, w) for a in ends for w in ends] + [tuple(rng.integers(-128, 128, 2).tolist()) for _ in range(100)]
    sums = [0, -1, 100_000, -100_000, 2**31 - 1, -(2**31)]
    stimulus = [
        {"activation_in.value": a, "activation_in.active": 1, "weight": w, "sum_in": sums[i % 6]}
        for i, (a, w) in enumerate(pairs)
    ]
    wanted = [(i, "total", number(a * w + sums[i % 6], 32)) for i, (a, w) in enumerate(pairs)]
    shown = ("activation_in.value", "weight", "sum_in", "total")
    seen = record(product(), stimulus)
    for i, (a, w) in enumerate(pairs):
        compare(seen[: i + 1], wanted[i : i + 1], f": {a} × {w} + {sums[i % 6]}", shown)


@check("multiply-add")
def products_of_all_numbers() -> None:
    """Activation × weight + sum, proven for all numbers."""
    cycles = unroll(netlist(product(**NARROW)), 1)
    now, wide = cycles[0], NARROW["sum_bits"] - NARROW["bits"]
    exact = z3.SignExt(wide, now["activation_in.value"]) * z3.SignExt(wide, now["weight"]) + now["sum_in"]
    holds([Claim(0, "total", now["total"], exact)], cycles, "a product")


@check("pass-through")
def sums_a_cycle_later() -> None:
    """The sum leaves a cycle later: the total of an active row, an inactive one's own."""
    rng = np.random.default_rng(7)
    rows = [(int(rng.integers(-(2**31), 2**31)), int(rng.integers(-(2**31), 2**31)), i * 7 % 3 % 2) for i in range(60)]
    names = ("total", "sum_in", "activation_in.active")
    seen = record(below(), [dict(zip(names, row, strict=True)) for row in rows])
    wanted = [(i + 1, "sum_out", total if active else above) for i, (total, above, active) in enumerate(rows[:-1])]
    compare(seen, [(0, "sum_out", 0), *wanted], "", (*names, "sum_out"))


@check("pass-through")
def element_in_the_table() -> None:
    """The whole element does what the test table says."""
    from element import Element

    table_rows(Element, (*RIGHT, "sum_out"))


@check("pass-through")
def element_for_all_inputs() -> None:
    """The whole element's sum, proven for all inputs of seven cycles."""
    cycles = unroll(narrow_element(), 7)
    claims = []
    for t in range(1, 7):
        past = cycles[:t]
        exact = past[-1]["sum_in"] + term(past, "activation_in", weight_of(past, "activation_in", "weight_in"))
        claims.append(Claim(t, "sum_out", cycles[t]["sum_out"], exact))
    holds(claims, cycles, "an element")


def drained(stimulus: list[Values], rows: int, sums: Mapping[int, int]) -> tuple[list[Values], list[Wanted]]:
    """With idle cycles behind it, and the sum of every cycle: a row's leaves ``rows`` cycles after it enters."""
    wanted = [(t + rows, "sum", sums.get(t, 0)) for t in range(len(stimulus))]
    return stimulus + [{} for _ in range(rows + 1)], wanted


@check("chain")
def column_of_staggered_rows() -> None:
    """A column of three, with the skew made by the bench, against NumPy."""
    from column import Column

    stimulus, sums = tiles(3, 10, 1)
    stimulus, wanted = drained(stimulus, 3, sums)
    shown = [f"activations[{k}].{field}" for k in range(3) for field in ("value", "first")] + ["sum"]
    compare(record(Column(3), delayed(stimulus)), wanted, "", shown)


@check("chain")
def column_to_the_right() -> None:
    """What leaves every row of the column on its right."""
    from column import Column

    stimulus = delayed(tiles(3, 6, 2)[0])
    seen = record(Column(3), stimulus)
    wanted = []
    for t in range(1, len(stimulus)):
        for k in range(3):
            past = seen[t - 1]
            hops = past[f"weights[{k}].hops"] if past[f"weights[{k}].valid"] else 0
            wanted.append((t, f"activations_out[{k}].active", past[f"activations[{k}].active"]))
            wanted.append((t, f"weights_out[{k}].valid", int(hops > 0)))
            if past[f"activations[{k}].active"]:
                wanted.append((t, f"activations_out[{k}].value", past[f"activations[{k}].value"]))
            if hops:
                wanted.append((t, f"weights_out[{k}].value", past[f"weights[{k}].value"]))
    compare(seen, wanted, "")


@check("skew")
def every_row_late() -> None:
    """Row k of everything leaves the skew k cycles after it enters."""
    from column import Skew

    stimulus = tiles(4, 5, 3)[0]
    seen = record(Skew(4), stimulus)
    fields = {"activations": ("value", "active", "first"), "weights": ("value", "valid", "hops")}
    for port, names in fields.items():
        for k in range(4):
            for name in names:
                source, late = f"{port}[{k}].{name}", f"{port}_out[{k}].{name}"
                wanted = [(t + k, late, seen[t][source]) for t in range(len(seen) - k)]
                compare(seen, wanted, f", which entered {k} cycles before", (source, late))


@check("skew")
def random_matrices() -> None:
    """Random matrices through a skewed column of four, against NumPy."""
    from column import SkewedColumn

    stimulus, sums = tiles(4, 25, 4)
    stimulus, wanted = drained(stimulus, 4, sums)
    shown = [f"activations[{k}].{field}" for k in range(4) for field in ("value", "first")] + ["sum"]
    compare(record(SkewedColumn(4), stimulus), wanted, "", shown)


@check("skew")
def column_for_all_inputs() -> None:
    """A skewed column of three: its sum is the dot product, proven for all inputs of seven cycles."""
    from column import SkewedColumn

    cycles = unroll(netlist(SkewedColumn(3, **NARROW)), 7)
    claims = []
    for t in range(4):
        past = cycles[: t + 1]
        places = [(f"activations[{k}]", f"weights[{k}]") for k in range(3)]
        exact = sum(term(past, a, weight_of(past, a, w)) for a, w in places)
        claims.append(Claim(t + 3, "sum", cycles[t + 3]["sum"], exact))
    holds(claims, cycles, "a column")


@check("properties")
def holds_of_a_right_element() -> None:
    """No assertion fails on your own element: proven for all inputs of six cycles."""
    element = unroll(narrow_element(), 6)
    claims = assertions(unroll(narrow_monitor(), 6, element))
    if not claims:
        raise Difference("the monitor", "at least one Assert", "none")
    if found := prove(claims, element):
        print("inputs that make it fail on a right element:")
        print(as_text(found.seen))
        told = f"the assertion '{found.claim.what}' in cycle {found.claim.cycle}"
        raise Difference(told, "to hold of every right element", "it fails on yours")


@check("properties")
def catches_broken_elements() -> None:
    """Every broken element is caught by some assertion."""
    monitor = narrow_monitor()
    missed = []
    parts = load(PARTS)
    for mistake, part in parts.items():
        element = unroll(part, 6)
        if prove(assertions(unroll(monitor, 6, element)), element) is None:
            missed.append(mistake)
    for mistake in missed:
        print(f"no assertion fails on the element that has this mistake: {mistake}")
    if missed:
        caught = f"{len(parts) - len(missed)} of {len(parts)}"
        raise Difference("broken elements caught", f"all {len(parts)}", f"{caught}; not this one: {missed[0]}")
