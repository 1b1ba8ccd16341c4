"""Names of operators and buffers: a graph node and the user's line that it comes from, told shortly."""

from __future__ import annotations

import re

_FOLDERS = re.compile(r"(?:^|(?<=[ (]))(?:[A-Za-z]:)?[/\\]\S*[/\\](?=[^\s/\\]+[/\\][^\s/\\]+:\d+)")
_LINE = re.compile(r"^[^\s,]+:\d+, ")


def shortened(name: str) -> str:
    """The name with the last folder and the file of an absolute path alone: it is the same wherever weft is run."""
    return _FOLDERS.sub("", name)


def placeless(name: str) -> str:
    """The name without the line that it comes from: it is the same after an edit further up."""
    return _LINE.sub("", name)
