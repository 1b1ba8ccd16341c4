"""What a grader writes with: ``@check``, ``@measure``, ``expect``; and ``Unwritten``, which fills a starter's holes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from weft.lab.differences import first_difference, short

T = TypeVar("T")


class Unwritten(NotImplementedError):
    """Raised where the student's code is still to come; ``hole`` names the place."""

    def __init__(self, hole: str) -> None:
        super().__init__(f"'{hole}' is not written yet")
        self.hole = hole


class Difference(AssertionError):
    """A check that found something else than it expected; all three parts are text for the student."""

    def __init__(self, what: str, expected: str, actual: str) -> None:
        super().__init__(f"{what}: expected {expected}, got {actual}")
        self.what, self.expected, self.actual = what, expected, actual


@dataclass(frozen=True)
class Check(Generic[T]):
    """One check of a hole. ``what`` and ``bound`` are set where it measures cycles."""

    hole: str
    function: Callable[[], T]
    what: str | None = None
    bound: int | None = None

    @property
    def title(self) -> str:
        """The first line of the function's docstring, which the student reads."""
        return (inspect.getdoc(self.function) or self.function.__name__).partition("\n")[0]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def __call__(self) -> T:
        return self.function()


def check(hole: str) -> Callable[[Callable[[], None]], Check[None]]:
    """The function checks ``hole``: it returns if all is well and calls :func:`expect` or raises otherwise."""
    return lambda function: Check(hole, function)


def measure(hole: str, what: str, *, bound: int) -> Callable[[Callable[[], int]], Check[int]]:
    """The function checks ``hole`` and returns its simulated cycles, judged against the reference in ``lock.toml``.

    ``what`` names the figure, ``bound`` is a number of cycles that nothing can go below; derive it in the docstring.
    """
    return lambda function: Check(hole, function, what, bound)


def expect(actual: Any, expected: Any, what: str, *, rtol: float | None = None, atol: float = 0.0) -> None:
    """Raise :class:`Difference` at the first place where ``actual`` is not ``expected``.

    Arrays, lists, tuples, dictionaries, sets and lines of text are compared element by element and the first that
    differs is named. With ``rtol`` or ``atol``, numbers may differ by ``atol + rtol × |expected|``. NaN equals NaN. An
    array's dtype is not compared; a list equals a tuple of the same elements.
    """
    found = first_difference(actual, expected, rtol, atol)
    if found is not None:
        raise Difference(f"{what}{found.place}", short(found.expected), short(found.actual))
