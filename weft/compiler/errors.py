"""The errors of a graph that a target cannot run, and of a compiler that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weft.framework.errors import FrameworkError


class CompileError(FrameworkError, ValueError):
    """A graph that a target cannot run; the message names the node, the reason and what would be right."""


class InternalError(CompileError):
    """A defect of the compiler itself, met at ``where`` (a node or kernel); no graph should ever bring one about."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        super().__init__(
            f"{where}: the compiler failed here ({what}); this is a defect of weft, not of the model: please report it "
            "with the graph, which print(graph) shows; nearest: compute this part with device='cpu'"
        )


@contextmanager
def failing_at(where: Callable[[], str], passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Inside, any exception that is no message for a user becomes an InternalError that names ``where()``.

    passing: exceptions that mean something to the caller and go through.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (FrameworkError, MemoryError, *passing)):
            raise
        raise InternalError(where(), f"{type(error).__name__}: {error}") from error
