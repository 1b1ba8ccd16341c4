"""The layers and losses: modules with a forward of their own, a file a family; ``functional`` is what they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.module import Module as Module
from weft.framework.module import Parameter as Parameter
from weft.framework.nn.activation import *
from weft.framework.nn.attention import *
from weft.framework.nn.container import *
from weft.framework.nn.convolution import *
from weft.framework.nn.dropout import *
from weft.framework.nn.embedding import *
from weft.framework.nn.folding import *
from weft.framework.nn.linear import *
from weft.framework.nn.loss import *
from weft.framework.nn.normalisation import *
from weft.framework.nn.padding import *
from weft.framework.nn.parameters import *
from weft.framework.nn.pooling import *
from weft.framework.nn.recurrent import *
from weft.framework.nn.resizing import *
from weft.framework.nn.shape import *
from weft.framework.nn.transformer import *
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("nn", globals())
