"""Parameters of which plain ``pytest`` takes the first few: the rest is ``thorough`` work, which ``.ci/run`` does."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def sampled(values: Iterable[object], first: int) -> list[object]:
    """``values`` for ``parametrize``, those after the ``first`` of them marked thorough."""
    return [pytest.param(value, marks=() if i < first else pytest.mark.thorough) for i, value in enumerate(values)]
