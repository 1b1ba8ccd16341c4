"""Where the boxes of a drawn graph go: in rows from the sources down, lines short and straight, with few crossings.

After K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures" (IEEE Trans.
SMC 11(2), 1981): rows by the longest path, a line through several rows as a chain of points, order within rows by
barycentres. Places within a row are the nearest to what its neighbours ask for that keep order and distance.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Point = tuple[float, float]
Route = tuple[Point, ...]
_SWEEPS = 16
_POINT_WIDTH = 6.0
_STRAIGHT = 4.0
"""How much more a point of a line than a box insists on its place: long lines are straight."""


class Layout(NamedTuple):
    """The centre of each box, the points of each line (once where several share it), and the size of all."""

    centres: tuple[Point, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def layered(
    widths: Sequence[float], edges: Sequence[tuple[int, int]], height: float, across: float, down: float
) -> Layout:
    """Places for boxes of these ``widths`` and one ``height``, joined by ``edges`` from lower to higher indices.

    across, down: the least distance between boxes of a row, and the distance of rows.
    """
    rows = _rows(len(widths), edges)
    sizes, rank = list(widths), list(rows)
    links: dict[tuple[int, int], None] = {}
    chains: dict[int, list[int]] = {}  # a box's line down: one point a row, shared by all who read it
    for source, target in sorted(edges, key=lambda edge: rows[edge[1]]):
        chain = chains.setdefault(source, [source])
        while rank[chain[-1]] < rank[target] - 1:
            sizes.append(_POINT_WIDTH)
            rank.append(rank[chain[-1]] + 1)
            links[chain[-1], len(rank) - 1] = None
            chain.append(len(rank) - 1)
        links[chain[rank[target] - rank[source] - 1], target] = None
    above: list[list[int]] = [[] for _ in rank]
    below: list[list[int]] = [[] for _ in rank]
    for upper, lower in links:
        below[upper].append(lower)
        above[lower].append(upper)
    order = _ordered([[v for v in range(len(rank)) if rank[v] == r] for r in range(max(rank, default=-1) + 1)],
                     above, below)  # fmt: skip
    x = _placed(order, sizes, above, below, across, len(widths))
    left = min((x[v] - sizes[v] / 2 for v in x), default=0.0)
    points = [(x[v] - left, rank[v] * (height + down) + height / 2) for v in range(len(rank))]
    width = max((points[v][0] + sizes[v] / 2 for v in x), default=0.0)
    routes = tuple((points[upper], points[lower]) for upper, lower in links)
    return Layout(tuple(points[: len(widths)]), routes, width, len(order) * (height + down) - down if order else 0.0)


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest path to each box; one that nothing leads to stands right above the first that reads it."""
    rows, readers = [0] * count, dict[int, list[int]]()
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        rows[target] = max(rows[target], rows[source] + 1)
        readers.setdefault(source, []).append(target)
    fed = {target for _, target in edges}
    for source in readers.keys() - fed:
        rows[source] = min(rows[target] for target in readers[source]) - 1
    return rows


def _ordered(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """The order of each row with the fewest crossings that sweeping down and up comes by."""
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for r in range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1):
            fixed = {v: n for n, v in enumerate(rows[r - 1 if downwards else r + 1])}
            near = above if downwards else below
            own = {v: n for n, v in enumerate(rows[r])}
            rows[r].sort(key=lambda v: _mean([fixed[u] for u in near[v]], own[v]))
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: list[list[int]], below: list[list[int]]) -> int:
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {v: n for n, v in enumerate(lower)}
        ends: list[int] = []  # of the lines so far, ascending
        for v in upper:
            mine = sorted(place[u] for u in below[v])
            total += sum(len(ends) - bisect.bisect_right(ends, end) for end in mine)
            for end in mine:
                bisect.insort(ends, end)
    return total


def _placed(
    rows: list[list[int]], sizes: list[float], above: list[list[int]], below: list[list[int]], across: float, boxes: int
) -> Mapping[int, float]:
    x = {v: n * across for row in rows for n, v in enumerate(row)}
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([x[u] for u in (*above[v], *below[v])], x[v]) for v in row]
            distances = [(sizes[a] + sizes[b]) / 2 + across for a, b in itertools.pairwise(row)]
            weights = [1.0 if v < boxes else _STRAIGHT for v in row]
            x.update(zip(row, apart(wanted, weights, distances), strict=True))
    return x


def apart(wanted: Sequence[float], weights: Sequence[float], distances: Sequence[float]) -> list[float]:
    """The places nearest to ``wanted`` (weighted squares) that keep the order and the ``distances`` between neighbours.

    Isotonic regression by pooling adjacent violators (R. E. Barlow et al., 1972).
    """
    offsets = [0.0]
    for distance in distances:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, float, int]] = []  # (mean, weight, members)
    for place, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, total, members = place - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, more = blocks.pop()
            mean, total, members = (mean * total + before * heavy) / (total + heavy), total + heavy, members + more
        blocks.append((mean, total, members))
    means = [mean for mean, _, members in blocks for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
