"""The page shows what the result says, explains every metric, escapes every name, and fetches nothing."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.reports import embed
from weft.reports.page import fragment, render, write_all
from weft.reports.ranking import rank
from weft.sim.stalls import largest_stall

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'too' $x_{$ </style> 矩阵"
LIMIT = 5 * 2**20
TABLE_KEYS = ("wasted", "active", "floor", "utilisation", "macs", "dram_bytes", "intensity", "instructions")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of every cell and heading of the operators' table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {key: value or "" for key, value in attrs}))

    def having(self, *keys: str) -> list[dict[str, str]]:
        return [attributes for _, attributes in self.all if all(key in attributes for key in keys)]


def unpacked(html: str) -> dict[str, Any]:
    """What the page's script draws."""
    found = re.search(r'<script type="text/plain" id="packed">([^<]*)</script>', html)
    assert found is not None
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return data


@pytest.mark.smoke
def test_nothing_comes_from_outside(result: dict[str, Any]) -> None:
    for html in (render(result), fragment(result)):
        assert "http" not in html.replace("http-equiv", "")
        assert not re.search(r'\b(?:src|href)="(?!#)', html)
        assert not re.search(r"@import|url\((?!#)|\bimport\(|\bfetch\(|XMLHttpRequest", html)
    assert "default-src 'none'" in render(result)


def test_every_metric_is_explained_on_hover_focus_and_in_the_glossary(result: dict[str, Any]) -> None:
    elements = Elements(render(result))
    shown = {each["data-metric"]: each for each in elements.having("data-metric")}
    ids = {each["id"] for each in elements.having("id")}
    assert set(shown) == set(result["metrics"])
    for key, metric in result["metrics"].items():
        said = shown[key]["title"]
        unit = "share, in %" if metric["unit"] == "share" else metric["unit"]
        assert f" [{unit}]\n" in said if unit else " [" not in said.partition("\n")[0]
        assert metric["formula"] in said
        assert metric["denominator"] in said
        assert shown[key]["aria-describedby"] == f"metric-{key}"
        assert f"metric-{key}" in ids
    for tag, each in elements.all:
        if "data-metric" in each:
            assert tag == "button" or each["tabindex"] == "0", "the keyboard reaches it"


def test_operators_table_holds_the_results_numbers_by_wasted_time(result: dict[str, Any]) -> None:
    html = render(result)
    table = html[html.index('id="operators"') : html.index('id="stalls"')]
    values = [json.loads(value) for value in re.findall(r'data-value="([^"]+)"', table)]
    described = result["accelerator"]["operators"]
    order = sorted(range(len(described)), key=lambda index: -described[index]["wasted"])
    expected = [value for place, index in enumerate(order, 1)
                for value in (place, *(described[index][key] for key in TABLE_KEYS))]  # fmt: skip
    assert values == expected
    for entry in described:
        assert f">{entry['active']:,}</td>" in table
        assert f"{100 * entry['utilisation']:.1f}\u202f%</span></td>" in table


def test_stall_bars_add_up_to_the_cycles_of_every_unit(result: dict[str, Any]) -> None:
    accelerator = result["accelerator"]
    for html in (render(result), fragment(result)):
        bars = re.findall(r'<div class="bar" role="group" aria-label="(\w+)">(.*?)</div>', html, re.DOTALL)
        sums = {unit: sum(map(int, re.findall(r'data-cycles="(\d+)"', bar))) for unit, bar in bars}
        assert sums == dict.fromkeys(accelerator["events"], accelerator["cycles"])
    matrix = accelerator["events"]["matrix"]
    assert f"matrix, busy: {matrix['busy']:,} of {accelerator['cycles']:,} cycles" in render(result)


def test_summary_and_devices_show_the_results_numbers(result: dict[str, Any]) -> None:
    html, accelerator = render(result), result["accelerator"]
    head = html[: html.index("</header>")]
    dram = sum(sum(accelerator["dram"][stream]) for stream in ("read", "write", "fetch"))
    assert f"<dd>{accelerator['cycles']:,}<small>product, batch 20</small>" in head
    assert f"<dd>{100 * accelerator['utilisation']:.1f}\u202f%<small>of 16 MACs/cycle</small>" in head
    assert f"<dd>{dram:,}\u202fbytes" in head
    for shown in ("98.75\u202f%", "final loss 0.5000", "250\u202fµs"):
        assert shown in head
    devices = html[html.index('id="devices"') : html.index('id="operators"')]
    assert f"<td>{accelerator['cycles'] / 0.00025 / 1e6:.2f}\u202fMHz</td>" in devices
    assert "a processor, 2 threads" in devices


def test_the_largest_stall_is_what_the_terminal_names(result: dict[str, Any]) -> None:
    events = {
        f"{unit}.{cause}": n for unit, causes in result["accelerator"]["events"].items() for cause, n in causes.items()
    }
    name, cycles = largest_stall(events) or ("", 0)
    assert name
    head = render(result)[: render(result).index("</header>")]
    assert f"<small>{name}, {cycles:,} cycles</small>" in head


