"""Functions with a gradient of their own, as ``torch.autograd.function`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.function import Function as Function
from weft.framework.function import FunctionCtx as FunctionCtx
from weft.framework.function import once_differentiable as once_differentiable
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("autograd.function", globals())
