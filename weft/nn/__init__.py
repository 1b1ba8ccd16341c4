"""Modules, layers and losses, as ``torch.nn`` has them: the implementations are in ``weft.framework.nn``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.nn import *
from weft.framework.refusals import public_names, unknown_name
from weft.nn import functional as functional
from weft.nn import init as init
from weft.nn import utils as utils

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("nn", globals())
