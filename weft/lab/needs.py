"""The optional packages of a lab: looked for before grading."""

from __future__ import annotations

import importlib.util

from isa.errors import MissingToolError
from weft.lab.tree import Lab


def missing(lab: Lab) -> list[str]:
    """Packages that the lab needs and that are not installed."""
    return [name for name in lab.needs if importlib.util.find_spec(name) is None]


def require(lab: Lab) -> None:
    """Raise MissingToolError that says what to install if the lab needs what is not there."""
    if absent := missing(lab):
        raise MissingToolError(
            f"lab {lab.name} needs {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed: "
            "pip install 'weft[labs]'"
        )
