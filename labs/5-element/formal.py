"""A bounded model checker: circuits become formulas, cycle by cycle, and z3 looks for inputs that break a claim.

    cycles = unroll(netlist(Element()), 5)           # cycles[3]["sum_out"]: a formula of the inputs in cycles 0 to 3
    claims = [Claim(t, "sum_out", cycles[t]["sum_out"], wanted[t]) for t in range(5)]
    prove(claims, cycles)                            # None: no inputs break a claim; or else a Counterexample

Registers start as after a reset, and there is no reset later. "Bounded": nothing is said about later cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import z3
from netlist import Bits, Cell, Netlist

ONE, ZERO = z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "$add": lambda a, b: a + b,
    "$sub": lambda a, b: a - b,
    "$mul": lambda a, b: a * b,
    "$and": lambda a, b: a & b,
    "$or": lambda a, b: a | b,
    "$xor": lambda a, b: a ^ b,
    "$not": lambda a: ~a,
    "$neg": lambda a: -a,
    "$pos": lambda a: a,
}
"""Operands are widened, with their signs if all have one, and the result is cut to its width."""

SHIFTS: dict[str, Callable[..., Any]] = {
    "$shl": lambda a, b: a << b,
    "$shr": z3.LShR,
    "$sshr": lambda a, b: a >> b,
    "$shift": z3.LShR,
}
"""The same, but the second operand never has a sign."""

TESTS: dict[str, Callable[..., Any]] = {
    "$eq": lambda a, b: a == b,
    "$ne": lambda a, b: a != b,
    "$logic_not": lambda a: a == 0,
    "$logic_and": lambda a, b: z3.And(a != 0, b != 0),
    "$logic_or": lambda a, b: z3.Or(a != 0, b != 0),
    "$reduce_bool": lambda a: a != 0,
    "$reduce_or": lambda a: a != 0,
    "$reduce_and": lambda a: ~a == 0,
    "$reduce_xor": lambda a: reduce(xor, (z3.Extract(i, i, a) for i in range(a.size()))) == ONE,
}
"""The result is one bit."""

ORDER: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "$lt": (z3.ULT, lambda a, b: a < b),
    "$le": (z3.ULE, lambda a, b: a <= b),
    "$gt": (z3.UGT, lambda a, b: a > b),
    "$ge": (z3.UGE, lambda a, b: a >= b),
}
"""Tests of numbers: without sign, with sign."""

DIVISIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "$divfloor": (z3.UDiv, lambda a, b: z3.If(z3.And(a % b != 0, (a < 0) != (b < 0)), a / b - 1, a / b)),
    "$modfloor": (z3.URem, lambda a, b: a % b),
}
"""As in Python, rounded down: without sign, with sign. What they say of a division by 0, Amaranth replaces by 0."""

WORDS = ARITHMETIC.keys() | SHIFTS.keys() | DIVISIONS.keys()
KNOWN = WORDS | TESTS.keys() | ORDER.keys() | {"$dff", "$mux", "$pmux", "$check", "$print"}


@dataclass(frozen=True)
class Claim:
    """In ``cycle`` the value that is called ``what``, ``actual``, equals ``expected``."""

    cycle: int
    what: str
    actual: Any
    expected: Any


@dataclass(frozen=True)
class Counterexample:
    """The claim that is broken, its two values, and what is seen in every cycle up to that."""

    claim: Claim
    actual: int
    expected: int
    seen: tuple[Mapping[str, int], ...]


class Cycle:
    """One cycle of a circuit: ``cycle[name]`` is the formula of a port or of its field, such as ``weight_in.value``."""

    def __init__(self, circuit: Netlist, inputs: Mapping[str, Any], before: Cycle | None) -> None:
        self.circuit, self.before = circuit, before
        self._drivers: dict[Any, tuple[Any, int]] = before._drivers if before else dict(_drivers(circuit))
        self._words: dict[Any, Any] = dict(inputs)

    def __getitem__(self, name: str) -> Any:
        port, low, width = self.circuit.fields[name]
        word = self.port(port)
        return word if width == word.size() else z3.Extract(low + width - 1, low, word)

    def port(self, name: str) -> Any:
        """The formula of a whole port."""
        return self._words[name] if name in self._words else self.value(self.circuit.outputs[name])

    def value(self, bits: Bits) -> Any:
        """The formula of some nets: whole words where nets of one word lie side by side."""
        parts: list[Any] = []
        at = 0
        while at < len(bits):
            end = at + 1
            if isinstance(bits[at], str):
                parts.append(ONE if bits[at] == "1" else ZERO)
            else:
                source, low = self._drivers[bits[at]]
                while end < len(bits) and self._drivers.get(bits[end]) == (source, low + end - at):
                    end += 1
                word = self._word(source)
                parts.append(word if end - at == word.size() else z3.Extract(low + end - at - 1, low, word))
            at = end
        return parts[0] if len(parts) == 1 else z3.Concat(*reversed(parts))

    def _word(self, source: Any) -> Any:
        if source not in self._words:
            self._words[source] = self._output(source)
        return self._words[source]

    def _output(self, cell: Cell) -> Any:
        pins = cell.pins
        if cell.kind == "$dff":  # what was at its input a cycle ago
            return self.before.value(pins["D"]) if self.before else _start(self.circuit, pins["Q"])
        if cell.kind == "$mux":
            return z3.If(self.value(pins["S"]) == ONE, self.value(pins["B"]), self.value(pins["A"]))
        if cell.kind == "$pmux":
            result, width = self.value(pins["A"]), len(pins["A"])
            for case, select in enumerate(pins["S"]):
                chosen = self.value(pins["B"][case * width : (case + 1) * width])
                result = z3.If(self.value([select]) == ONE, chosen, result)
            return result
        return self._operator(cell)

    def _operator(self, cell: Cell) -> Any:
        kind, width = cell.kind, cell.parameters["Y_WIDTH"]
        names = [name for name in "AB" if name in cell.pins]
        operands = [self.value(cell.pins[name] or ["0"]) for name in names]
        signs = [bool(cell.parameters[f"{name}_SIGNED"]) for name in names]
        longest = max(operand.size() for operand in operands)
        if kind in SHIFTS:
            signs[1] = False
        elif not all(signs):
            signs = [False] * len(signs)
        if kind in WORDS:
            longest = max(longest, width)
        operands = [_resized(value, longest, signed) for value, signed in zip(operands, signs, strict=True)]
        if kind in DIVISIONS:
            return _resized(DIVISIONS[kind][all(signs)](*operands), width, False)
        if kind in WORDS:
            return _resized((ARITHMETIC | SHIFTS)[kind](*operands), width, False)
        test = TESTS[kind] if kind in TESTS else ORDER[kind][signs[0]]
        return _resized(z3.If(test(*operands), ONE, ZERO), width, False)


def _drivers(circuit: Netlist) -> Iterator[tuple[Any, tuple[Any, int]]]:
    """For every net: what drives it (a cell, or an input by name), and which bit of that it is."""
    for name, bits in circuit.inputs.items():
        yield from ((net, (name, i)) for i, net in enumerate(bits))
    for cell in circuit.cells:
        yield from ((net, (cell, i)) for i, net in enumerate(cell.pins.get("Q" if cell.kind == "$dff" else "Y", [])))


def _start(circuit: Netlist, bits: Bits) -> Any:
    return z3.BitVecVal(sum((net in circuit.ones) << i for i, net in enumerate(bits)), len(bits))


def _resized(value: Any, width: int, signed: bool) -> Any:
    missing = width - value.size()
    if missing > 0:
        return z3.SignExt(missing, value) if signed else z3.ZeroExt(missing, value)
    return z3.Extract(width - 1, 0, value) if missing else value


def unroll(circuit: Netlist, count: int, watched: Sequence[Cycle] | None = None) -> list[Cycle]:
    """The first ``count`` cycles, with any inputs; inputs that are called like a port of ``watched`` are that port.

    Raises NotImplementedError if the circuit holds what has no formula here, such as a memory.
    """
    for cell in (cell for cell in circuit.cells if cell.kind not in KNOWN):
        raise NotImplementedError(f"formal.py has no formula for Yosys's cell {cell.kind} (from {place(cell)})")
    cycles: list[Cycle] = []
    for number in range(count):
        inputs = {name: z3.BitVec(f"{name}@{number}", len(bits)) for name, bits in circuit.inputs.items()}
        if watched is not None:
            seen = watched[number].circuit
            inputs |= {n: watched[number].port(n) for n in inputs if n in seen.inputs or n in seen.outputs}
        inputs |= {name: ZERO for name in ("clk", "rst") if name in inputs}
        cycles.append(Cycle(circuit, inputs, cycles[-1] if cycles else None))
    return cycles


def assertions(cycles: Sequence[Cycle]) -> list[Claim]:
    """What the ``Assert`` statements of a circuit claim, in every cycle. ``Assume`` and ``Cover`` claim nothing."""
    found = []
    for number, cycle in enumerate(cycles):
        for cell in statements(cycle.circuit, "assert"):
            holds = z3.If(cycle.value(cell.pins["EN"]) == ONE, cycle.value(cell.pins["A"]), ONE)
            name = str(cell.parameters["FORMAT"]).strip() or f"unnamed at {place(cell)}"
            found.append(Claim(number, name, holds, ONE))
    return found


def statements(circuit: Netlist, flavor: str) -> list[Cell]:
    """The ``assert``, ``assume`` or ``cover`` statements of a circuit."""
    checks = (cell for cell in circuit.cells if cell.kind == "$check")
    return [cell for cell in checks if str(cell.parameters["FLAVOR"]).strip() == flavor]


def place(cell: Cell) -> str:
    """File and line of what a cell was made of."""
    return Path(cell.source.partition("|")[0]).name or "unknown place"


def prove(claims: Sequence[Claim], cycles: Sequence[Cycle]) -> Counterexample | None:
    """Inputs that break a claim in the earliest cycle in which one can be broken; None if there are none at all."""
    solver = z3.SolverFor("QF_BV")
    for number in sorted({claim.cycle for claim in claims}):
        due = [claim for claim in claims if claim.cycle == number]
        solver.push()
        solver.add(z3.Or(*(claim.actual != claim.expected for claim in due)))
        if solver.check() == z3.sat:
            return _counterexample(solver.model(), due, cycles[: number + 1])
        solver.pop()
    return None


def _counterexample(model: z3.ModelRef, due: Sequence[Claim], cycles: Sequence[Cycle]) -> Counterexample:
    def number(formula: Any) -> int:
        value = model.eval(formula, model_completion=True)
        return int(value.as_signed_long() if value.size() > 2 else value.as_long())

    broken = next(claim for claim in due if number(claim.actual) != number(claim.expected))
    names = sorted(cycles[0].circuit.fields)
    seen = tuple({name: number(cycle[name]) for name in names} for cycle in cycles)
    return Counterexample(broken, number(broken.actual), number(broken.expected), seen)
