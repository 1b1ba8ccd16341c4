"""A graph drawn as SVG: its inputs above, its results below, one box a node, coloured by the layer that it belongs to.

Numbers are written into the boxes that read them, so that a line is always a value that is computed or given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from xml.sax.saxutils import escape

import numpy as np

from weft.base.errors import WeftError
from weft.compiler.layered import Layout, layered
from weft.framework.graph import Graph, node_line
from weft.framework.names import extents, node_name, place_of

MOST_DRAWN = 1500
"""Boxes; no one would find a way through more."""
_HEIGHT, _ACROSS, _DOWN, _MARGIN = 38.0, 16.0, 30.0, 24.0
_LETTER = 6.7
"""Pixels that a letter takes at the size used, about."""
_HUE = 137.5
"""Degrees between the colours of two layers: the golden angle, under which any number of them lie apart."""
_STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1b2330}.op{font-weight:bold}.title{font-size:14px}"
    "path{fill:none;stroke:#8a94a3;stroke-width:1.1}rect{stroke:#5b6675}.backward{stroke-dasharray:4 2}"
    ".update{stroke-dasharray:1 2}.end{fill:#1b2330}.end+text{fill:#ffffff}"
)


def svg(graph: Graph, title: str, shown: Collection[int] | None = None) -> str:
    """The drawing of a graph, or of the nodes ``shown`` of it, as an SVG document; pointing at a box says all of it.

    Boxes of a backward pass have a dashed rim, those of an update a dotted one. Raises WeftError for more than
    ``MOST_DRAWN`` nodes.
    """
    numbers = _numbers(graph)
    nodes = [i for i in (range(len(graph.nodes)) if shown is None else sorted(shown)) if i not in numbers]
    if len(nodes) > MOST_DRAWN:
        raise WeftError(f"{title} has {len(nodes):,} nodes to draw, {MOST_DRAWN:,} at most; choose one layer of it")
    box = {i: n for n, i in enumerate(nodes)}
    ends = [(f"{kind} {name}", i) for kind, pairs in (("output", graph.outputs), ("update", graph.updates))
            for name, i in pairs if i in box]  # fmt: skip
    texts = [(_operation(graph, i, numbers), _type(graph, i)) for i in nodes]
    widths = [_LETTER * max(map(len, lines)) + 16 for lines in texts] + [_LETTER * len(end) + 16 for end, _ in ends]
    edges = dict.fromkeys((box[source], box[i]) for i in nodes for source in graph.nodes[i].inputs if source in box)
    layout = layered(widths, [*edges, *((box[i], len(nodes) + n) for n, (_, i) in enumerate(ends))],
                     _HEIGHT, _ACROSS, _DOWN)  # fmt: skip
    places = dict.fromkeys(filter(None, (_place(graph, i) for i in nodes)))
    colours = {place: f"hsl({n * _HUE % 360:.0f},70%,88%)" for n, place in enumerate(places)}
    body = [*_lines(layout)]
    for n, i in enumerate(nodes):
        about = f"{node_line(i, graph.nodes[i])}  # {node_name(graph, i)}"
        fill = colours.get(_place(graph, i), "#f2f4f7")
        body += _box(layout.centres[n], widths[n], texts[n], _rim(graph, i), fill, about)
    for n, (end, _) in enumerate(ends, len(nodes)):
        body += _box(layout.centres[n], widths[n], (end,), "end", "#1b2330", end)
    return _document(title, layout, colours, body)


def _numbers(graph: Graph) -> Mapping[int, str]:
    """Nodes that are one known number everywhere, and no result, as text."""
    texts: dict[int, str] = {}
    for i, node in enumerate(graph.nodes):
        if node.op == "constant" and node.size == 1:
            texts[i] = str(np.frombuffer(node.attr("value"), node.dtype.numpy)[0])
        elif node.op in ("broadcast_to", "reshape") and node.inputs[0] in texts:
            texts[i] = texts[node.inputs[0]]
    return {i: text for i, text in texts.items() if i not in graph.results}


def _operation(graph: Graph, index: int, numbers: Mapping[int, str]) -> str:
    node = graph.nodes[index]
    if node.op == "input":
        return str(node.attr("name"))
    if node.op in ("matmul", "conv"):
        return f"{node.op} {node_name(graph, index).rpartition(', ')[2]}"
    if any(source in numbers for source in node.inputs):
        return f"{node.op}({', '.join(numbers.get(source, '·') for source in node.inputs)})"
    axes = dict(node.attrs).get("axes")
    return node.op if axes is None else f"{node.op} over {', '.join(map(str, axes)) or 'no axis'}"


def _type(graph: Graph, index: int) -> str:
    node = graph.nodes[index]
    return node.type_text if node.further else f"{node.dtype} {extents(node.shape)}" if node.shape else str(node.dtype)


def _place(graph: Graph, index: int) -> str:
    origin = graph.nodes[index].origin
    return place_of(origin)[0] if origin and graph.nodes[index].op != "input" else ""


def _rim(graph: Graph, index: int) -> str:
    origin = graph.nodes[index].origin
    role = origin.role if origin else ""
    return "update" if role.endswith("update") else "backward" if role.endswith(("gradient", "backward")) else "node"


def _lines(layout: Layout) -> list[str]:
    half = _HEIGHT / 2
    found = []
    for (x0, y0), (x1, y1) in layout.routes:
        middle = (y0 + y1) / 2
        found.append(f'<path d="M{x0:.1f} {y0:.1f}V{y0 + half:.1f}C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} '
                     f'{x1:.1f} {y1 - half:.1f}V{y1:.1f}"/>')  # fmt: skip
    return found


def _box(
    centre: tuple[float, float], width: float, lines: tuple[str, ...], kind: str, fill: str, about: str
) -> list[str]:
    (x, y), first = centre, centre[1] + 4 - 7 * (len(lines) - 1)
    texts = [f'<text class="{"op" if n == 0 else "type"}" x="{x:.1f}" y="{first + 14 * n:.1f}" '
                  f'text-anchor="middle">{escape(line)}</text>' for n, line in enumerate(lines)]  # fmt: skip
    return [
        f"<g><title>{escape(about)}</title>",
        f'<rect class="{kind}" x="{x - width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{width:.1f}" '
        f'height="{_HEIGHT:.0f}" rx="5" fill="{fill}"/>',
        *texts,
        "</g>",
    ]


def _document(title: str, layout: Layout, colours: Mapping[str, str], body: list[str]) -> str:
    legend, y = [], _MARGIN + 18.0
    for place, colour in colours.items():
        y += 18
        legend.append(f'<rect x="{_MARGIN:.0f}" y="{y - 10:.0f}" width="12" height="12" fill="{colour}"/>')
        legend.append(f'<text x="{_MARGIN + 18:.0f}" y="{y:.0f}">{escape(place)}</text>')
    longest = max(map(len, (title, *colours)))
    width = max(layout.width, _LETTER * longest * 1.3) + 2 * _MARGIN
    top = y + 24
    height = top + layout.height + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            '<rect width="100%" height="100%" fill="#ffffff" stroke="none"/>',
            f'<text class="op title" x="{_MARGIN:.0f}" y="{_MARGIN + 8:.0f}">{escape(title)}</text>',
            *legend,
            f'<g transform="translate({(width - layout.width) / 2:.1f} {top:.1f})">',
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )
