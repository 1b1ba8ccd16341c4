"""Random numbers that depend on a seed and a position alone: Threefry-2x32-20, counted by logical element index.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Each draw of a generator has a key of its own,
made from the seed and the number of the draw; element i of the draw is word 0 of the block with counter i.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weft.framework.axes import Extent, real, sizes, whole
from weft.framework.axes import count as _count
from weft.framework.device import get_device
from weft.framework.dtypes import as_dtype, uint32
from weft.framework.errors import CheckpointError, DTypeError, FrameworkError, OptionError, TraceError
from weft.framework.lazy import TRACES, Expr, apply, constant, leaf, no_grad
from weft.framework.like import Place, Type
from weft.framework.origin import user_line
from weft.framework.primitives.base import Shape
from weft.framework.primitives.bits import Words, threefry2x32
from weft.framework.refusals import unknown_name
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace


class Generator:
    """A reproducible source of random tensors and permutations.

    seed: any number of up to 64 bits. ``draws`` is how many draws were made: seed and draws are the whole state. It is
    a tensor, so that a jitted function which draws has it as state and draws anew at every call; the numbers are the
    same as outside.
    """

    def __init__(self, seed: int = 0) -> None:
        # Seed and draws, the low word of each first.
        self._words = Tensor(np.array([whole(seed, "a seed") & (2**64 - 1), 0], np.uint64).view(np.uint32))

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        self._place(whole(seed, "a seed") & (2**64 - 1), 0)
        return self

    def _place(self, seed: int, draws: int) -> None:
        if current_trace() is not None:
            raise TraceError(f"{user_line()}: a generator is seeded outside of a jitted function, not at each trace")
        words = np.array([seed, draws], np.uint64).view(np.uint32)
        self._words._storage.put(leaf(words, uint32))

    @property
    def seed(self) -> int:
        """What it was seeded with."""
        return int(self._words.numpy().view(np.uint64)[0])

    @property
    def draws(self) -> int:
        """How many draws were made since."""
        return int(self._words.numpy().view(np.uint64)[1])

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
            raise OptionError(f"{user_line()}: a generator's state is what get_state() gave, int64[2], not {found}")
        self._place(*(int(word) for word in words.view(np.uint64)))
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
        """``count`` random 32-bit words, on the host: the next draw. Raises TraceError inside a jitted function."""
        if current_trace() is not None:
            raise TraceError(
                f"{user_line()}: these random numbers are drawn on the host, so a jitted function would get the same "
                "at every call; draw them outside and pass them in, or use rand, randn, randint, bernoulli or dropout"
            )
        with TRACES:  # each draw is one thread's
            words = self._words.numpy()
            self._place(*(int(word) + k for k, word in enumerate(words.view(np.uint64))))
        key = threefry2x32((int(words[0]), int(words[1])), words[2:3], words[3:4])
        index = np.arange(_count(count, "the number of words"), dtype=np.uint64)
        low, high = (index & np.uint64(0xFFFFFFFF)).astype(np.uint32), (index >> np.uint64(32)).astype(np.uint32)
        return threefry2x32((int(key[0][0]), int(key[1][0])), low, high)[0]

    def words(self, shape: Shape) -> Tensor:
        """uint32 random words of a shape, the next draw, as a tensor; in a jitted function they are drawn anew at each
        call."""
        shape = sizes((shape,))
        if current_trace() is None:
            return Tensor(self.bits(math.prod(shape)).reshape(shape))
        state = self._words._read()
        seed, draws = (apply("slice", state, starts=(k,), stops=(k + 2,), steps=(1,)) for k in (0, 2))
        parts = [apply("random_bits", seed, draws, shape=(1,), word=word) for word in (0, 1)]
        start = apply("broadcast_to", constant(0, uint32), shape=(2,))
        made = apply("random_bits", apply("concatenate", *parts, axis=0), start, shape=shape, word=0)
        low, high = (apply("slice", draws, starts=(k,), stops=(k + 1,), steps=(1,)) for k in (0, 1))
        one = apply("broadcast_to", constant(1, uint32), shape=(1,))
        low = apply("add", low, one)
        carry = apply("cast", apply("lt", low, one), dtype="uint32")
        with no_grad():
            self._words._storage.expr = apply("concatenate", seed, low, apply("add", high, carry), axis=0)
        return Tensor._of(made)

    def rand(self, shape: Shape) -> Tensor:
        """float32 numbers in [0, 1), 24 random bits each, as ``words`` draws them."""
        if current_trace() is None:
            return Tensor(self.uniform(shape))
        return _unit(self.words(shape))

    def randn(self, shape: Shape) -> Tensor:
        """float32 numbers of mean 0 and variance 1 (Box-Muller), as ``words`` draws them."""
        if current_trace() is None:
            return Tensor(self.normal(shape))
        radius, angle = (self.words(shape)._read() for _ in range(2))
        radius, angle = (apply("cast", e, dtype="float64") for e in (radius, angle))

        def times(e: Expr, number: float) -> Expr:
            return apply("mul", e, _everywhere(number, e))

        lengths = apply("log", times(apply("add", radius, _everywhere(1.0, radius)), 2.0**-32))
        lengths = apply("sqrt", times(lengths, -2.0))
        turned = apply("cos", times(angle, 2 * math.pi * 2.0**-32))
        return Tensor._of(apply("cast", apply("mul", lengths, turned), dtype="float32"))

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


def _everywhere(number: float, like: Expr) -> Expr:
    made = constant(number, like.dtype)
    return apply("broadcast_to", made, shape=like.shape) if like.shape else made


def _unit(words: Tensor) -> Tensor:
    """The upper 24 bits of each word as a number in [0, 1)."""
    e = words._read()
    upper = apply("cast", apply("shift_right", e, _everywhere(8, e)), dtype="float32")
    return Tensor._of(apply("mul", upper, _everywhere(2.0**-24, upper)))


_CHOSEN: ContextVar[Generator | None] = ContextVar("generator", default=None)
_DEFAULT = Generator(0)


def default_generator() -> Generator:
    """The generator that is used where none is given, in all threads; its seed is 0 until ``manual_seed``."""
    return _CHOSEN.get() or _DEFAULT


@contextmanager
def seeded(generator: Generator) -> Iterator[None]:
    """Inside, ``generator`` is used where none is given."""
    token = _CHOSEN.set(generator)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator and return it."""
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Seed the default generator with a number that nobody chose, and return it."""
    number = secrets.randbits(63)
    manual_seed(number)
    return number


def initial_seed() -> int:
    """What the default generator was seeded with."""
    return default_generator().seed


def placed(made: Tensor, dtype: Type, device: Place, requires_grad: bool) -> Tensor:
    """What was drawn, as a leaf of another type or on a device."""
    made = (made if dtype is None else made.to(as_dtype(dtype))).detach()
    if device is not None and current_trace() is None:
        made = made.to(device).detach()
    elif device is not None:  # nothing is moved: it is drawn where the jitted function runs
        made._read().device = get_device(device)
    return made.requires_grad_() if requires_grad else made


def _floats(function: str, dtype: Type) -> Type:
    if dtype is not None and not as_dtype(dtype).is_float:
        raise DTypeError(f"{user_line()}: {function} draws floats, not {as_dtype(dtype)}; use randint")
    return dtype


def rand(
    *size: Extent, generator: Generator | None = None, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of numbers in [0, 1), float32 by default: rand(2, 3) or rand((2, 3)).

    Raises DTypeError for a type that is not of floats.
    """
    return placed((generator or default_generator()).rand(sizes(size)), _floats("rand", dtype), device, requires_grad)


def randn(
    *size: Extent, generator: Generator | None = None, dtype: Type = None, device: Place = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of normal numbers, mean 0 and variance 1, float32 by default. Raises as ``rand`` does."""
    return placed((generator or default_generator()).randn(sizes(size)), _floats("randn", dtype), device, requires_grad)


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("random", globals())
