"""Functions made of functions, as ``torch.func`` has them: gradients, Jacobians and products with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.func import grad as grad
from weft.framework.func import grad_and_value as grad_and_value
from weft.framework.func import hessian as hessian
from weft.framework.func import jacfwd as jacfwd
from weft.framework.func import jacrev as jacrev
from weft.framework.func import jvp as jvp
from weft.framework.func import value_and_grad as value_and_grad
from weft.framework.func import vjp as vjp
from weft.framework.refusals import public_names, unknown_name
from weft.framework.stateless import functional_call as functional_call

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("func", globals())
