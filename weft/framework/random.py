"""Random numbers that depend on a seed and a position alone: Threefry-2x32-20, counted by logical element index.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Each draw of a generator has a key of its own,
made from the seed and the number of the draw; element i of the draw is word 0 of the block with counter i.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weft.framework.axes import Extent, real, sizes, whole
from weft.framework.axes import count as _count
from weft.framework.errors import CheckpointError, FrameworkError, TraceError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.primitives.bits import Words, threefry2x32
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace


class Generator:
    """A reproducible source of random tensors and permutations.

    seed: any number of up to 64 bits. ``draws`` is how many draws were made: seed and draws are the whole state.
    """

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        self.seed, self.draws = whole(seed, "a seed") & (2**64 - 1), 0
        return self

    def get_state(self) -> npt.NDArray[np.int64]:
        """The whole state, int64[2] (the bits of seed and draws), for ``set_state`` and for checkpoints."""
        return np.array([self.seed, self.draws], np.uint64).view(np.int64)

    def set_state(self, state: Any) -> Generator:
        """Go on from where ``get_state`` was called. Raises FrameworkError for anything else than its array."""
        try:
            words = np.asarray(state.numpy() if isinstance(state, Tensor) else state)
        except ValueError:  # a ragged list
            words = np.zeros(0)
        if words.shape != (2,) or words.dtype != np.int64:
            found = f"{words.dtype}{list(words.shape)}"
            raise FrameworkError(f"{user_line()}: a generator's state is what get_state() gave, int64[2], not {found}")
        self.seed, self.draws = (int(word) for word in words.view(np.uint64))
        return self

    def state_dict(self) -> dict[str, npt.NDArray[np.int64]]:
        """The whole state by name, for what keeps the states of many things: ``{"state": get_state()}``."""
        return {"state": self.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state_dict`` was called. Raises CheckpointError."""
        if not isinstance(state, Mapping) or state.keys() != {"state"}:
            found = ", ".join(map(str, state)) if isinstance(state, Mapping) else f"a {type(state).__name__}"
            raise CheckpointError(f"{user_line()}: a generator's state_dict() holds state, not {found}")
        try:
            self.set_state(state["state"])
        except FrameworkError as problem:
            raise CheckpointError(str(problem)) from None

    def bits(self, count: int) -> Words:
        """``count`` random 32-bit words: the next draw."""
        if current_trace() is not None:
            raise TraceError(
                f"{user_line()}: random numbers drawn inside a jitted function would be the same at every call; "
                "draw them outside and pass them in"
            )
        draw = np.array([self.draws & 0xFFFFFFFF], np.uint32), np.array([self.draws >> 32], np.uint32)
        key = threefry2x32((self.seed & 0xFFFFFFFF, self.seed >> 32), *draw)
        self.draws += 1
        index = np.arange(_count(count, "the number of words"), dtype=np.uint64)
        low, high = (index & np.uint64(0xFFFFFFFF)).astype(np.uint32), (index >> np.uint64(32)).astype(np.uint32)
        return threefry2x32((int(key[0][0]), int(key[1][0])), low, high)[0]

    def uniform(self, shape: Shape, low: float = 0.0, high: float = 1.0) -> npt.NDArray[np.float32]:
        """float32 numbers in [low, high), 24 random bits each."""
        shape, low, high = sizes((shape,)), real(low, "low"), real(high, "high")
        unit = (self.bits(math.prod(shape)) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
        return (np.float32(low) + unit * np.float32(high - low)).reshape(shape)

    def normal(self, shape: Shape) -> npt.NDArray[np.float32]:
        """float32 numbers of mean 0 and variance 1 (Box-Muller)."""
        shape = sizes((shape,))
        count = math.prod(shape)
        radius = np.sqrt(-2 * np.log((self.bits(count).astype(np.float64) + 1) * 2.0**-32))
        angle = self.bits(count).astype(np.float64) * (2 * math.pi * 2.0**-32)
        values: npt.NDArray[np.float32] = (radius * np.cos(angle)).astype(np.float32)
        return values.reshape(shape)

    def permutation(self, count: int) -> npt.NDArray[np.int64]:
        """The numbers 0 to count-1 in random order."""
        return np.lexsort((self.bits(count), self.bits(count)))


_DEFAULT: ContextVar[Generator | None] = ContextVar("generator", default=None)


def default_generator() -> Generator:
    """The generator that is used where none is given; its seed is 0 until ``manual_seed``."""
    generator = _DEFAULT.get()
    if generator is None:
        generator = Generator(0)
        _DEFAULT.set(generator)
    return generator


@contextmanager
def seeded(generator: Generator) -> Iterator[None]:
    """Inside, ``generator`` is used where none is given."""
    token = _DEFAULT.set(generator)
    try:
        yield
    finally:
        _DEFAULT.reset(token)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator().manual_seed(seed)


def rand(*shape: Extent, generator: Generator | None = None) -> Tensor:
    """A float32 tensor of numbers in [0, 1)."""
    return Tensor((generator or default_generator()).uniform(sizes(shape)))


def randn(*shape: Extent, generator: Generator | None = None) -> Tensor:
    """A float32 tensor of normal numbers, mean 0 and variance 1."""
    return Tensor((generator or default_generator()).normal(sizes(shape)))


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("random", globals())
