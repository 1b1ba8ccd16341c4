"""Checks a built documentation site: every link and anchor leads somewhere, and no page loads anything from elsewhere.

python -m tests.site FOLDER
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
"""Element → the attribute by which a browser loads something without being asked."""
NAMED = ("canonical", "next", "prev", "search", "author", "copyright", "index", "help", "license")
"""Relations of a ``link`` that load nothing."""
ALONE = ("_modules/index.html",)
"""Pages that Sphinx makes and nothing has to lead to."""
FROM_STYLE = re.compile(r"url\(\s*['\"]?((?:https?:)?//[^)'\"\s]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Page(HTMLParser):
    """What one page has: anchors, links, and what is loaded with it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.anchors |= {has[name] for name in ("id", "name") if name in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag == "form" and "action" in has:
            self.links.append(has["action"])
        if tag == "link" and "href" in has and has.get("rel", "") not in NAMED:
            self.loads.append(has["href"])
        if tag in LOADS and LOADS[tag] in has:
            self.loads.append(has[LOADS[tag]])
        self.loads += [first or second for first, second in FROM_STYLE.findall(has.get("style", ""))]


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def complaints(folder: Path) -> Iterator[str]:
    """One line for each thing that is wrong."""
    pages = {path.resolve(): read(path) for path in sorted(folder.rglob("*.html"))}
    linked = {(folder / name).resolve() for name in ("index.html", *ALONE)}
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for url in page.loads:
            parts = urlsplit(url)
            if parts.netloc:
                yield f"{name} loads {url}"
            elif parts.path and not parts.scheme and not (path.parent / unquote(parts.path)).exists():
                yield f"{name} loads {url}, which is not there"
        for url in page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            linked |= {target} if target != path else set()
            if not target.is_file():
                yield f"{name} links to {url}, which is not there"
            elif target in pages and parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name} links to {url}, which has no such anchor"
    for style in sorted(folder.rglob("*.css")):
        for first, second in FROM_STYLE.findall(style.read_text(encoding="utf-8")):
            if urlsplit(first or second).netloc:
                yield f"{style.relative_to(folder)} loads {first or second}"
    yield from (f"{path.relative_to(folder.resolve())}: no page leads to it" for path in pages if path not in linked)


if __name__ == "__main__":
    found = list(complaints(Path(sys.argv[1])))
    print("\n".join(found) or "the site is whole")
    sys.exit(bool(found))
