"""Mixed precision: models that compute in bfloat16 with float32 weights, and scaled losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.amp import *
from weft.framework.autocast import autocast as autocast
from weft.framework.autocast import get_autocast_dtype as get_autocast_dtype
from weft.framework.autocast import is_autocast_enabled as is_autocast_enabled
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("amp", globals())
