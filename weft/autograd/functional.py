"""Derivatives of functions at given inputs, as ``torch.autograd.functional`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.derivatives import hessian as hessian
from weft.framework.derivatives import hvp as hvp
from weft.framework.derivatives import jacobian as jacobian
from weft.framework.derivatives import jvp as jvp
from weft.framework.derivatives import vhp as vhp
from weft.framework.derivatives import vjp as vjp
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("autograd.functional", globals())
