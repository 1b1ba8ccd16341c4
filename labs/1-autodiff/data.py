"""Handwritten digits to train on: 1,437 images of 8×8 grey values, and 360 others to test with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from weft.datasets import digits as _digits


class Digits(NamedTuple):
    """Images float32 [n, 64] with values from 0 to 1, and labels int32 [n] from 0 to 9."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def digits() -> Digits:
    """The data set, always in the same order."""
    split = _digits()
    return Digits(split.train_images, split.train_labels, split.test_images, split.test_labels)
