"""Functions that layers and losses are made of, as ``torch.nn.functional`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.nn.functional.activation import *
from weft.framework.nn.functional.attention import *
from weft.framework.nn.functional.classification import *
from weft.framework.nn.functional.convolution import *
from weft.framework.nn.functional.distance import *
from weft.framework.nn.functional.distribution import *
from weft.framework.nn.functional.dropout import *
from weft.framework.nn.functional.embedding import *
from weft.framework.nn.functional.folding import *
from weft.framework.nn.functional.linear import *
from weft.framework.nn.functional.loss import *
from weft.framework.nn.functional.multihead import *
from weft.framework.nn.functional.normalisation import *
from weft.framework.nn.functional.padding import *
from weft.framework.nn.functional.pooling import *
from weft.framework.nn.functional.resizing import *
from weft.framework.refusals import public_names, unknown_name

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("nn.functional", globals())
