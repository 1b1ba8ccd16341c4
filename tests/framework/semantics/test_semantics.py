"""Small scripts as a user writes them, each run under torch and under weft with changed imports: equal results."""

from __future__ import annotations

import pytest

from tests.framework import comparing
from tests.framework.semantics import autograd, hooks, transforms

TABLES = (autograd, hooks, transforms)
SCRIPTS = {
    f"{table.__name__.rpartition('.')[2]}: {name}": table.PRELUDE + script
    for table in TABLES
    for name, script in table.CASES.items()
}


@pytest.mark.filterwarnings("ignore:::torch")
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_leaves_what_it_leaves_under_torch(name: str) -> None:
    comparing.compare(SCRIPTS[name])


def test_a_difference_is_seen() -> None:
    """The comparison is one: a script that weft is told to run differently is reported."""
    with pytest.raises(AssertionError, match="result"):
        comparing.compare(autograd.PRELUDE + "import sys\nresult = x * (2 if 'weft' in torch.__name__ else 3)")
