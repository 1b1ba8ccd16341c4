"""What can go wrong between data and a training loop."""

from __future__ import annotations

from weft.base.errors import printable
from weft.framework.errors import FrameworkError


class DataError(FrameworkError, ValueError):
    """Arguments of a data set, sampler or loader that do not fit together."""


class LengthError(DataError, TypeError):
    """Something without a length where one is needed: to Python it is what ``len`` raises, so ``list`` goes on."""


class CollateError(FrameworkError, RuntimeError, TypeError):
    """Samples that no batch can be made of; the message names the field that differs."""


class WorkerError(FrameworkError, RuntimeError):
    """A worker process that failed, died or took too long. One that failed is also of the kind that it failed with."""

    def __str__(self) -> str:
        """The text as it is: of a ``KeyError`` too, which would show it in quotes."""
        return printable("".join(map(str, self.args)))
