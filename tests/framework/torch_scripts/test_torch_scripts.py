"""Small scripts as a user writes them, each run under torch and under weft with nothing but its imports changed."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.framework.comparing import IMPORTS, compare
from tests.framework.torch_scripts import autograd, broadcasting, indexing, modules, views
from weft.framework.device import use_device

TOPICS: tuple[ModuleType, ...] = (indexing, views, broadcasting, autograd, modules)


def scripts() -> Iterator[tuple[str, str]]:
    """What each script shows, and its source."""
    for topic in TOPICS:
        for shows, source in topic.SCRIPTS.items():
            yield f"{topic.__name__.rpartition('.')[2]}: {shows}", IMPORTS + getattr(topic, "PRELUDE", "") + source


SCRIPTS = dict(scripts())


@pytest.mark.parametrize("shows", SCRIPTS)
def test_a_script_leaves_the_same(shows: str) -> None:
    compare(SCRIPTS[shows])


@pytest.mark.thorough
@pytest.mark.parametrize("shows", SCRIPTS)
def test_a_script_leaves_the_same_on_the_cpu(shows: str) -> None:
    with use_device("cpu"):
        compare(SCRIPTS[shows])


def test_there_are_enough_scripts() -> None:
    assert len(SCRIPTS) >= 200
