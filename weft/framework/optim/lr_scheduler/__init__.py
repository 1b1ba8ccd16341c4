"""Schedules of the learning rate, as ``torch.optim.lr_scheduler`` has them.

``base`` is what they have in common; ``factors``, ``cosine``, ``cycles`` and ``plateau`` are kinds of them, and
``combined`` is made of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.optim.lr_scheduler.base import LRScheduler
from weft.framework.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from weft.framework.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from weft.framework.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from weft.framework.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from weft.framework.optim.lr_scheduler.plateau import ReduceLROnPlateau
from weft.framework.refusals import unknown_name

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("lr_scheduler", globals())
