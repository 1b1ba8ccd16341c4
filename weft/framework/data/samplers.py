"""In which order the samples of a data set come: one after the other, at random, by weight, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from weft.framework.axes import count
from weft.framework.data.errors import DataError, LengthError
from weft.framework.data.position import Position, State, checked, whole
from weft.framework.errors import AbstractError, CheckpointError
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator
from weft.framework.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)
Indices = npt.NDArray[np.int64]


class Sampler(Generic[T_co]):
    """Gives indices of a data set, or lists of them, anew at each iteration; subclasses define ``__iter__``.

    A sampler with ``state_dict`` and ``load_state_dict`` goes on where it stood, as those below do.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no __iter__(); define which indices it gives")


class DrawnSampler(Sampler[int]):
    """A sampler that draws the order of a whole epoch when the epoch begins; subclasses say which in ``order``.

    So what is drawn does not depend on how far ahead of the training loop somebody reads.
    """

    generator: Generator | None = None

    def __init__(self) -> None:
        self._position = Position()

    def order(self, generator: Generator) -> Indices:
        """The indices of an epoch, int64, drawn from ``generator``."""
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no order(); define which indices it gives")

    def source(self) -> Generator:
        """The generator that orders are drawn from."""
        return self.generator or default_generator()

    def __len__(self) -> int:
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no __len__(); say how many indices it gives")

    def __iter__(self) -> Iterator[int]:
        epoch, generator = self._position.begin(self.source())
        for index in self.order(generator)[epoch.given :].tolist():
            epoch.given += 1
            yield index
        self._position.end(epoch)

    def state_dict(self) -> State:
        """Where it stands, its generator too, as int64 arrays by name; see ``DataLoader.state_dict``."""
        return self._position.state(self.source()) | {"samples": np.array(len(self), np.int64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind the last index that had been given. Raises CheckpointError for the state of another sampler."""
        what, own = f"a {type(self).__name__}", len(self)
        checked(state, {"given", "epoch", "order", "generator", "samples"}, what)
        if whole(state["samples"], f"{what}'s samples") != own:
            raise CheckpointError(f"{what} of {own} samples cannot take the state of one of {int(state['samples'])}")
        self._position.load(state, self.source(), own, what, "index")


class SequentialSampler(DrawnSampler):
    """All indices from 0 on."""

    def __init__(self, data_source: Sized) -> None:
        super().__init__()
        self.data_source = sized(data_source)

    def order(self, generator: Generator) -> Indices:
        """0, 1, …; nothing is drawn."""
        return np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(DrawnSampler):
    """Indices in random order.

    replacement: every draw is from all indices; else each comes once before any comes again. num_samples: how many an
    epoch has, else as many as there are samples. generator: else the default one. Raises DataError.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.data_source, self.replacement = sized(data_source), flag(replacement, "replacement")
        self._num_samples = None if num_samples is None else count(num_samples, "num_samples", least=1)
        self.generator = drawing(generator)

    @property
    def num_samples(self) -> int:
        """Indices in an epoch."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self, generator: Generator) -> Indices:
        """Permutations one after the other, the last one cut; or independent draws."""
        examples, wanted = len(self.data_source), self.num_samples
        if wanted and not examples:
            raise DataError(f"{user_line()}: {wanted} samples cannot be drawn from a data set that has none")
        if self.replacement:
            return np.floor(_unit(generator, wanted) * examples).astype(np.int64)
        if wanted == examples:
            return generator.permutation(examples)
        times = -(-wanted // examples)
        return np.concatenate([generator.permutation(examples) for _ in range(times)])[:wanted]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(DrawnSampler):
    """The given indices in random order. Raises DataError for what is no list of indices."""

    def __init__(self, indices: Sequence[int] | Tensor | npt.NDArray[Any], generator: Generator | None = None) -> None:
        super().__init__()
        self.indices, self._indices, self.generator = indices, index_array(indices), drawing(generator)

    def order(self, generator: Generator) -> Indices:
        """A permutation of the indices."""
        return self._indices[generator.permutation(len(self._indices))]

    def __len__(self) -> int:
        return len(self._indices)


class WeightedRandomSampler(DrawnSampler):
    """Indices from 0 to len(weights)-1 with probabilities in proportion to ``weights``, which need not add up to 1.

    replacement: every draw is from all; else one that was drawn is not drawn again (P. Efraimidis and P. Spirakis,
    "Weighted random sampling with a reservoir", 2006: the num_samples largest of u^(1/w)). Raises DataError for weights
    that are negative, not finite or all zero, and for fewer positive ones than are drawn without replacement.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor | npt.NDArray[Any],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_samples = count(num_samples, "num_samples", least=1)
        self.weights, self.replacement = _weights(weights), flag(replacement, "replacement")
        self.generator = drawing(generator)
        positive = int((self.weights > 0).sum())
        if not self.replacement and positive < self.num_samples:
            raise DataError(
                f"{user_line()}: {self.num_samples} samples cannot be drawn without replacement from {positive} with a "
                "weight above 0"
            )

    def order(self, generator: Generator) -> Indices:
        """Draws by the inverse of the summed weights, or the largest keys."""
        if self.replacement:
            sums = np.cumsum(self.weights)
            found = np.searchsorted(sums, _unit(generator, self.num_samples) * sums[-1], side="right")
            return np.asarray(np.minimum(found, np.flatnonzero(self.weights)[-1]), np.int64)
        keys = np.full(len(self.weights), -np.inf)
        np.divide(np.log1p(-_unit(generator, len(keys))), self.weights, out=keys, where=self.weights > 0)
        return np.argsort(-keys, kind="stable")[: self.num_samples].astype(np.int64)

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` indices of another sampler. drop_last: leave out a last one that is shorter."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        if not hasattr(sampler, "__iter__"):
            raise DataError(f"{user_line()}: a BatchSampler takes a sampler, not a {type(sampler).__name__}")
        self.sampler, self.batch_size = sampler, count(batch_size, "batch_size", least=1)
        self.drop_last = flag(drop_last, "drop_last")

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(sized(self.sampler)), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def state_dict(self) -> State:
        """The state of the sampler that it takes its indices from. Raises DataError if that has none."""
        own: State = self._stateful().state_dict()
        return own

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind the last batch that had been given."""
        self._stateful().load_state_dict(state)

    def _stateful(self) -> Any:
        if not is_stateful(self.sampler):
            raise DataError(
                f"{user_line()}: a {type(self.sampler).__name__} has no state_dict(), so its batches have none"
            )
        return self.sampler


def is_stateful(sampler: Any) -> bool:
    """Whether a sampler can be gone on with: one of batches if that is so of what it takes its indices from."""
    return is_stateful(sampler.sampler) if isinstance(sampler, BatchSampler) else hasattr(sampler, "state_dict")


def sized(value: Any) -> Any:
    """``value`` if it has a length. Raises LengthError."""
    try:
        len(value)
    except TypeError:
        raise LengthError(f"{user_line()}: a {type(value).__name__} has no length, which is needed here") from None
    return value


def flag(value: Any, what: str) -> bool:
    """A truth value. Raises DataError for anything else than a bool, 0 or 1."""
    if isinstance(value, bool | int | np.bool_) and value in (0, 1):
        return bool(value)
    raise DataError(f"{user_line()}: {what} is True or False, not a {type(value).__name__}")


def drawing(value: Any) -> Generator | None:
    """A generator or None. Raises DataError."""
    if value is None or isinstance(value, Generator):
        return value
    raise DataError(f"{user_line()}: generator is a weft.Generator or None, not a {type(value).__name__}")


def index_array(indices: Any) -> Indices:
    """A list of indices as int64. Raises DataError."""
    try:
        array = np.asarray(indices.numpy() if isinstance(indices, Tensor) else indices)
        if array.ndim == 1 and (array.dtype.kind in "iu" or not array.size):
            return array.astype(np.int64)
    except (ValueError, TypeError, OverflowError):
        pass
    raise DataError(f"{user_line()}: indices are a list of integers, not a {type(indices).__name__}")


def _weights(weights: Any) -> npt.NDArray[np.float64]:
    try:
        array = np.asarray(weights.numpy() if isinstance(weights, Tensor) else weights, np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.zeros(())
    if array.ndim != 1 or not array.size:
        raise DataError(f"{user_line()}: weights are a list of numbers, one for each sample")
    if not (np.isfinite(array).all() and (array >= 0).all() and 0 < array.sum() < np.inf):
        raise DataError(f"{user_line()}: weights are finite and not negative, and one of them at least is above 0")
    return array


def _unit(generator: Generator, wanted: int) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1) with 53 random bits each."""
    high, low = generator.bits(wanted).astype(np.uint64), generator.bits(wanted).astype(np.uint64)
    return ((high << np.uint64(21)) | (low >> np.uint64(11))).astype(np.float64) * 2.0**-53
