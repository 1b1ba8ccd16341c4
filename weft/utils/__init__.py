"""What stands beside models and tensors, as ``torch.utils`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.refusals import public_names, unknown_name
from weft.utils import checkpoint as checkpoint
from weft.utils import data as data

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("utils", globals())
