"""From indices to a batch, in this process or in a worker: both call the same functions."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from weft.framework.data.collate import default_collate, default_convert
from weft.framework.data.datasets import is_stream, many, taker, title
from weft.framework.data.position import Epoch
from weft.framework.random import Generator, seeded
from weft.framework.tensor import Tensor

Collate = Callable[[Any], Any]
_SHOWN = 8


class Exhausted(Exception):
    """A stream has no more samples."""


class Fetcher:
    """What batches of a data set are made with.

    batched: whether a task is the indices of many samples (of a stream: ``batch_size`` of them), or of one that is not
    collated. collate_fn: None for the usual way.
    """

    def __init__(self, dataset: Any, batch_size: int | None, batched: bool, drop_last: bool, collate_fn: Any) -> None:
        self.dataset, self.batch_size, self.batched, self.drop_last = dataset, batch_size, batched, drop_last
        self.take = taker(dataset) if batched and collate_fn is None else None
        usual: Collate = default_collate if batched else default_convert
        self.collate: Collate = usual if collate_fn is None else collate_fn
        self._stream: Iterator[Any] | None = None
        self._samples = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"take": None, "_stream": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.batched and self.collate is default_collate:
            self.take = taker(self.dataset)

    def begin(self, epoch: Epoch, worker: int = 0, workers: int = 1) -> None:
        """An epoch begins, in one of so many workers: a stream starts anew."""
        self._epoch, self._stream, self._samples = epoch, None, 0
        self._mine = itertools.count(worker, workers)

    def fetch(self, number: int, task: Any) -> Any:
        """Batch ``number`` of an epoch. ``task``: indices, one index, or None for the next of a stream.

        What the data set draws from weft's default generator depends on the epoch and the batch alone, so not on which
        process fetches; of a stream, on the batches that its worker has given. Raises Exhausted; what the data set
        raises has a note that names the sample.
        """
        key = next(self._mine) if is_stream(self.dataset) else number
        with seeded(Generator(seed_of(self._epoch, key))):
            if is_stream(self.dataset):
                return self._next()
            if not self.batched:
                with _noting(self.dataset, f"sample {_shown(task)}"):
                    sample = self.dataset[_plain(task)]
                with _noting(self.dataset, f"converting sample {_shown(task)}"):
                    return self.collate(sample)
            return self._batch(task)

    def _batch(self, indices: Any) -> Any:
        told = f"samples {_shown(indices)}"
        if self.take is not None:
            with _noting(self.dataset, told):
                return [
                    field if isinstance(field, Tensor) else Tensor(field) for field in self.take(np.asarray(indices))
                ]
        numbers = _plain(indices)
        with _noting(self.dataset, told):
            samples = many(self.dataset, numbers)
        if samples is None:
            samples = self._one_by_one(numbers)
        with _noting(self.dataset, f"collating {told}"):
            return self.collate(samples)

    def _one_by_one(self, indices: list[Any]) -> list[Any]:
        samples = []
        index = None
        try:
            for index in indices:
                samples.append(self.dataset[index])
        except Exception as error:
            error.add_note(note_of(self.dataset, f"sample {index}"))
            raise
        return samples

    def _next(self) -> Any:
        with _noting(self.dataset, f"the stream behind sample {self._samples}"):
            if self._stream is None:
                self._stream = iter(self.dataset)
            samples = list(itertools.islice(self._stream, self.batch_size or 1))
        self._samples += len(samples)
        if not samples or (self.batched and self.drop_last and len(samples) < (self.batch_size or 1)):
            raise Exhausted
        with _noting(self.dataset, f"collating up to sample {self._samples}"):
            return self.collate(samples if self.batched else samples[0])


def seed_of(epoch: Epoch, number: int) -> int:
    """The seed for batch ``number`` of an epoch (for the workers: -1): 64 bits that depend on the generator's state
    when the epoch began and on the epoch's number; nothing is drawn for them."""
    told = epoch.begun.tobytes() + np.array([epoch.number, number], "<i8").tobytes()
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "little")


def note_of(dataset: Any, what: str) -> str:
    """``sample 17 of Squares``."""
    return f"{what} of {title(dataset)}"


def shown_task(task: Any) -> str:
    """What a task asks for, as messages show it."""
    return "the next batch" if task is None else f"sample {task}" if np.ndim(task) == 0 else f"samples {_shown(task)}"


@contextmanager
def _noting(dataset: Any, what: str) -> Iterator[None]:
    try:
        yield
    except Exhausted:
        raise
    except Exception as error:
        error.add_note(note_of(dataset, what))
        raise


def _plain(task: Any) -> Any:
    """Indices as Python numbers."""
    return task.tolist() if isinstance(task, np.ndarray) else task


def _shown(task: Any) -> str:
    numbers = _plain(task)
    if not isinstance(numbers, list):
        return f"{numbers}"
    head = ", ".join(map(str, numbers[:_SHOWN]))
    return f"[{head}, … {len(numbers)} in all]" if len(numbers) > _SHOWN else f"[{head}]"
