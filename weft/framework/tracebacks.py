"""Tracebacks of a user's mistake show the user's lines: frames inside weft are left out unless WEFT_TRACEBACK=full.

Nothing is installed by an import. The first such error puts a hook in place of the interpreter's own one (never of
somebody else's) and marks the modules it went through for pytest; IPython and Jupyter ask the error itself.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType

from weft.framework.origin import is_internal


class ShortTraceback(Exception):
    """An exception whose traceback ends at the user's line."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if not _is_full():
            if sys.excepthook is sys.__excepthook__:
                sys.excepthook = _hook
            _mark_for_pytest()

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return shown(self).rstrip("\n").split("\n")


def shown(error: BaseException) -> str:
    """The traceback as text, without the frames inside weft."""
    told = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = told
    while part is not None and not _is_full():
        own = [frame for frame in part.stack if not is_internal(frame.filename)]
        if own:
            part.stack = traceback.StackSummary.from_list(own)
        part = part.__cause__ or part.__context__
    return "".join(told.format())


def _is_full() -> bool:
    return os.environ.get("WEFT_TRACEBACK", "") == "full"


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ShortTraceback):
        sys.stderr.write(shown(error))
    else:
        sys.__excepthook__(kind, error, trace)


def _hides(info: object) -> bool:
    """Whether pytest leaves out a frame of ours: if the error is the user's mistake, not a defect of weft."""
    return isinstance(getattr(info, "value", None), ShortTraceback) and not _is_full()


def _mark_for_pytest() -> None:
    if "pytest" not in sys.modules:
        return
    frame = sys._getframe(1)
    while frame.f_back is not None:
        if is_internal(frame.f_code.co_filename):
            frame.f_globals.setdefault("__tracebackhide__", _hides)
        frame = frame.f_back
