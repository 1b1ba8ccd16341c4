"""A jitted function that reads modules: the user's own may import one another, installed ones are let be."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor

# Files of the user, beside his script: which import which, and what the last one computes with.
OWN: dict[str, dict[str, str]] = {
    "two that import one another": {
        "weft_own_a": "import weft_own_b\nSCALE = 2.0",
        "weft_own_b": "import weft_own_a\nOFFSET = 1.0",
        "weft_own_use": "import weft_own_a, weft_own_b\ndef f(x): return x * weft_own_a.SCALE + weft_own_b.OFFSET",
    },
    "one that imports itself": {
        "weft_own_a": "import weft_own_a\nSCALE = 2.0\nOFFSET = 1.0",
        "weft_own_use": "import weft_own_a\ndef f(x): return x * weft_own_a.weft_own_a.SCALE + weft_own_a.OFFSET",
    },
    "a circle of three": {
        "weft_own_a": "import weft_own_b\nSCALE = 2.0",
        "weft_own_b": "import weft_own_c\nOFFSET = 1.0",
        "weft_own_c": "import weft_own_a",
        "weft_own_use": "import weft_own_a as a\n"
        "def f(x): return x * a.weft_own_b.weft_own_c.weft_own_a.SCALE + a.weft_own_b.OFFSET",
    },
}
LIBRARY = """
class Thing:
    size = 1
    def __init__(self):
        self.scale = 2.0
    def __len__(self):
        return SETTING
SETTING = 1
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules can be imported, and are gone afterwards."""
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("weft_own"):
            del sys.modules[name]


def loaded(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The last of some modules, after they were written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(list(files)[-1])


@pytest.mark.parametrize("case", OWN)
def test_modules_that_import_one_another(case: str, modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use = loaded(modules, OWN[case], monkeypatch)
    step = jit(use.f)
    assert step(tensor([1.0])).tolist() == [3.0]
    sys.modules["weft_own_a"].SCALE = 5.0  # type: ignore[attr-defined]  # a module of this test
    assert step(tensor([1.0])).tolist() == [6.0]


@pytest.mark.parametrize("folder", ["lib/python3.11/site-packages", "usr/lib/python3/dist-packages"])
def test_what_an_installed_package_holds_is_not_compared(
    folder: str, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = loaded(modules / folder, {"weft_own_package": LIBRARY}, monkeypatch)
    thing = package.Thing()

    @jit
    def step(x: Tensor) -> Tensor:
        return x * float(thing.scale) * len(thing)

    assert step(tensor([1.0])).tolist() == [2.0]
    package.SETTING = 7
    assert step(tensor([1.0])).tolist() == [2.0]
    assert step.traces == 1
