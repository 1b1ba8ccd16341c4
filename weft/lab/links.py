"""Relative links of the labs' texts: rewritten for where a copy stands, plain words where nothing is there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

_LINK = re.compile(r"!?\[([^\[\]]*)\]\(([^()#:\s]+\.\w+|[^()#:\s]+/)(#[^()\s]*)?\)")


def targets(text: str) -> list[str]:
    """The relative links of a text, without what stands behind ``#``."""
    return [found[2] for found in _LINK.finditer(text)]


def relink(text: str, change: Callable[[str], str | None]) -> str:
    """The text with every relative link leading to ``change(link)``; its words alone where that is None."""

    def changed(found: re.Match[str]) -> str:
        new = change(found[2])
        begin = found[0][: found.start(2) - found.start()]
        return found[1] if new is None else f"{begin}{new}{found[3] or ''})"

    return _LINK.sub(changed, text)


def moved(text: str, source: Path, target: Path, beside: Collection[str] = ()) -> str:
    """The text of a page of ``source`` for the folder ``target``, where the files ``beside`` stand too."""

    def change(link: str) -> str | None:
        if link in beside:
            return link
        place = (source / link).resolve()
        return Path(os.path.relpath(place, target.resolve())).as_posix() if place.exists() else None

    return relink(text, change)


def without_dead_links(text: str, folder: Path) -> str:
    """The text of a page in ``folder`` with the words alone of every relative link that leads nowhere."""
    return relink(text, lambda link: link if (folder / link).exists() else None)
