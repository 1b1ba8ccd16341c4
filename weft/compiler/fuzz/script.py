"""A failing graph as a Python program that builds it, gives it its values and judges it again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from weft.compiler.fuzz.trial import Mismatch
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array

_HEAD = '''"""{device}: {text}"""

import numpy as np

from weft.compiler.fuzz.subjects import subjects
from weft.compiler.fuzz.trial import judge
from weft.framework.builder import GraphBuilder
from weft.framework.dtypes import DTYPES

b = GraphBuilder()
n = []
'''
_TAIL = """graph = b.build({outputs}, {updates})
values = {{
{values}}}
(subject,) = subjects(({device!r},), turn={turn})
print(judge(subject, graph, values, steps={steps}).problem)
"""


def script(graph: Graph, values: Mapping[str, Array], problem: Mismatch, turn: int, steps: int) -> str:
    """The program; ``turn``: see ``subjects.subjects``."""
    lines: list[str] = []
    for node in graph.nodes:
        attributes = "".join(f", {name}={value!r}" for name, value in node.attrs)
        inputs = "".join(f", n[{i}]" for i in node.inputs)
        lines.append(f"n.append(b.apply({node.op!r}{inputs}{attributes}))  # %{len(lines)}: {node.type_text}\n")
    tail = _TAIL.format(
        outputs="{" + ", ".join(f"{name!r}: n[{i}]" for name, i in graph.outputs) + "}",
        updates="{" + ", ".join(f"{name!r}: n[{i}]" for name, i in graph.updates) + "}",
        values="".join(f"    {name!r}: {_array(values[name])},\n" for name in graph.input_names),
        device=problem.device, turn=turn, steps=steps,
    )  # fmt: skip
    text = problem.text.replace("\\", "/").replace('"', "'")
    return _HEAD.format(device=problem.device, text=text) + "".join(lines) + tail


def _array(value: Array) -> str:
    """An array as an expression: its numbers, where these say everything, else its bytes."""
    dtype = f"DTYPES[{'bool' if value.dtype == np.bool_ else str(value.dtype)!r}].numpy"
    if value.dtype == np.bool_:
        dtype = "DTYPES['bool'].numpy"
    numbers = value.astype(np.float64)
    if value.size and np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all() and not (
        np.signbit(numbers) & (numbers == 0)
    ).any():
        return f"np.array({numbers.astype(np.int64).tolist()}, np.int64).astype({dtype})"
    return f"np.frombuffer(bytes.fromhex({value.tobytes().hex()!r}), {dtype}).reshape({value.shape})"
