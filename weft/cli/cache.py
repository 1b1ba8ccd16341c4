"""``weft cache``: what is kept from run to run, and its removal."""

from __future__ import annotations

from typing import Any

import click

from weft.cli.options import json_option, print_json
from weft.cli.printing import say
from weft.groups import VerbGroup

SCHEMA = 1


@click.group("cache", cls=VerbGroup)
def command() -> None:
    """Show or clear what is kept from run to run: compiled kernels, built models of the hardware.

    WEFT_CACHE names the folder, WEFT_CACHE_LIMIT how much it may hold (such as 500M; 2G without it, 0 keeps nothing).
    What was used least recently makes room. Damaged files, and those of other users, are made again.
    """


def described() -> dict[str, Any]:
    """The cache as plain data. ``problem``: why nothing is kept, or None."""
    from weft.base.cache.keeper import KINDS, keeper

    kept = keeper()
    kinds = {kind: {"entries": 0, "bytes": 0} for kind in KINDS}
    for kind, _, status in kept.entries():
        kinds[kind]["entries"] += 1
        kinds[kind]["bytes"] += status.st_size
    return {
        "schema": SCHEMA,
        "folder": None if kept.folder is None else str(kept.folder),
        "limit": kept.limit,
        "bytes": sum(kind["bytes"] for kind in kinds.values()),
        "kinds": kinds,
        "problem": kept.problem(),
    }


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Say where the cache is and what is in it (in bytes)."""
    found = described()
    if as_json:
        print_json(found)
        return
    say(f"{found['folder'] or '(no folder)'}: {found['bytes']:,} of {found['limit']:,} bytes")
    for kind, held in found["kinds"].items():
        say(f"{kind:8} {held['entries']:5,} files {held['bytes']:14,} bytes")
    if found["problem"]:
        say(f"nothing is kept: {found['problem']}")


@command.command("clear")
@json_option
def clear(as_json: bool) -> None:
    """Remove everything in the cache; it is made again when it is needed."""
    from weft.base.cache.keeper import keeper

    kept = keeper()
    freed = kept.clear()
    if as_json:
        print_json({"schema": SCHEMA, "folder": None if kept.folder is None else str(kept.folder), "freed": freed})
    else:
        say(f"{kept.folder or '(no folder)'}: {freed:,} bytes freed")
