"""Options that several verbs share, and the values they turn into."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from weft.base.errors import WeftError
from weft.isa.machine import Machine
from weft.isa.text import suggestion
from weft.sim.run import Engine

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("fast", "rtl", "pysim", "interp")

_MOST_DIGITS = 80  # of a number on the command line: 64 bits in any notation, and shown in an error


if TYPE_CHECKING:
    _SettingType = click.ParamType[tuple[str, int]]
    _PathType = click.ParamType[Path]
    _NameType = click.ParamType[str]
    _ChoiceType = click.Choice[str]
else:
    _SettingType = _PathType = _NameType = click.ParamType
    _ChoiceType = click.Choice


class _Setting(_SettingType):
    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        key, equals, number = str(value).partition("=")
        try:
            if not equals or len(number) > _MOST_DIGITS:
                raise ValueError
            return key.strip(), int(number, 0)
        except ValueError:
            self.fail(f"'{_short(value)}' is not key=integer, such as dram.latency=37", param, ctx)


class WholeNumber(click.IntRange):
    """The type of an option that is an integer from ``least`` to ``most``, both of at most 64 bits."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if len(str(value)) > _MOST_DIGITS:
            self.fail(f"'{_short(value)}' is not an integer from {self.min} to {self.max}", param, ctx)
        return super().convert(value, param, ctx)


CYCLES = WholeNumber(1, (1 << 62) - 1)
"""The type of ``--max-cycles``: engines count cycles in 64 bits."""

COUNT = WholeNumber(1, (1 << 31) - 1)
"""The type of an option that says how many."""

SEED = WholeNumber(0, (1 << 63) - 1)
"""The type of ``--seed``."""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"


class ChoiceOption(_ChoiceType):
    """The type of an option that is one of a few words; of a misspelt one it says which was meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        words = [str(choice) for choice in self.choices]
        return f"'{_short(value)}' is not one of {', '.join(map(repr, words))}{suggestion(_short(value), words)}"


class InputFile(_PathType):
    """The type of an argument or option that names a file of one of these kinds (attributes of ``weft.kinds``).

    A file that is known to be of another kind is refused, with what takes it; all else is left to its reader.
    """

    name = "file"

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        self.check(str(value), param, ctx)
        return Path(value)

    def check(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        from weft import kinds

        if (reason := kinds.refusal(value, tuple(getattr(kinds, kind) for kind in self._kinds))) is not None:
            self.fail(reason, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class _Output(_PathType):
    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from weft.files import obstacle

        if not str(value):
            self.fail("the name is empty; give the name of a file", param, ctx)
        path = Path(value)
        if (reason := obstacle(path)) is not None:
            self.fail(reason, param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


class OutputFolder(_PathType):
    """The type of an option that names a directory to write ``files`` into: refused before any work is done for it."""

    name = "directory"

    def __init__(self, files: Iterable[str] = ()) -> None:
        self._files = tuple(files)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from weft.files import folder_obstacle

        if not str(value):
            self.fail("the name is empty; give the name of a directory ('.' is this one)", param, ctx)
        path = Path(value)
        if (reason := folder_obstacle(path, self._files)) is not None:
            self.fail(reason, param, ctx)
        return path


OUTPUT = _Output()
"""The type of an option that names a file to write: refused before any work is done for it."""


class _Named(_NameType):
    """A name, or a file of these ``kinds``; ``names`` are those that a shell offers, asked for only when needed."""

    def __init__(self, name: str, names: Callable[[], Iterable[str]], *kinds: str) -> None:
        self.name, self._names, self._files = name, names, InputFile(*kinds) if kinds else None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if self._files is not None and value not in self._names():
            self._files.check(str(value), param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]
        return found or ([CompletionItem(incomplete, type="file")] if self._files else [])


def _presets() -> Iterable[str]:
    from weft.isa.machine import presets

    return presets()


def _models() -> Iterable[str]:
    from weft.models import RECIPES

    return RECIPES


MACHINE = _Named("machine", _presets, "MACHINE")
MODEL = _Named("model", _models)
MODEL_OR_SCRIPT = _Named("model or script", _models)
MODEL_OR_FILE = _Named("model or file", _models, "PROGRAM")
DEVICE = ChoiceOption(["accel", "cpu", "numpy"])


def machine_options(default: str | None = "edu") -> Callable[[F], F]:
    """``--machine`` and ``--set``; combine them with :func:`machine_of`."""

    def add(function: F) -> F:
        function = click.option(
            "--set", "settings", type=_Setting(), multiple=True, help="Change a machine key, e.g. dram.latency=37."
        )(function)
        shown = default if default is not None else "edu, or that of the program or script"
        return click.option(
            "--machine", type=MACHINE, default=default, metavar="NAME|FILE.toml",
            help=f"The machine [default: {shown}].",
        )(function)  # fmt: skip

    return add


def machine_of(name: str, settings: tuple[tuple[str, int], ...]) -> Machine:
    """The machine that ``--machine`` and ``--set`` describe."""
    from weft.isa.machine import load

    return load(name, dict(settings))


def engine_option(default: str = "fast") -> Callable[[F], F]:
    """``--engine``."""
    return click.option(
        "--engine", type=ChoiceOption(ENGINES), default=default, show_default=True, help="What runs programs."
    )


def seed_option(function: F) -> F:
    """``--seed``."""
    return click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of everything random.")(function)


def seed_given() -> bool:
    """Whether the command line that runs names a ``--seed``."""
    source = click.get_current_context().get_parameter_source("seed")
    return source is not click.core.ParameterSource.DEFAULT


def json_option(function: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(function)


def keep_apart(option: str, outputs: Path | Iterable[Path] | None, *inputs: str | Path | None) -> None:
    """Refuse ``outputs``, which ``option`` names, if one is a file that is read: it would be destroyed. Inputs may be
    names of models or machines, which are no files. Raises click.UsageError."""
    from weft.files import same_file

    for output in [outputs] if isinstance(outputs, Path) else outputs or ():
        for read in inputs:
            if read is not None and Path(read).is_file() and same_file(Path(read), output):
                told = "is read" if str(read) == str(output) else f"is {read}, which is read"
                raise click.UsageError(f"{option}: {output} {told}, and would be overwritten; give another name")


def refuse_unused(device: str) -> None:
    """Refuse options about the accelerator where it is not used. Raises click.UsageError."""
    context = click.get_current_context()
    for name, option in (("machine", "--machine"), ("settings", "--set"), ("engine", "--engine")):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} has no meaning with --device {device}; leave it out, or use accel")


def print_json(value: Any) -> None:
    """One JSON object on stdout. A figure that is no finite number is null: JSON has no NaN and no infinity."""
    click.echo(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def engine_of(name: str) -> Engine:
    """The engine called ``name``."""
    from weft.sim.engines import get_engine

    return get_engine(name)


def engines_of(names: str) -> list[Engine]:
    """The engines of a list such as ``fast,rtl``; a comparison needs two. Raises WeftError."""
    chosen = [engine_of(name.strip()) for name in names.split(",")]
    if len(chosen) < 2:
        raise WeftError(f"--engines {names}: one engine alone is compared with nothing; give two, such as fast,rtl")
    return chosen
