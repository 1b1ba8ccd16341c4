"""Bytes for random programs: tame numbers of each type, with a few special values among them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import numpy.typing as npt

SPECIAL_WORDS = (
    0x00000000, 0x80000000,  # zeros
    0x00000001, 0x80000001, 0x007FFFFF, 0x807FFFFF,  # subnormals
    0x00800000, 0x80800000,  # smallest normal
    0x7F7FFFFF, 0xFF7FFFFF, 0x7F7F0000,  # largest
    0x7F800000, 0xFF800000,  # infinities
    0x7FC00000, 0x7F800001, 0xFFFFFFFF,  # NaNs
    0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x3F800001, 0x4B000000, 0x4F000000, 0xCF000000,
)  # fmt: skip
"""fp32 words at the edges of every rule; their upper halves are the same for bf16."""

KINDS = ("bf16", "int8", "f32", "i32", "special")


def block(kind: str, size: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """``size`` bytes (a multiple of 4) that hold numbers of ``kind``."""
    words = size // 4
    special = np.array(SPECIAL_WORDS, np.uint32)[rng.integers(len(SPECIAL_WORDS), size=2 * words)]
    scale = np.float32(2.0) ** rng.integers(-3, 4, 2 * words).astype(np.float32)
    numbers = rng.standard_normal(2 * words).astype(np.float32) * scale
    rare = rng.random(2 * words) < 0.02
    if kind == "bf16":
        halves = numbers.astype(ml_dtypes.bfloat16).view(np.uint16)
        return np.where(rare, (special >> 16).astype(np.uint16), halves).view(np.uint8)
    if kind == "f32":
        return np.where(rare, special, numbers.view(np.uint32))[:words].copy().view(np.uint8)
    if kind == "i32":
        return (rng.integers(-(2**31), 2**31, words) >> rng.integers(0, 32, words)).astype(np.int32).view(np.uint8)
    if kind == "special":
        return special[:words].copy().view(np.uint8)
    return rng.integers(0, 256, size, np.uint8)
