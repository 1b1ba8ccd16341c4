"""The checks: in Amaranth's simulator on full-width numbers, and for all inputs on narrow ones."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import z3
from alone import below, built, circuit, given, product, right_side, simulated, weights
from amaranth.hdl import Module, Value
from bench import TABLE, Values, as_text, inputs, number, read_table
from contract import NARROW, term, truth, weight_of
from formal import Claim, Cycle, assertions, place, prove, statements, unroll
from judging import Wanted, compare, holds
from netlist import Netlist, load
from stimulus import delayed, tiles

from weft.lab import Difference, check

WIDE = {"bits": 12, "sum_bits": 40, "columns": 20}
"""Other widths than those that an element has by default."""
PARTS = Path(__file__).with_name("parts.json")
RIGHT = ("activation_out.value", "activation_out.active", "activation_out.first",
         "weight_out.value", "weight_out.valid", "weight_out.hops")  # fmt: skip


@functools.cache
def narrow_element() -> Netlist:
    """The student's element as a circuit."""
    from element import Element

    return circuit(Element(**NARROW))


@functools.cache
def narrow_monitor() -> Netlist:
    """The student's monitor as a circuit."""
    from monitor import Monitor

    return circuit(Monitor(**NARROW))


def table_rows(build: Callable[[], Any], names: Sequence[str]) -> None:
    """Run every case of the test table, and compare the columns ``names``."""
    for case, rows in read_table().items():
        component = build()
        seen = simulated(component, [inputs(component, cells) for _, cells in rows])
        for cycle, (line, cells) in enumerate(rows):
            wanted = [(cycle, name, cells[name]) for name in names if name in cells]
            compare(seen, wanted, f" of '{case}' ({TABLE.name}, line {line})")


@check("move-right")
def right_in_the_table() -> None:
    """What leaves on the right is what the test table says."""
    table_rows(right_side, RIGHT)


@check("move-right")
def right_for_all_inputs() -> None:
    """What leaves on the right, proven for all inputs of four cycles."""
    cycles = unroll(circuit(right_side(**NARROW)), 4)
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
def weight_has_its_width() -> None:
    """What weight() returns has as many bits as the element's numbers, and no sign."""
    from element import Element

    for bits in (8, NARROW["bits"], WIDE["bits"]):
        shape = Value.cast(given(Element(bits).weight(Module()), "weight()", "the weight")).shape()
        if (shape.width, shape.signed) != (bits, False):
            actual = f"{shape.width} bits {'with' if shape.signed else 'without'} a sign"
            where = f"what weight() returns in an element of {bits}-bit numbers, Element(bits={bits})"
            raise Difference(where, f"{bits} bits without a sign", actual)


@check("weights")
def weight_in_every_cycle() -> None:
    """The weight of every cycle, with weights and tiles at random."""
    weight_at_random(8, 300)
    weight_at_random(WIDE["bits"], 50)


