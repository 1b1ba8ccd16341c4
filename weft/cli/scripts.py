"""``train.py:step`` as what a verb works on: which words mean a script's function, and which options it has none of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weft.cli.printing import say

if TYPE_CHECKING:
    from weft.programs import BoundStep

script_words = click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- WORDS FOR THE SCRIPT]")
"""What follows ``--``: the script's own arguments."""


def file_of(target: str) -> Path:
    """The file that a target is read from, if it is one."""
    from weft.scripts import split

    script = split(target)
    return Path(target) if script is None else script[0]


def step_of_script(
    target: str,
    words: tuple[str, ...],
    machine: str | None,
    settings: tuple[tuple[str, int], ...],
    unused: Mapping[str, bool],
) -> BoundStep | None:
    """The step that ``target`` is if it names a script's function; None for anything else.

    It is said on stderr which call was taken. unused: option → whether it is given, of those that a script has no use
    for. Raises click.UsageError for one that is, and for words that no script takes.
    """
    from weft.programs import script_step
    from weft.scripts import split

    script = split(target)
    if script is None:
        if words:
            raise click.UsageError(f"unexpected words: {' '.join(words)}; only a script (train.py:step) takes more")
        return None
    for option, given in unused.items():
        if given:
            raise click.UsageError(f"{target} is a script, which sets up its model itself: leave out {option}")
    step = script_step(*script, machine, settings, words)
    say(step.said, err=True)
    return step
