"""How tensors and graphs show in a notebook: small HTML tables that need nothing but a browser."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from weft.framework.graph import Graph, attribute_text
from weft.framework.primitives.base import Array

EDGE = 4
"""Rows and columns shown at each end of an array that is longer than twice as many."""
NODES = 200
"""Nodes of a graph shown before the rest is only counted."""

_STYLE = "font-family:monospace;border-spacing:0.8em 0;text-align:right;font-variant-numeric:tabular-nums"


def array_html(caption: str, array: Array) -> str:
    """A table of the values of an array of up to two axes; longer ones are cut in the middle, deeper ones sliced.

    caption: what stands above, as plain text.
    """
    values, note = array, ""
    while values.ndim > 2:
        values, note = values[0], note + "0, "
    if not values.size:
        return f"<div><code>{escape(caption)}</code>: no elements</div>"
    plane = values.reshape((1, -1)) if values.ndim < 2 else values
    columns = _shown(plane.shape[1])
    body = []
    for row in _shown(plane.shape[0]):
        cells = ["…" if row is None or column is None else _number(plane[row, column]) for column in columns]
        body.append(_row("td", cells))
    where = f" — the slice [{note}:, :]" if note else ""
    return f"<div><code>{escape(caption)}</code>{where}<table style='{_STYLE}'>{''.join(body)}</table></div>"


def graph_html(graph: Graph) -> str:
    """A table of the nodes of a graph, one a row, with what leaves it below."""
    head = _row("th", ("node", "operation", "inputs", "attributes", "type", "from"))
    rows = []
    for i, node in enumerate(graph.nodes[:NODES]):
        inputs = ", ".join(f"%{source}" for source in node.inputs)
        origin = str(node.origin or "")
        rows.append(_row("td", (f"%{i}", node.op, inputs, attribute_text(node), node.type_text, origin)))
    hidden = len(graph.nodes) - len(rows)
    more = f"<div>… and {hidden:,} more nodes; print the graph to see all</div>" if hidden else ""
    results = [f"output {name} = %{i}" for name, i in graph.outputs]
    results += [f"update {name} = %{i}" for name, i in graph.updates]
    return (
        f"<div><code>graph of {len(graph.nodes):,} nodes</code>"
        f"<table style='{_STYLE.replace('right', 'left')}'>{head}{''.join(rows)}</table>{more}"
        f"<pre>{escape(chr(10).join(results))}</pre></div>"
    )


def text_html(text: str) -> str:
    """Plain text as it is."""
    return f"<pre>{escape(text)}</pre>"


def _shown(extent: int) -> list[int | None]:
    """Indices shown of an axis; None stands for those left out."""
    if extent <= 2 * EDGE + 1:
        return [*range(extent)]
    return [*range(EDGE), None, *range(extent - EDGE, extent)]


def _number(value: Any) -> str:
    """Four digits of a floating-point number (bfloat16 is none of NumPy's own), every digit of another."""
    return str(value) if isinstance(value, (np.integer, np.bool_)) else f"{float(value):.4g}"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
