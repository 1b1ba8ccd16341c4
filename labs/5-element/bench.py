"""A test bench: drives a component's ports cycle by cycle in Amaranth's simulator and records what is seen there.

    record(Element(), [{"sum_in": 7}, {}])    # [{"sum_in": 7, ..., "sum_out": 0}, {"sum_in": 0, ..., "sum_out": 7}]
    python bench.py                           # prints the test table as your element runs it; writes waves/*.vcd

A field of a port has a name such as ``weight_in.value`` or ``activations[2].first``. Values of more than two bits are
shown in two's complement.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import CombinationalCycle, Module, Shape, Signal, UnusedElaboratable
from amaranth.lib import data
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

Values = dict[str, int]
TABLE = Path(__file__).with_name("table.csv")


def port_fields(component: Any) -> dict[str, tuple[str, int, int]]:
    """For every field of every port: its port, its lowest bit there, its width."""
    members = component.signature.members
    return dict(place for name in members for place in _fields(name, name, members[name].shape, 0))


def _fields(name: str, port: str, shape: Any, low: int) -> Iterator[tuple[str, tuple[str, int, int]]]:
    if isinstance(shape, data.Layout):
        for key, field in shape:
            inner = f"{name}[{key}]" if isinstance(key, int) else f"{name}.{key}"
            yield from _fields(inner, port, field.shape, low + field.offset)
    else:
        yield name, (port, low, Shape.cast(shape).width)


def record(component: Any, stimulus: Sequence[Mapping[str, int]], waves: Path | None = None) -> list[Values]:
    """What every field shows in every cycle, a cycle for each of ``stimulus``; inputs that it leaves out are 0.

    A cycle is seen just before its clock edge, from reset on. ``waves`` is a VCD file to write. Raises
    CombinationalCycle if a value depends on itself in the same cycle: that would never come to rest.
    """
    as_rtlil(component)
    fields = port_fields(component)
    members = component.signature.members
    seen: list[Values] = []

    async def bench(context: Any) -> None:
        for values in stimulus:
            ports = dict.fromkeys((name for name in members if members[name].flow is In), 0)
            for name, value in values.items():
                port, low, width = fields[name]
                ports[port] |= (value & ((1 << width) - 1)) << low
            for port, bits in ports.items():
                context.set(_plain(component, port), bits)
            words = {port: context.get(_plain(component, port)) for port in members}
            seen.append({name: number(words[port] >> low, width) for name, (port, low, width) in fields.items()})
            await context.tick()

    top = Module()
    top.submodules.dut = component
    top.d.sync += Signal(name="clocked").eq(1)  # there is a clock, even if the component has no register
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    if waves is None:
        simulator.run()
    else:
        with simulator.write_vcd(str(waves)):
            simulator.run()
    return seen


def as_rtlil(component: Any) -> str:
    """A component in the language of Yosys. Raises CombinationalCycle, and says where, if a value depends on itself."""
    try:
        return str(rtlil.convert(component, name="top"))
    except CombinationalCycle as found:
        steps = re.findall(r"([^\s/\\]+:\d+): (.+) bit \d+", str(found))
        way = " → ".join(dict.fromkeys(f"{what} ({place})" for place, what in steps))
        raise CombinationalCycle(f"a loop: {way}") from None


def _plain(component: Any, port: str) -> Any:
    signal = getattr(component, port)
    return signal.as_value() if hasattr(signal, "as_value") else signal


def number(bits: int, width: int) -> int:
    """The lowest ``width`` bits as they are shown: in two's complement if there are more than two."""
    bits &= (1 << width) - 1
    return bits - (1 << width) if width > 2 and bits >> (width - 1) else bits


def read_table(path: Path = TABLE) -> dict[str, list[tuple[int, Values]]]:
    """The test table: case → for each cycle its line in the file, and the cells that are not empty.

    Columns of inputs are what to drive, columns of outputs what must be seen in that same cycle.
    """
    cases: dict[str, list[tuple[int, Values]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            cells = {name.strip(): cell.strip() for name, cell in row.items() if name != "case"}
            cases.setdefault(row["case"].strip(), []).append((line, {n: int(c) for n, c in cells.items() if c}))
    return cases


def inputs(component: Any, values: Mapping[str, int]) -> Values:
    """Those of the values that are a component's inputs."""
    members, fields = component.signature.members, port_fields(component)
    return {name: value for name, value in values.items() if members[fields[name][0]].flow is In}


def as_text(seen: Sequence[Mapping[str, int]], names: Sequence[str] | None = None, start: int = 0) -> str:
    """Recorded cycles as a table: a line for each signal, a column for each cycle, the first called ``start``."""
    rows = [["cycle", *(str(start + i) for i in range(len(seen)))]]
    rows += [[name, *(str(values[name]) for values in seen)] for name in names or seen[0]]
    first = max(len(row[0]) for row in rows)
    rest = max(len(text) for row in rows for text in row[1:]) + 2
    return "\n".join(row[0].ljust(first) + "".join(text.rjust(rest) for text in row[1:]) for row in rows)


def main() -> None:
    """Run the element through the table and a small product through the column; print it and write waves."""
    from column import SkewedColumn
    from element import Element
    from stimulus import product_stimulus

    warnings.simplefilter("ignore", UnusedElaboratable)  # a hole that is not written leaves half a circuit behind
    runs: list[tuple[str, Any, list[Values]]] = []
    for case, cycles in read_table().items():
        element = Element()
        runs.append((case, element, [inputs(element, cells) for _, cells in cycles]))
    product = product_stimulus([[1, 2, 3], [4, 5, 6], [-7, 8, -9]], [2, -1, 3])
    runs.append(("product", SkewedColumn(3), product))
    for title, component, stimulus in runs:
        waves = Path("waves", f"{title.replace(' ', '-')}.vcd")
        waves.parent.mkdir(exist_ok=True)
        with warnings.catch_warnings(record=True) as unused:
            warnings.simplefilter("always", UnusedElaboratable)
            try:
                print(f"{title} ({waves})\n{as_text(record(component, stimulus, waves))}\n")
            except (NotImplementedError, CombinationalCycle) as problem:
                print(f"{title}: {problem}")
                continue
        if unused:
            print("A component was made and not placed: add it to m.submodules, or it is no part of the circuit.")


if __name__ == "__main__":
    main()