def test_the_roofline_says_what_it_leaves_out(result: dict[str, Any]) -> None:
    template = result["accelerator"]["operators"][0]
    bare = [template | {"name": f"bare {n}", "macs": 0, "intensity": 0.0} for n in range(2)]
    result["accelerator"]["operators"] += [*bare, template | {"name": "on chip", "dram_bytes": 0, "intensity": 0.0}]
    html = render(result)
    section = html[html.index('<section id="roofline"') : html.index('<section id="timeline"')]
    assert "Without a point: 2 operators that have no product</summary>\n<p>bare 0; bare 1</p>" in section
    assert "Without a point: 1 operator that moves nothing over DRAM</summary>\n<p>on chip</p>" in section
    assert "<svg" in section
    result["accelerator"]["operators"], result["accelerator"]["roofline"]["points"] = bare, []
    html = render(result)
    section = html[html.index('<section id="roofline"') : html.index('<section id="timeline"')]
    assert "Nothing to draw: no operator has both products and DRAM traffic." in section
    assert "<svg" not in section


def test_a_page_of_one_device_explains_no_more_than_it_shows(result: dict[str, Any]) -> None:
    assert "The same graph, rounded alike" in render(result)
    result["training"] |= {"epochs": 1, "steps_per_epoch": 6}
    del result["training"]["devices"]["accel"]
    elements = Elements(html := render(result | {"accelerator": None}))
    assert "rounded alike" not in html
    assert re.search(r"Trained from seed 3;\s+1 epoch of\s+6 steps\.", html)
    ids = {each["id"].removeprefix("metric-") for each in elements.having("id") if each["id"].startswith("metric-")}
    assert ids == {each["data-metric"] for each in elements.having("data-metric")}
    assert "cycles" not in ids
    assert "loss" in ids


def test_a_share_is_stored_as_one_and_said_to_be_shown_in_per_cent(result: dict[str, Any]) -> None:
    assert result["metrics"]["utilisation"]["unit"] == "share"
    html = render(result)
    assert "<dt>utilisation <small>share, in %</small></dt>" in html
    assert "utilisation [share, in %]" in html


def test_advice_is_ranked_with_its_evidence_and_saving(result: dict[str, Any]) -> None:
    accelerator = result["accelerator"]
    accelerator["advice"] = [
        {"title": "First <b>", "evidence": "because of 1,234", "saving": 4321, "share": 0.25},
        {"title": "Second", "evidence": "so", "saving": 12, "share": 0.01},
    ]
    accelerator["trials"] = {
        "how": "each alone", "no_gain": [{"title": "Worse", "saving": -7}], "not_tried": ["Third"],
        "impossible": [{"title": "Fourth", "why": "<b>"}],
    }  # fmt: skip
    accelerator["findings"] = [{"title": "Seen", "evidence": "in 9,876", "concerned": 5432, "share": 0.125}]
    html = render(result)
    assert html.index("First &lt;b&gt;") < html.index("because of 1,234") < html.index("4,321 cycles")
    assert html.index("25.0\u202f%") < html.index("Second")
    for text in ("Worse, +7 cycles", "Not tried (--tries all tries them): Third", "Cannot be: Fourth (&lt;b&gt;)"):
        assert text in html
    assert html.index("each alone") < html.index("First &lt;b&gt;") < html.index("Worse, ") < html.index("in 9,876")
    assert html.index("in 9,876") < html.index("5,432 cycles")
    accelerator["advice"], accelerator["findings"] = [], []
    html = render(result)
    assert "No change that was tried saves enough" in html
    assert 'id="findings"' not in html


def test_what_the_script_draws_is_the_result(result: dict[str, Any]) -> None:
    accelerator, drawn = result["accelerator"], unpacked(render(result))
    for unit, rows in accelerator["intervals"].items():
        packed = drawn["units"][unit]
        start = np.cumsum(packed["start"])
        again = np.stack((start, start + packed["span"] - 1, packed["operator"], packed["pc"]), 1)
        assert sorted(again.tolist()) == sorted(rows)
    assert drawn["omitted"] == 0
    assert drawn["cycles"] == accelerator["cycles"]
    assert drawn["instructions"] == accelerator["instructions"]
    assert drawn["dram"] == accelerator["dram"]
    assert [each["rank"] for each in drawn["operators"]] == rank(accelerator["operators"])
    for name, memory in accelerator["memories"].items():
        packed = drawn["memories"][name]
        assert [list(p) for p in zip(np.cumsum(packed["cycle"]).tolist(), packed["bytes"], strict=True)] == [
            list(p) for p in memory["points"]
        ]
        assert [row[0] for row in packed["buffers"]] == [buffer["name"] for buffer in memory["buffers"]]


def test_beyond_the_limit_the_shortest_intervals_are_left_out() -> None:
    rows = [[10 * i, 10 * i + i % 5, 0, i] for i in range(20)]
    kept, omitted = embed.kept({"load": rows[::2], "store": rows[1::2]}, most=8)
    assert omitted == 12
    assert sorted(int(end - start) for unit in kept.values() for start, end, *_ in unit) == [3] * 4 + [4] * 4
    for unit in kept.values():
        assert (np.diff(unit[:, 0]) > 0).all()


