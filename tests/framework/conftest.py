"""The framework is tested alone: everything runs on the NumPy reference device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weft.framework.device import use_device
from weft.framework.random import manual_seed


@pytest.fixture(autouse=True)
def numpy_device() -> Iterator[None]:
    manual_seed(0)
    with use_device("numpy"):
        yield
