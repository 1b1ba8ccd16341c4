"""Real data that comes with weft: no download."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from weft.base.plain import outline


@dataclass(frozen=True, repr=False)
class Split:
    """A data set cut in two: images float32 [n, 64] in 0..1, labels int32 [n]."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int32]

    def __repr__(self) -> str:
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return f"Split({', '.join(f'{name} {outline(getattr(self, name))}' for name in names)})"


@cache
def _table() -> npt.NDArray[np.int32]:
    """All images, one a row: 64 pixels in 0..16, the label."""
    packed = resources.files("weft").joinpath("samples/digits.csv.gz").read_bytes()
    table = np.array([line.split(b",") for line in gzip.decompress(packed).split()], dtype=np.int32)
    table.flags.writeable = False
    return table


def digits(test_fraction: float = 0.2, seed: int = 0) -> Split:
    """The UCI handwritten digits: 1,797 images of 8×8, ten classes, shuffled by ``seed`` and split.

    The same seed always gives the same split; it does not depend on the seed of training.
    """
    table = _table()
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(table))
    table = table[order]
    images = (table[:, :64] / np.float32(16)).astype(np.float32)
    labels = np.ascontiguousarray(table[:, 64])
    cut = round(len(table) * (1 - test_fraction))
    return Split(images[:cut], labels[:cut], images[cut:], labels[cut:])