def test_hostile_names_are_text_everywhere(result: dict[str, Any]) -> None:
    accelerator = result["accelerator"]
    result["workload"]["model"] = accelerator["machine"]["name"] = HOSTILE
    result["training"]["devices"]["accel"]["label"] = result["cpu"]["device"] = HOSTILE
    for entry in (*accelerator["operators"], *accelerator["roofline"]["points"]):
        entry["name"] = HOSTILE
    accelerator["instructions"][0] = HOSTILE
    for memory in accelerator["memories"].values():
        for buffer in (*memory["buffers"], *memory["peak"]["buffers"]):
            buffer["name"] = HOSTILE
    one = {"title": HOSTILE, "evidence": HOSTILE, "why": HOSTILE, "saving": 1, "concerned": 1, "share": 0.1}
    accelerator["advice"] = accelerator["findings"] = [one]
    accelerator["trials"] = {"how": HOSTILE, "no_gain": [one], "impossible": [one], "not_tried": [HOSTILE]}
    for html in (render(result), fragment(result)):
        assert "alert(1)" in html
        assert "<script>alert" not in html
        for attributes in Elements(html).having("title"):
            assert set(attributes) <= {
                "class", "tabindex", "data-metric", "title", "aria-describedby", "role", "aria-label", "data-cycles",
                "style", "type", "data-sort", "data-view",
            }  # fmt: skip


@pytest.mark.parametrize(
    ("absent", "gone", "there"),
    [
        (["training"], ['id="loss"'], ['id="timeline"', 'id="devices"']),
        (["accelerator"], ['id="timeline"', 'id="operators"', 'id="packed"'], ['id="loss"', 'id="devices"']),
        (["cpu"], ["CPU step"], ['id="timeline"', 'id="loss"']),
        (["accelerator", "training", "cpu"], ['id="devices"', 'id="loss"'], ['id="glossary"']),
    ],
)
def test_what_was_not_measured_is_not_shown(
    result: dict[str, Any], absent: list[str], gone: list[str], there: list[str], tmp_path: Path
) -> None:
    result |= dict.fromkeys(absent)
    write_all(tmp_path, result)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not [text for text in gone if text in html]
    assert not [text for text in there if text not in html]
    links = set(re.findall(r'href="#([a-z]+)"', html))
    assert links <= {each["id"] for each in Elements(html).having("id")}
    assert fragment(result).count("<table>") == ("accelerator" not in absent)


def test_values_that_are_not_known_are_left_out(result: dict[str, Any]) -> None:
    result["workload"]["batch"] = result["cpu"]["break_even_hz"] = None
    result["training"]["devices"]["cpu"] |= {"test_accuracy": None, "final_loss": None}
    result["training"]["devices"]["cpu"]["losses"][2:] = [None] * 4
    html = render(result)
    assert "None" not in re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert "diverged" in html
    assert "batch" not in html[: html.index("</header>")]


def test_a_run_of_nothing_has_a_page(result: dict[str, Any]) -> None:
    accelerator = result["accelerator"]
    accelerator |= {"operators": [], "instructions": [], "intervals": {unit: [] for unit in accelerator["intervals"]}}
    accelerator["roofline"]["points"] = []
    accelerator["dram"] |= {"read": [], "write": [], "fetch": []}
    for memory in accelerator["memories"].values():
        memory |= {"points": [], "buffers": [], "peak": {"cycle": 0, "bytes": 0, "buffers": []}}
    html = render(result)
    assert "The program names no operators." in html
    assert "Nothing is live." in html
    fragment(result)


def test_a_long_run_fits_the_size_limit(result: dict[str, Any]) -> None:
    accelerator, rng = result["accelerator"], np.random.default_rng(0)
    cycles = 5_000_000
    for unit in accelerator["intervals"]:
        start = np.sort(rng.integers(0, cycles - 200, 25_000))
        rows = (start, start + rng.integers(0, 200, 25_000), rng.integers(-1, 1, 25_000), rng.integers(0, 9, 25_000))
        accelerator["intervals"][unit] = np.stack(rows, 1).tolist()
    accelerator["cycles"] = cycles
    for stream in ("read", "write", "fetch"):
        accelerator["dram"][stream] = rng.integers(0, 999, 20_000).tolist()
    assert len(render(result).encode()) < LIMIT / 2


def test_the_same_result_gives_the_same_bytes(result: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_all(tmp_path / name, result)
    first = {path.relative_to(tmp_path / "a"): path.read_bytes() for path in (tmp_path / "a").rglob("*.*")}
    second = {path.relative_to(tmp_path / "b"): path.read_bytes() for path in (tmp_path / "b").rglob("*.*")}
    assert first == second
    assert json.loads(first[Path("result.json")]) == result
    figures = {path.name for path in first if path.parent.name == "figures"}
    names = ("loss", "timeline", "attribution", "roofline", "occupancy", "bandwidth")
    assert figures == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    assert render(json.loads(first[Path("result.json")])).encode() == first[Path("index.html")]
