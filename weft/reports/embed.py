"""What the page's script draws, packed small: times as differences, all of it compressed into one line of text."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.reports import palette
from weft.reports.ranking import rank

MOST = 400_000
"""Intervals that a page holds at most; beyond, the shortest are left out and the page says how many."""


def packed(result: Mapping[str, Any]) -> str:
    """The accelerator's part of the result that changes over time, as base64 of a zlib stream of JSON.

    Each interval list is sorted by start and becomes four arrays: ``start`` (difference to the one before), ``span``
    (cycles from start to retirement), ``operator`` (-1: none) and ``pc``. Steps over time become differences too.
    """
    accelerator = result["accelerator"]
    described = accelerator["operators"]
    colors, ranks = palette.operators(described), rank(described)
    units, omitted = kept(accelerator["intervals"])
    data = {
        "cycles": accelerator["cycles"],
        "units": {unit: _intervals(rows) for unit, rows in units.items()},
        "omitted": omitted,
        "instructions": list(accelerator["instructions"]),
        "operators": [
            {"name": entry["name"], "color": color, "rank": place}
            for entry, color, place in zip(described, colors, ranks, strict=True)
        ],
        "memories": {name: _memory(memory) for name, memory in accelerator["memories"].items()},
        "dram": accelerator["dram"],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def kept(
    units: Mapping[str, Sequence[Sequence[int]]], most: int = MOST
) -> tuple[dict[str, npt.NDArray[np.int64]], int]:
    """The intervals of each unit, int64 [n, 4] by start, the longest ``most`` in all; and how many were left out."""
    arrays = {unit: np.asarray(rows, np.int64).reshape(-1, 4) for unit, rows in units.items()}
    spans = np.concatenate([rows[:, 1] - rows[:, 0] for rows in arrays.values()] or [np.zeros(0, np.int64)])
    keep = np.zeros(len(spans), bool)
    keep[np.argsort(-spans, kind="stable")[:most]] = True
    chosen, at = {}, 0
    for unit, rows in arrays.items():
        mine = rows[keep[at : at + len(rows)]]
        at += len(rows)
        chosen[unit] = mine[np.argsort(mine[:, 0], kind="stable")]
    return chosen, int((~keep).sum())


def _intervals(rows: npt.NDArray[np.int64]) -> dict[str, list[int]]:
    return {
        "start": np.diff(rows[:, 0], prepend=0).tolist(),
        "span": (rows[:, 1] - rows[:, 0] + 1).tolist(),
        "operator": rows[:, 2].tolist(),
        "pc": rows[:, 3].tolist(),
    }


def _memory(memory: Mapping[str, Any]) -> dict[str, Any]:
    points = np.asarray(memory["points"], np.int64).reshape(-1, 2)
    return {
        "capacity": memory["capacity"],
        "cycle": np.diff(points[:, 0], prepend=0).tolist(),
        "bytes": points[:, 1].tolist(),
        "buffers": [[b["name"], b["address"], b["bytes"], b["from"], b["to"]] for b in memory["buffers"]],
    }
