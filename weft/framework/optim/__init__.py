"""Optimisers: what a step does to parameters, as operations of the same graph.

In the order of reading: ``groups`` (options of parameters, and their numbers), ``optimizer`` (what all have in common),
``loading`` (state), ``terms``, then one file for each; ``lr_scheduler`` and ``swa_utils`` as torch has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.optim.adadelta import Adadelta
from weft.framework.optim.adagrad import Adagrad
from weft.framework.optim.adam import Adam, AdamW
from weft.framework.optim.adamax import Adamax
from weft.framework.optim.asgd import ASGD
from weft.framework.optim.lbfgs import LBFGS
from weft.framework.optim.lion import Lion
from weft.framework.optim.muon import Muon
from weft.framework.optim.nadam import NAdam
from weft.framework.optim.optimizer import Optimizer
from weft.framework.optim.radam import RAdam
from weft.framework.optim.rmsprop import RMSprop
from weft.framework.optim.rprop import Rprop
from weft.framework.optim.sgd import SGD
from weft.framework.refusals import unknown_name

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
]

if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("optim", globals())
