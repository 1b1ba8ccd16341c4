"""The public names of ``weft``: read from the stub that type checkers read, imported when they are first used.

So there is one list, ``weft/__init__.pyi``, and what a checker accepts is what there is.
"""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from weft.edition import LEFT_OUT, refusal

STUB = "__init__.pyi"
__framework__ = True
"""A user's line is never in here (``framework.origin``)."""


@cache
def homes() -> Mapping[str, tuple[str, str]]:
    """Public name → the module that it comes from, and its name there; none for a module of ``weft`` itself."""
    stub = pkgutil.get_data("weft", STUB)
    assert stub is not None, "the stub is installed beside weft/__init__.py"
    return {
        alias.asname or alias.name: (f"weft.{alias.name}", "") if node.module == "weft" else (node.module, alias.name)
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }


def public(name: str) -> Any:
    """What ``weft.<name>`` is. Raises AttributeError, naming the nearest names, or MissingToolError for what this
    edition leaves out."""
    if name in LEFT_OUT:
        raise refusal(f"weft.{name}")
    if name in homes():
        module, own = homes()[name]
        found = __import__(module, fromlist=[own or "__name__"])  # as `from module import own` does it
        return getattr(found, own) if own else found
    if LEFT_OUT or name.startswith("__"):
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    from weft.framework.refusals import UnknownNameError

    raise UnknownNameError("weft", name, homes())
