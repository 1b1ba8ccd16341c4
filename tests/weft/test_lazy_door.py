"""The front door is lazy, and nothing behind it is missing (docs/decisions/0008-lazy-front-door.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import weft


@pytest.mark.parametrize("name", [name for name in dir(weft) if not name.startswith("_")])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(weft, name) is not None


def test_importing_the_door_imports_nothing_dear(fresh_python: Callable[..., Any]) -> None:
    done = fresh_python("import weft, sys; print([m for m in ('numpy', 'numba', 'click') if m in sys.modules])")
    assert (done.code, done.out) == (0, "[]\n"), done.err
