"""Figures hold the result's values, lose no peak when thinned, and take any name as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation

from weft.reports import figures, palette
from weft.reports.ranking import rank


def test_every_figure_is_valid_svg_and_png(result: dict[str, Any]) -> None:
    drawings = figures.draw(result)
    assert list(drawings) == list(figures.FIGURES)
    for name, figure in drawings.items():
        root = ET.fromstring(figures.svg_file(figures.svg(name, figure)))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert figures.png(figure).startswith(b"\x89PNG")
        assert "http" not in figures.svg(name, figure)


def test_what_is_absent_has_no_figure(result: dict[str, Any]) -> None:
    assert list(figures.draw(result | {"accelerator": None})) == ["loss"]
    assert "loss" not in figures.draw(result | {"training": None})


def test_loss_shows_every_batch_and_the_mean_of_each_epoch(result: dict[str, Any]) -> None:
    lines = figures.loss(result).axes[0].get_lines()
    assert np.asarray(lines[0].get_ydata()).tolist() == [2.5, 1.5, 1.0, 0.75, 0.5, 0.25]
    assert np.asarray(lines[1].get_xdata()).tolist() == [1.0, 2.0]
    assert lines[1].get_ydata() == pytest.approx([5 / 3, 0.5])


def test_the_mean_of_a_single_epoch_is_a_dot(result: dict[str, Any]) -> None:
    result["training"] |= {"epochs": 1, "steps_per_epoch": 6}
    assert [line.get_marker() for line in figures.loss(result).axes[0].get_lines()[:2]] == ["None", "o"]


def test_an_empty_roofline_says_why(result: dict[str, Any]) -> None:
    said = "no operator has both products and DRAM traffic"
    assert said not in [text.get_text() for text in figures.roofline(result).axes[0].texts]
    result["accelerator"]["roofline"]["points"] = []
    assert said in [text.get_text() for text in figures.roofline(result).axes[0].texts]


@pytest.mark.parametrize("losses", [[0.0, 0.0], [None, None], [1.0, None], [3.0, 0.0]])
def test_losses_without_a_place_on_a_log_scale_do_no_harm(result: dict[str, Any], losses: list[float | None]) -> None:
    for device in result["training"]["devices"].values():
        device["losses"] = losses
    figures.svg("loss", figures.draw(result)["loss"])


def test_attribution_bars_are_as_long_as_the_events(result: dict[str, Any]) -> None:
    events, cycles = result["accelerator"]["events"], result["accelerator"]["cycles"]
    bars = [bar for bar in figures.attribution(result).axes[0].patches if isinstance(bar, Rectangle)]
    drawn = {(round(bar.get_y() + 0.35), round(bar.get_x()), round(bar.get_width())) for bar in bars}
    expected = set()
    for row, causes in enumerate(events.values()):
        left = 0
        for length in causes.values():
            if length:
                expected.add((row, left, length))
            left += length
        assert left == cycles
    assert drawn == expected


def test_roofline_points_lie_where_the_result_says(result: dict[str, Any]) -> None:
    points = [p for p in result["accelerator"]["roofline"]["points"] if p["intensity"] and p["rate"]]
    assert points
    marks = figures.roofline(result).axes[0].collections
    offsets = [np.asarray(mark.get_offsets()).tolist()[0] for mark in marks]
    assert offsets == [[p["intensity"], p["rate"]] for p in points]
    line = figures.roofline(result).axes[0].get_lines()[0]
    assert np.asarray(line.get_ydata()).max() == result["accelerator"]["roofline"]["peak"]


def test_roofline_points_of_one_name_keep_their_own_number_and_colour(result: dict[str, Any]) -> None:
    accelerator = result["accelerator"]
    (first,) = (op for op in accelerator["operators"] if op["macs"])
    second = {**first, "wasted": first["wasted"] + 1}
    accelerator["operators"] = [first, second]
    point = {"name": first["name"], "intensity": 1.0, "rate": 1.0, "active": 1}
    accelerator["roofline"]["points"] = [point, {**point, "intensity": 2.0}]
    axes = figures.roofline(result).axes[0]
    notes = [text for text in axes.texts if isinstance(text, Annotation)]
    assert {text.xy[0]: text.get_text() for text in notes if text.get_text().isdigit()} == {1.0: "2", 2.0: "1"}
    colors = [to_hex(np.asarray(mark.get_facecolor())[0]) for mark in axes.collections]
    assert colors == palette.operators(accelerator["operators"])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([[0, 9, 3]], [(0, 1, 3)]),
        ([[0, 99, 3]], [(0, 10, 3)]),
        ([[0, 9, 1], [10, 19, 1], [50, 99, 2]], [(0, 2, 1), (5, 10, 2)]),
        ([[0, 99, 1], [55, 56, 2]], [(0, 10, 1)]),
        ([[99, 99, -1]], [(9, 10, -1)]),
    ],
)
def test_coverage_gives_the_longest_instruction_of_each_column(
    rows: list[list[int]], expected: list[tuple[int, int, int]]
) -> None:
    assert figures.coverage(np.array(rows, np.int64).reshape(-1, 3), 100, 10) == expected


def test_thinning_keeps_every_peak() -> None:
    rng = np.random.default_rng(1)
    cycle = np.sort(rng.choice(100_000, 5000, replace=False))
    value = rng.integers(0, 1000, 5000)
    value[777] = 5000
    points = np.stack((cycle, value), 1).tolist()
    at, thin = figures.highest(points, 100_000, samples=50)
    assert len(at) == 51
    assert thin.max() == 5000
    for index in range(50):
        inside = (cycle >= at[index]) & (cycle < at[index + 1])
        held = value[np.searchsorted(cycle, at[index], "right") - 1] if cycle[0] <= at[index] else 0
        assert thin[index] == max(held, value[inside].max(initial=0))
    exact, levels = figures.highest(points, 100_000, samples=5000)
    assert exact[:-1].tolist() == cycle.tolist()
    assert levels[:-1].tolist() == value.tolist()


def test_bandwidth_keeps_the_bytes_when_thinned(result: dict[str, Any]) -> None:
    rng = np.random.default_rng(2)
    windows, window = 3000, 8
    result["accelerator"]["cycles"] = windows * window
    result["accelerator"]["dram"] |= {"window": window, "capacity": 30.0}
    for stream in palette.STREAMS:
        result["accelerator"]["dram"][stream] = rng.integers(0, 80, windows).tolist()
    for stream, area in zip(palette.STREAMS, figures.bandwidth(result).axes[0].collections, strict=True):
        x, y = np.asarray(area.get_paths()[0].vertices)[:-1].T
        enclosed = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        assert enclosed == pytest.approx(sum(result["accelerator"]["dram"][stream]))


def test_bandwidth_of_the_last_window_is_over_the_cycles_that_it_has(result: dict[str, Any]) -> None:
    result["accelerator"]["cycles"] = 20
    result["accelerator"]["dram"] |= {"window": 8, "capacity": 4.0, "read": [8, 32, 16]}
    result["accelerator"]["dram"] |= {"write": [0] * 3, "fetch": [0] * 3}
    area = figures.bandwidth(result).axes[0].collections[list(palette.STREAMS).index("read")]
    x, y = np.asarray(area.get_paths()[0].vertices)[:6].T
    assert x.tolist() == [0, 8, 8, 16, 16, 20]
    assert y.tolist() == [1, 1, 4, 4, 4, 4]


def test_the_roofline_says_the_channels_rate_in_sensible_digits(result: dict[str, Any]) -> None:
    result["accelerator"]["roofline"]["bandwidth"] = 8 / 3
    assert "2.67 B/cycle" in [text.get_text() for text in figures.roofline(result).axes[0].texts]


def test_any_name_is_plain_text(result: dict[str, Any]) -> None:
    result["training"]["devices"]["accel"]["label"] = "$\\frac{1}$ <b> 矩阵"
    figure = figures.draw(result)["loss"]
    assert "$\\frac{1}$ &lt;b&gt; 矩阵" in figures.svg("loss", figure)
    figures.png(figure)


def test_operators_share_rank_and_colour_by_their_figures() -> None:
    described = [{"wasted": float(w), "active": a} for w, a in zip([1, 9, 9, 4] * 3, range(12), strict=True)]
    assert rank(described) == [10, 1, 2, 7, 11, 3, 4, 8, 12, 5, 6, 9]
    colors = palette.operators(described)
    assert colors[11] == palette.OPERATORS[0]
    assert colors[:5] == [palette.OTHER] * 5
    assert len(set(colors)) == len(palette.OPERATORS) + 1


def test_text_on_a_colour_reads_well() -> None:
    def luminance(color: str) -> float:
        channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for color in (*palette.CAUSES.values(), *palette.OPERATORS, palette.OTHER):
        dark, light = sorted((luminance(color), luminance(palette.ink_on(color))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, color
