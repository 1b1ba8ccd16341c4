"""Where the cache is, how large it may grow, and whose files are believed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import platformdirs

from weft.base.errors import WeftError

FOLDER, LIMIT = "WEFT_CACHE", "WEFT_CACHE_LIMIT"
"""The environment variables that name the cache's folder and the most bytes it may hold."""
DEFAULT_LIMIT = 2 << 30
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def folder() -> Path | None:
    """The cache's folder: ``$WEFT_CACHE``, else the user's cache directory; None for a user who has no home."""
    chosen = os.environ.get(FOLDER)
    try:
        place = Path(chosen).absolute() if chosen else Path(platformdirs.user_cache_dir("weft"))
    except RuntimeError:
        return None
    return place if place.is_absolute() else None  # older platformdirs leave the "~" of a home that nobody knows


def limit() -> int:
    """The most bytes that the cache may hold: ``$WEFT_CACHE_LIMIT``, else 2 GiB. Raises WeftError."""
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return DEFAULT_LIMIT
    match = re.fullmatch(r"(\d{1,15}) ?([KMGT]?)(?:i?B)?", text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise WeftError(
            f"{LIMIT}={text!r} is no size; give bytes, or a number with K, M, G or T, such as 500M; 0 keeps nothing"
        )
    return int(match[1]) << _UNITS[match[2].upper()]


def distrust(status: os.stat_result, is_folder: bool = False) -> str | None:
    """Why what has this status is not believed: code is loaded from the cache, so nobody else may have written it.

    None for a regular file or a folder of this user's, or of root's, that no other user may write. (In a folder with
    the sticky bit, others can add files but not replace ours.)
    """
    mode = status.st_mode
    if not (stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)):
        return f"is not a {'folder' if is_folder else 'regular file'}"
    if not hasattr(os, "geteuid"):
        return None  # Windows: a user's profile is closed to others
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to another user (uid {status.st_uid})"
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not (is_folder and mode & stat.S_ISVTX):
        return "may be written by other users (chmod go-w)"
    return None
