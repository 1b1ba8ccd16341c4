"""Small scripts as a user writes them, each run under torch and under weft with changed imports: equal results.

A function that a script calls ``step`` is compiled in a second run, which has to leave the same.
"""

from __future__ import annotations

import pytest
from _pytest.mark.structures import ParameterSet

from tests.framework import comparing
from tests.framework.semantics import (
    autograd,
    broadcasting,
    derivatives,
    distributions,
    functions,
    further_names,
    gradients,
    hooks,
    indexing,
    learning,
    mistakes,
    networks,
    packed,
    parametrized,
    shapes,
    training,
    transforms,
    views,
    writing,
)
from tests.framework.semantics.differences import DIFFERENT
from weft.framework.device import use_device

TABLES = (
    broadcasting, views, writing, indexing, shapes, networks, learning, training, mistakes, autograd, gradients, hooks,
    functions, transforms, derivatives, packed, parametrized, further_names, distributions,
)  # fmt: skip
"""Each has CASES, what is shown → script, and a PRELUDE that runs before each of them."""
SCRIPTS = {
    f"{table.__name__.rpartition('.')[2]}: {name}": table.PRELUDE + script
    for table in TABLES
    for name, script in table.CASES.items()
}
COMPILED = [name for name, script in SCRIPTS.items() if "\ndef step(" in script]


def marked(names: list[str]) -> list[ParameterSet]:
    """Parameters of a test: what is meant to differ has to."""
    differs = {name: pytest.mark.xfail(reason=why, strict=True) for name, why in DIFFERENT.items()}
    return [pytest.param(name, marks=[differs[name]] if name in differs else []) for name in names]


@pytest.mark.filterwarnings("ignore:::torch", "ignore:Full backward hook")
@pytest.mark.parametrize("name", marked(list(SCRIPTS)))
def test_a_script_leaves_what_it_leaves_under_torch(name: str) -> None:
    comparing.compare(SCRIPTS[name])


@pytest.mark.filterwarnings("ignore:::torch", "ignore:Full backward hook")
@pytest.mark.parametrize("name", marked(COMPILED))
def test_a_script_leaves_the_same_with_its_step_compiled(name: str) -> None:
    comparing.compare(SCRIPTS[name], jitted="step")


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:::torch", "ignore:Full backward hook")
@pytest.mark.parametrize("name", marked(list(SCRIPTS)))
def test_a_script_leaves_the_same_on_the_cpu(name: str) -> None:
    with use_device("cpu"):
        comparing.compare(SCRIPTS[name])


def test_there_are_enough_scripts() -> None:
    assert len(SCRIPTS) >= 400


def test_what_differs_is_a_script() -> None:
    assert not DIFFERENT.keys() - SCRIPTS.keys()


def test_a_difference_is_seen() -> None:
    """The comparison is one: a script that weft is told to run differently is reported."""
    with pytest.raises(AssertionError, match="result"):
        comparing.compare(autograd.PRELUDE + "import sys\nresult = x * (2 if 'weft' in torch.__name__ else 3)")
