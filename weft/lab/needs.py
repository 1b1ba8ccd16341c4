"""The optional packages of a lab: looked for before grading."""

from __future__ import annotations

import importlib.util
import re
from importlib import metadata

from isa.errors import MissingToolError
from weft.lab.tree import Lab

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def requirement(package: str) -> str:
    """What to ask pip for: the version of ``package`` that the installed weft names, else the bare name."""
    for line in metadata.requires("weft") or ():
        asked = line.partition(";")[0].strip()
        if distribution(asked) == package:
            return asked
    return package


def distribution(requirement: str) -> str:
    """The package that a requirement such as ``amaranth[builtin-yosys]==0.5.10`` is for, as it is imported."""
    found = _NAME.match(requirement)
    return found[0].lower().replace("-", "_") if found else requirement


def missing(lab: Lab) -> list[str]:
    """Packages that the lab needs and that are not installed."""
    return [name for name in lab.needs if importlib.util.find_spec(name) is None]


def require(lab: Lab) -> None:
    """Raise MissingToolError that says what to install if the lab needs what is not there."""
    if absent := missing(lab):
        raise MissingToolError(
            f"lab {lab.name} needs {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed: "
            f"pip install {' '.join(repr(requirement(name)) for name in absent)}"
        )
