"""The report as one offline HTML page, as a folder of files, and as a fragment for notebooks, from the result alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from weft.reports import figures, palette, text
from weft.reports.advice import rest
from weft.reports.embed import packed
from weft.reports.metrics import SHARE
from weft.reports.ranking import rank
from weft.reports.result import dumps
from weft.reports.summary import compared, drawn_points, machine_rows, not_drawn, tiles

Result = Mapping[str, Any]
_PAGE_COLORS = {figures.INK: "var(--ink)", figures.FAINT: "var(--line)"}
"""Colours of a figure that follow the page's light or dark."""


def render(result: Result) -> str:
    """The page's HTML: everything inline, nothing fetched. ``result`` is the report's JSON object."""
    return _render(result, {name: figures.svg(name, figure) for name, figure in figures.draw(result).items()})


def write_all(directory: Path, result: Result) -> None:
    """Write ``index.html``, ``result.json``, ``figures/*.svg`` and ``*.png`` below ``directory``, made if need be."""
    write_page(directory, result)
    write_pictures(directory, result)


def write_page(directory: Path, result: Result) -> None:
    """All of that but the PNG files."""
    elements = {name: figures.svg(name, figure) for name, figure in figures.draw(result).items()}
    write(directory / "index.html", _render(result, elements))
    write(directory / "result.json", dumps(result))
    for name, element in elements.items():
        write(directory / "figures" / f"{name}.svg", figures.svg_file(element))


def write_pictures(directory: Path, result: Result) -> None:
    """The PNG files alone."""
    for name, figure in figures.draw(result).items():
        write(directory / "figures" / f"{name}.png", figures.png(figure))


def warm_up() -> None:
    """Load what the first report of a process would load: compiled templates, fonts, both ways of drawing."""
    _environment({"metrics": {}}).get_template("page.html")
    figure = figures.sample()
    figures.svg("sample", figure)
    figures.png(figure)


def fragment(result: Result) -> str:
    """The report's heart for a notebook's cell: tiles, advice, stalls and operators, styled within itself."""
    return _environment(result).get_template("fragment.html").render(_values(result) | {"glossary": False})


def write(path: Path, content: str | bytes) -> None:
    """Write a file of the report; what makes the report whole or not at all is the folder (``weft.files.filling``)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _render(result: Result, elements: Mapping[str, str]) -> str:
    inline = {name: Markup(_inline(element)) for name, element in elements.items()}
    if "roofline" in inline:
        inline["roofline"] = _labelled(inline["roofline"], result)
    values = _values(result) | {
        "figures": inline,
        "packed": packed(result) if result["accelerator"] else "",
        "devices": compared(result),
        "glossary": True,
    }
    return _environment(result).get_template("page.html").render(values)


class _Compiled(BytecodeCache):
    """Templates are compiled once a process, though every result has an environment of its own."""

    store: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.store:
            bucket.bytecode_from_string(self.store[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.store[bucket.key] = bucket.bytecode_to_string()


def _environment(result: Result) -> Environment:
    loader, shown = PackageLoader("weft.reports"), set[str]()
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        bytecode_cache=_Compiled(),
    )  # fmt: skip
    environment.filters |= text.FILTERS
    environment.globals |= {
        "metrics": result["metrics"],
        "explain": _explainer(result, shown),
        "shown": shown,
        "rest": rest,
        "unit_text": unit_text,
        "cause_color": palette.cause,
        "ink_on": palette.ink_on,
        "other": palette.OTHER,
        "labelled": figures.LABELLED,
        "streams": palette.STREAMS,
        # Styles and scripts are ours and hold no data, so they go in as they are.
        "source": lambda name: Markup(loader.get_source(environment, name)[0]),
    }
    return environment


def unit_text(unit: str) -> str:
    """A metric's unit as a page says it."""
    return f"{SHARE}, in %" if unit == SHARE else unit


def _explainer(result: Result, shown: set[str]) -> Callable[[str], str]:
    """``shown`` collects what was asked for: the glossary at the page's end holds that and no more."""

    def explain(key: str) -> str:
        """What a metric means, for hover and focus; empty if the result does not say."""
        metric = result["metrics"].get(key)
        if metric is None:
            return ""
        shown.add(key)
        unit = unit_text(metric["unit"])
        said = f"{metric['name']}{f' [{unit}]' if unit else ''}\n= {metric['formula']}"
        return said + (f"\ndenominator: {metric['denominator']}" if metric["denominator"] else "")

    return explain


def _values(result: Result) -> dict[str, Any]:
    accelerator = result["accelerator"]
    values: dict[str, Any] = {"result": result, "accelerator": accelerator, "tiles": tiles(result)}
    if accelerator:
        described = accelerator["operators"]
        rows = zip(rank(described), palette.operators(described), described, strict=True)
        values["operators"] = sorted(rows, key=lambda row: row[0])
        values["causes"] = list(dict.fromkeys(cause for events in accelerator["events"].values() for cause in events))
        values["drawn"], values["not_drawn"] = drawn_points(result), not_drawn(result)
        values["machine"] = machine_rows(accelerator["machine"])
    return values


def _inline(svg: str) -> str:
    for color, variable in _PAGE_COLORS.items():
        svg = svg.replace(color, variable)
    return svg


def _labelled(svg: Markup, result: Result) -> Markup:
    """Give every point of the roofline what it is, for hover and focus."""
    said = str(svg)
    for index, (_, point) in enumerate(drawn_points(result)):
        label = escape(
            f"{point['name']}: {point['intensity']:,.2f} MACs/byte, {point['rate']:,.2f} MACs/cycle, "
            f"{point['active']:,} active cycles"
        )
        mark = f'<g tabindex="0" role="img" aria-label="{label}" data-tip="{label}"><title>{label}</title>'
        said = said.replace(f'<g id="point-{index}">', mark, 1)
    return Markup(said)
