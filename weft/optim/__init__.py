"""Optimisers, as ``torch.optim`` has them: the implementations are in ``weft.framework.optim``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.optim import *
from weft.framework.refusals import public_names, unknown_name
from weft.optim import lr_scheduler as lr_scheduler
from weft.optim import swa_utils as swa_utils

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("optim", globals())
