"""When and by which command a report was made: the head of its page."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from weft.base.errors import WeftError

EPOCH = "SOURCE_DATE_EPOCH"
"""The variable by which builds that are to give the same bytes each time name the time, in seconds since 1970."""


def made() -> dict[str, str]:
    """Plain data: ``at``, the time in UTC to the second, or that of SOURCE_DATE_EPOCH; ``command``, the command line of
    this process ("" in a session typed line by line). Raises WeftError for a SOURCE_DATE_EPOCH that is no time."""
    return {"at": _time().strftime("%Y-%m-%d %H:%M:%S UTC"), "command": _command()}


def _time() -> datetime:
    given = os.environ.get(EPOCH)
    if given is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError):
        raise WeftError(f"{EPOCH}={given[:40]}: must be whole seconds since 1970, such as 1700000000") from None


def _command() -> str:
    program, *arguments = sys.argv or [""]
    typed = hasattr(sys, "ps1") or program in ("", "-c")
    path = Path(program)
    name = path.parent.name if path.name == "__main__.py" else path.name  # python -m weft
    return "" if typed else shlex.join([name, *arguments])
