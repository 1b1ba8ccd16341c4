"""Functions of tensors under one name: making them and choosing between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.creation import arange, full, ones, zeros
from weft.framework.like import ones_like, zeros_like
from weft.framework.operators import TensorOperators, operand
from weft.framework.refusals import unknown_name
from weft.framework.selection import where

maximum, minimum = TensorOperators.maximum, TensorOperators.minimum

__all__ = ["arange", "full", "maximum", "minimum", "ones", "ones_like", "operand", "where", "zeros", "zeros_like"]


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("functional", globals())
