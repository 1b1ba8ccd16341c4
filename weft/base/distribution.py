"""What pip knows weft by: the distribution's name, its version, and the command that installs a part of it.

The import package and the command are ``weft``; on the package index that name belongs to another project.
"""

from __future__ import annotations

from importlib import metadata

NAME = "weftml"
VERSION = "0.1.0"
"""Said here alone: ``pyproject.toml`` and ``weft.__version__`` take it from here."""


SOURCE = f"pip download --no-deps --no-binary {NAME} {NAME}"
"""The command that brings the source distribution, which holds docs, labs, examples and tests as well."""


def install(extra: str = "") -> str:
    """The command that brings weft, or what an ``extra`` adds: ``pip install 'weftml[rtl]'``."""
    return f"pip install '{NAME}[{extra}]'" if extra else f"pip install {NAME}"


def installed() -> metadata.Distribution | None:
    """The installed distribution; None where weft runs without one, from a folder that is on Python's path."""
    try:
        return metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return None