def weight_at_random(bits: int, cycles: int) -> None:
    """The weight of every cycle, in an element of numbers this wide."""
    rng = np.random.default_rng(5)
    stimulus, wanted = [], []
    arrived = [0]
    current, end = 0, 1 << (bits - 1)
    for cycle in range(cycles):
        lively = 3 if cycle < 150 else 8
        value, valid, hops = int(rng.integers(-end, end)), int(rng.integers(lively) < 2), int(rng.integers(8) // 5)
        first = int(rng.integers(lively) == 0)
        drive = {"weight_in.value": value, "weight_in.valid": valid, "weight_in.hops": hops}
        stimulus.append(drive | {"activation_in.first": first, "activation_in.active": int(rng.integers(4) > 0)})
        current = arrived[-1] if first else current
        wanted.append((cycle, "weight", current))
        arrived += [value] if valid and hops == 0 else []
    shown = ("weight_in.value", "weight_in.valid", "weight_in.hops", "activation_in.first", "weight")
    compare(simulated(weights(bits=bits), stimulus), wanted, f" in an element of {bits}-bit numbers", shown)


@check("weights")
def weight_for_all_inputs() -> None:
    """No arrival disturbs the weight in use: proven for all inputs of six cycles."""
    cycles = unroll(circuit(weights(**NARROW)), 6)
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
    seen = simulated(product(), stimulus)
    for i, (a, w) in enumerate(pairs):
        compare(seen[: i + 1], wanted[i : i + 1], f": {a} × {w} + {sums[i % 6]}", shown)


@check("multiply-add")
def products_of_all_numbers() -> None:
    """Activation × weight + sum, proven for all numbers."""
    cycles = unroll(circuit(product(**NARROW)), 1)
    now, wide = cycles[0], NARROW["sum_bits"] - NARROW["bits"]
    exact = z3.SignExt(wide, now["activation_in.value"]) * z3.SignExt(wide, now["weight"]) + now["sum_in"]
    holds([Claim(0, "total", now["total"], exact)], cycles, "a product")


@check("pass-through")
def sums_a_cycle_later() -> None:
    """The sum leaves a cycle later: the total of an active row, an inactive one's own."""
    rng = np.random.default_rng(7)
    rows = [(int(rng.integers(-(2**31), 2**31)), int(rng.integers(-(2**31), 2**31)), i * 7 % 3 % 2) for i in range(60)]
    names = ("total", "sum_in", "activation_in.active")
    seen = simulated(below(), [dict(zip(names, row, strict=True)) for row in rows])
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
def elements_are_placed() -> None:
    """Every element of a column of three is part of the circuit."""
    from column import Column
    from element import Element

    made: list[Any] = []
    placed: list[Any] = []
    begin, elaborate = Element.__init__, Element.elaborate

    def counted_begin(self: Any, *widths: Any, **named: Any) -> None:
        made.append(self)
        begin(self, *widths, **named)

    def counted_elaborate(self: Any, platform: object) -> Module:
        placed.append(self)
        return elaborate(self, platform)

    with mock.patch.multiple(Element, __init__=counted_begin, elaborate=counted_elaborate):
        built(Column(3))
    if len(placed) != len(made):
        wanted = f"all {len(made)} that it makes (what is not added to m.submodules is no part of the circuit)"
        raise Difference("elements that are submodules of the column", wanted, str(len(placed)))


@check("chain")
def column_of_staggered_rows() -> None:
    """A column of three, with the skew made by the bench, against NumPy."""
    sums_of_column()


@check("chain")
def column_of_other_widths() -> None:
    """The same with 12-bit numbers, 40-bit sums and hops for 20 columns."""
    sums_of_column(**WIDE)


def sums_of_column(bits: int = 8, sum_bits: int = 32, columns: int = 4) -> None:
    """A column of three elements of these widths, with the skew made by the bench, against NumPy."""
    from column import Column

    stimulus, sums = tiles(3, 10, 1, bits, columns)
    stimulus, wanted = drained(stimulus, 3, sums)
    shown = [f"activations[{k}].{field}" for k in range(3) for field in ("value", "first")] + ["sum"]
    where = f" of Column(3, bits={bits}, sum_bits={sum_bits}, columns={columns})"
    compare(simulated(Column(3, bits, sum_bits, columns), delayed(stimulus)), wanted, where, shown)


@check("chain")
def column_to_the_right() -> None:
    """What leaves every row of the column on its right."""
    from column import Column

    stimulus = delayed(tiles(3, 6, 2, **{key: WIDE[key] for key in ("bits", "columns")})[0])
    seen = simulated(Column(3, **WIDE), stimulus)
    compare(seen, [wanted for t in range(1, len(seen)) for wanted in moved_right(t, seen[t - 1])], "")


def moved_right(cycle: int, past: Values) -> Iterator[Wanted]:
    """What leaves a column of three on its right a cycle after ``past``."""
    for k in range(3):
        yield cycle, f"activations_out[{k}].active", past[f"activations[{k}].active"]
        if past[f"activations[{k}].active"]:
            yield cycle, f"activations_out[{k}].value", past[f"activations[{k}].value"]
        hops = past[f"weights[{k}].hops"] if past[f"weights[{k}].valid"] else 0
        yield cycle, f"weights_out[{k}].valid", int(hops != 0)
        if hops:
            yield cycle, f"weights_out[{k}].value", past[f"weights[{k}].value"]
            yield cycle, f"weights_out[{k}].hops", number(hops - 1, 5)


@check("skew")
def every_row_late() -> None:
    """Row k of everything leaves the skew k cycles after it enters."""
    from column import Skew

    stimulus = tiles(4, 5, 3)[0]
    seen = simulated(Skew(4), stimulus)
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
    compare(simulated(SkewedColumn(4), stimulus), wanted, "", shown)


@check("skew")
def column_for_all_inputs() -> None:
    """A skewed column of three: its sum is the dot product, proven for all inputs of seven cycles."""
    from column import SkewedColumn

    places = [(f"activations[{k}]", f"weights[{k}]") for k in range(3)]
    cycles = unroll(circuit(SkewedColumn(3, **NARROW)), 7)
    claims = []
    for t in range(4):
        past = cycles[: t + 1]
        exact = sum(term(past, a, weight_of(past, a, w)) for a, w in places)
        claims.append(Claim(t + 3, "sum", cycles[t + 3]["sum"], exact))
    holds(claims, cycles, "a column")


@check("properties")
def monitor_sees_ports_only() -> None:
    """The monitor knows the ports of an element, and has no element inside."""
    text = Path(__file__).with_name("monitor.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if found := sorted({name.partition(".")[0] for name in modules} & {"element", "column", "alone"}):
            wanted = "ports, not `element`, `column` or `alone`: a monitor tells right from broken by the ports alone"
            raise Difference("what monitor.py imports", wanted, f"{found[0]} in line {node.lineno}")


@check("properties")
def holds_of_right_elements() -> None:
    """No assertion fails on an element that does anything where nothing is promised: proven for six cycles."""
    monitor = narrow_monitor()
    if assumed := statements(monitor, "assume"):
        told = f"an Assume at {place(assumed[0])}"
        raise Difference("the statements of the monitor", "Assert only: nothing may be assumed of the inputs", told)
    for kind, part in load(PARTS, "right").items():
        unbroken(unroll(part, 6), f"of every right element, also of one that {kind}")


def unbroken(element: Sequence[Cycle], of: str) -> None:
    """Raise the first assertion of the monitor that some inputs of an element break."""
    claims = assertions(unroll(narrow_monitor(), len(element), element))
    if not claims:
        raise Difference("the monitor", "at least one Assert", "none")
    if found := prove(claims, element):
        print("inputs that make it fail on a right element:")
        print(as_text(found.seen))
        told = f"the assertion '{found.claim.what}' in cycle {found.claim.cycle}"
        raise Difference(told, f"to hold {of}", "it fails")


@check("properties")
def catches_broken_elements() -> None:
    """Every broken element is caught by some assertion."""
    monitor = narrow_monitor()
    missed = []
    parts = load(PARTS, "broken")
    for mistake, part in parts.items():
        element = unroll(part, 6)
        if prove(assertions(unroll(monitor, 6, element)), element) is None:
            missed.append(mistake)
    for mistake in missed:
        print(f"no assertion fails on the element that has this mistake: {mistake}")
    if missed:
        caught = f"{len(parts) - len(missed)} of {len(parts)}"
        raise Difference("broken elements caught", f"all {len(parts)}", f"{caught}; not this one: {missed[0]}")


@check("properties")
def holds_of_your_element() -> None:
    """No assertion fails on your own element: proven for all inputs of six cycles."""
    unbroken(unroll(narrow_element(), 6), "of your own element, which passes its checks")
