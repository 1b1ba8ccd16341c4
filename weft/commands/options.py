"""Options that several verbs share, and the values they turn into."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from isa.errors import WeftError
from isa.machine import Machine
from sim.run import Engine

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("fast", "rtl", "pysim", "interp")


if TYPE_CHECKING:
    _SettingType = click.ParamType[tuple[str, int]]
    _PathType = click.ParamType[Path]
else:
    _SettingType = _PathType = click.ParamType


class _Setting(_SettingType):
    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        key, equals, number = str(value).partition("=")
        try:
            if not equals:
                raise ValueError
            return key.strip(), int(number, 0)
        except ValueError:
            self.fail(f"'{value}' is not key=integer, such as dram.latency=37", param, ctx)


class _Output(_PathType):
    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from weft.files import obstacle

        path = Path(value)
        if (reason := obstacle(path)) is not None:
            self.fail(reason, param, ctx)
        return path


OUTPUT = _Output()
"""The type of an option that names a file to write: refused before any work is done for it."""


def machine_options(default: str | None = "edu") -> Callable[[F], F]:
    """``--machine`` and ``--set``; combine them with :func:`machine_of`."""

    def add(function: F) -> F:
        function = click.option(
            "--set", "settings", type=_Setting(), multiple=True, help="Change a machine key, e.g. dram.latency=37."
        )(function)
        shown = default if default is not None else "the program's own"
        return click.option(
            "--machine", "machine", default=default, metavar="NAME|FILE.toml", help=f"The machine [default: {shown}]."
        )(function)

    return add


def machine_of(name: str, settings: tuple[tuple[str, int], ...]) -> Machine:
    """The machine that ``--machine`` and ``--set`` describe."""
    from isa.machine import load

    return load(name, dict(settings))


def engine_option(default: str = "fast") -> Callable[[F], F]:
    """``--engine``."""
    return click.option(
        "--engine", type=click.Choice(ENGINES), default=default, show_default=True, help="What runs programs."
    )


def seed_option(function: F) -> F:
    """``--seed``."""
    return click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")(function)


def json_option(function: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(function)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, indent=2, sort_keys=False))


def engine_of(name: str) -> Engine:
    """The engine called ``name``."""
    from sim.engines import get_engine

    return get_engine(name)


def engines_of(names: str) -> list[Engine]:
    """The engines of a list such as ``fast,rtl``; a comparison needs two. Raises WeftError."""
    chosen = [engine_of(name.strip()) for name in names.split(",")]
    if len(chosen) < 2:
        raise WeftError(f"--engines {names}: one engine alone is compared with nothing; give two, such as fast,rtl")
    return chosen
