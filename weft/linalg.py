"""Linear algebra, as ``torch.linalg`` has it: the implementations are in ``weft.framework.matrices``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.matrices import *
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("linalg", globals())
