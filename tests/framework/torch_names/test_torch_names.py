"""Every counted name of torch has a script that leaves the same under both, and the coverage page says which."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from tests.framework.comparing import IMPORTS, compare, compare_gradients
from tests.framework.torch_names.coverage import PAGE, page
from tests.framework.torch_names.reasons import MISSING
from tests.framework.torch_names.tables import NameCase, cases, counted, proved
from weft.framework.device import use_device

SPELT = {
    "__add__": "+", "__contains__": " in ", "__floordiv__": "//", "__format__": 'f"', "__getitem__": "[",
    "__index__": "range(", "__ipow__": "**=", "__mod__": "%", "__pow__": "**", "__reversed__": "reversed(",
    "__rpow__": "**", "__setitem__": "] =", "__xor__": "^",
}  # fmt: skip
"""Methods that Python calls for what is written otherwise."""
CASES = list(cases())


def named(case: NameCase) -> str:
    return case.names[0]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_name_means_what_it_does_in_torch(case: NameCase) -> None:
    compare(IMPORTS + case.prelude + case.script)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_its_gradient_is_torchs(case: NameCase) -> None:
    compare_gradients(IMPORTS + case.prelude, case.script)


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_name_means_the_same_on_the_cpu(case: NameCase) -> None:
    with use_device("cpu"):
        compare(IMPORTS + case.prelude + case.script)


def test_scripts_use_the_names_that_they_prove() -> None:
    listed = {f"{module}.{name}" for module, names in counted().items() for name in names}
    for case in CASES:
        for name in case.names:
            assert name in listed, name
            short = name.rpartition(".")[2]
            used = SPELT.get(short) or rf"\b{short}\b"
            found = used in case.script if short in SPELT else re.search(used, case.script)
            assert found, f"{name} is not in: {case.script}"


def test_a_name_is_there_or_its_absence_has_a_reason() -> None:
    listed = {f"{module}.{name}" for module, names in counted().items() for name in names}
    assert set(MISSING) <= listed
    assert not set(MISSING) & proved()


def test_names_are_listed_once() -> None:
    for module, names in counted().items():
        assert [name for name, times in Counter(names).items() if times > 1] == [], module
    assert sum(map(len, counted().values())) > 480


def test_the_coverage_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.framework.torch_names.coverage"


def test_scripts_are_python_of_one_idea() -> None:
    for case in CASES:
        ast.parse(case.prelude + case.script)
