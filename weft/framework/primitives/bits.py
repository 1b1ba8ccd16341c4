"""Bits of integers: exclusive or and shifts (``and``, ``or`` and ``not`` stand with the logic of bools), random bits.

Random bits are those of Threefry-2x32-20 (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011):
a block of two words for a key and a 64-bit counter, and nothing else. So an element has the same bits whatever the
target, the tiling, and however often it is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.framework.dtypes import DType, uint32
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.primitives.base import Array, Attrs, OperandType, Primitive, Shape, same_dtype, same_shape

Words = npt.NDArray[np.uint32]
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry2x32(key: tuple[int, int], counter0: Words, counter1: Words) -> tuple[Words, Words]:
    """The 20-round block function: two 32-bit words for each counter (two arrays of one shape)."""
    k0, k1 = np.uint32(key[0]), np.uint32(key[1])
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    x0, x1 = np.atleast_1d(counter0) + k0, np.atleast_1d(counter1) + k1
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))) ^ x0
        x0 = x0 + schedule[(group + 1) % 3]
        x1 = x1 + (schedule[(group + 2) % 3] + np.array([group + 1], np.uint32))
    return x0, x1


def _shifted(left: bool) -> Any:
    def shift(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
        """By at least the width nothing is left of x but its sign; NumPy leaves that open."""
        x, by = inputs
        width = 8 * x.itemsize
        far = (by < 0) | (by >= width)
        near = np.where(far, 0, by).astype(x.dtype)
        if left:
            return np.where(far, 0, np.left_shift(x, near)).astype(x.dtype)
        return np.where(far, np.where(x < 0, -1, 0), np.right_shift(x, near)).astype(x.dtype)

    return shift


def _random_shape(operands: Sequence[OperandType], attrs: Attrs) -> Shape:
    if any(o.shape != (2,) for o in operands):
        raise ShapeError(f"key and start are uint32[2], not {' and '.join(str(list(o.shape)) for o in operands)}")
    if attrs["word"] not in (0, 1) or any(extent < 0 for extent in attrs["shape"]):
        raise ShapeError(f"word {attrs['word']} of shape {list(attrs['shape'])}: it is 0 or 1, and no extent negative")
    shape: Shape = attrs["shape"]
    return shape


def _random_dtype(operands: Sequence[OperandType], attrs: Attrs) -> DType:
    if any(o.dtype != uint32 for o in operands):
        raise DTypeError(f"key and start are uint32, not {' and '.join(o.dtype.name for o in operands)}")
    return uint32


def _random_bits(inputs: Sequence[Array], attrs: Attrs, real: np.dtype[Any]) -> Array:
    (k0, k1), (low, high) = ([int(word) for word in words] for words in inputs)
    counter = np.arange(math.prod(attrs["shape"]), dtype=np.uint64) + np.uint64(low | high << 32)
    words = (counter & np.uint64(0xFFFFFFFF)).astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)
    return threefry2x32((k0, k1), *words)[attrs["word"]].reshape(attrs["shape"])


PRIMITIVES = (
    Primitive(
        "xor", "Exclusive or of bools or of the bits of integers.", "elementwise", 2, same_shape,
        same_dtype("bool int"), lambda inputs, attrs, real: np.bitwise_xor(*inputs), (None, None),
    ),
    Primitive(
        "shift_left", "The bits of x moved up by b, zeros behind them; 0 for b below 0 or from the width on.",
        "elementwise", 2, same_shape, same_dtype("int"), _shifted(True), (None, None),
    ),
    Primitive(
        "shift_right", "The bits of x moved down by b, copies of the sign before them; all sign for b out of range.",
        "elementwise", 2, same_shape, same_dtype("int"), _shifted(False), (None, None),
    ),
    Primitive(
        "random_bits", "uint32: element i is a word of the Threefry-2x32-20 block of a key and counter start + i.",
        "source", 2, _random_shape, _random_dtype, _random_bits, (None, None),
        {"shape": "extents; i counts row-major", "word": "which of the block's two words"},
    ),
)  # fmt: skip
