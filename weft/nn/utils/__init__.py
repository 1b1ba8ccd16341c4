"""What is done to all parameters of a model, as ``torch.nn.utils`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.nn.parametrizations import spectral_norm as spectral_norm
from weft.framework.nn.utils import *
from weft.framework.nn.weight_norm import *
from weft.framework.refusals import public_names, unknown_name
from weft.nn.utils import parametrizations as parametrizations
from weft.nn.utils import parametrize as parametrize
from weft.nn.utils import rnn as rnn

if not TYPE_CHECKING:  # a type checker reads the lists of the files, and is to go on reporting unknown names itself
    __all__ = public_names(globals())
    __getattr__ = unknown_name("nn.utils", globals())
