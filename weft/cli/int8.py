"""``--int8`` and how it is calibrated: options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weft.cli.options import ChoiceOption

if TYPE_CHECKING:
    from weft.quantised import Calibration

F = TypeVar("F", bound=Callable[..., Any])


def int8_options(what: str) -> Callable[[F], F]:
    """``--int8`` (help text ``what``), ``--calibration`` and ``--percentile``; see :func:`calibration_of`."""

    def add(function: F) -> F:
        function = click.option(
            "--percentile", type=click.FloatRange(0, 100, min_open=True), default=None, metavar="P",
            help="Share of magnitudes that must not saturate, in per cent [default: 99.9].",
        )(function)
        function = click.option(
            "--calibration", type=ChoiceOption(["minmax", "percentile"]), default=None,
            help="How int8 ranges are chosen from the training data [default: minmax].",
        )(function)
        return click.option("--int8", "int8", is_flag=True, help=what)(function)

    return add


def calibration_of(int8: bool, calibration: str | None, percentile: float | None) -> Calibration | None:
    """What the options describe; None without ``--int8``. Raises click.UsageError for options that do not fit."""
    from weft.quantised import DEFAULT_PERCENTILE, Calibration

    if not int8:
        for name, value in (("--calibration", calibration), ("--percentile", percentile)):
            if value is not None:
                raise click.UsageError(f"{name} says how int8 is calibrated; add --int8")
        return None
    method = calibration or "minmax"
    if method != "percentile" and percentile is not None:
        raise click.UsageError("--percentile needs --calibration percentile")
    return Calibration(method, DEFAULT_PERCENTILE if percentile is None else percentile)
