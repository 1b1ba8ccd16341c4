"""Batches of examples, in order or shuffled, fetched here or by worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from weft.framework.axes import count, real
from weft.framework.data.datasets import is_stream
from weft.framework.data.errors import DataError
from weft.framework.data.fetching import Exhausted, Fetcher, seed_of
from weft.framework.data.pool import WorkerPool
from weft.framework.data.position import Epoch, Position, State, checked, whole
from weft.framework.data.samplers import (
    BatchSampler,
    DrawnSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    drawing,
    flag,
    is_stateful,
    sized,
)
from weft.framework.errors import CheckpointError
from weft.framework.origin import user_line
from weft.framework.random import Generator, default_generator


class DataLoader:
    """Iterates over a data set in batches, as torch's does; the fields of a batch are what ``collate_fn`` makes.

    batch_size: samples in a batch; None: each sample by itself, or what a sampler's item gives when the data set is
    asked for it. shuffle: a new order at each pass, drawn from ``generator``, or from one of its own seeded with
    ``seed``, or from the default one. sampler, batch_sampler: another order, of samples or of batches. drop_last: leave
    out a last batch that is smaller. collate_fn: what a batch is made with, ``default_collate`` if it is not given.

    num_workers: processes that fetch ahead, up to ``prefetch_factor`` batches each (2); 0: this one does. The batches
    are the same, bit for bit and in the same order, whatever the number: what a data set draws from weft's default
    generator depends on the batch. ``random`` and ``numpy.random`` are seeded for each worker. worker_init_fn: called
    with its number in each. persistent_workers: keep them after a pass. timeout: seconds to wait for a batch; 0: any
    time. multiprocessing_context: how processes are started, ``"fork"`` where there is such; with others the data set
    must be picklable. pin_memory is taken for scripts that give it; the targets here read any memory.

    ``state_dict`` in the middle of a pass and ``load_state_dict`` make the next pass go on behind the last batch that
    was given. Of passes at once, the one that was begun last counts. Raises DataError for arguments that exclude each
    other, WorkerError for a worker that fails, dies or takes too long.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        seed: int | None = None,
    ) -> None:
        self.dataset, self.num_workers = dataset, count(num_workers, "num_workers")
        self.shuffle, self.drop_last = flag(shuffle or False, "shuffle"), flag(drop_last, "drop_last")
        self.batch_size = None if batch_size is None else count(batch_size, "batch_size", least=1)
        self.collate_fn, self.worker_init_fn = (
            _function(collate_fn, "collate_fn"),
            _function(worker_init_fn, "worker_init_fn"),
        )
        self.generator = drawing(generator) if seed is None else Generator(seed)
        self.timeout, self.pin_memory = real(timeout, "timeout"), flag(pin_memory, "pin_memory")
        self.prefetch_factor = None if prefetch_factor is None else count(prefetch_factor, "prefetch_factor", least=1)
        self.persistent_workers = flag(persistent_workers, "persistent_workers")
        self.multiprocessing_context = multiprocessing_context
        self._check(sampler, batch_sampler)
        if batch_sampler is not None:
            self.batch_size = None
        self.batch_sampler, self._given_sampler = batch_sampler, sampler is not None or batch_sampler is not None
        self.sampler = sampler if sampler is not None else self._usual_sampler()
        if self.batch_size is not None and self.sampler is not None:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, self.drop_last)
        self._position = Position()
        self._pool: WorkerPool | None = None
        self._outside: Any = None  # where a foreign sampler stood when the epoch began

    def _check(self, sampler: Any, batch_sampler: Any) -> None:
        """Raise DataError for arguments that exclude each other."""
        stream, workers = is_stream(self.dataset), self.num_workers > 0
        rules = (
            (not (stream or hasattr(self.dataset, "__getitem__") or hasattr(self.dataset, "take")),
             f"a loader takes a data set, with __getitem__ and __len__, not a {type(self.dataset).__name__}"),
            (stream and self.shuffle, "a stream (IterableDataset) comes in its own order; leave shuffle out"),
            (stream and (sampler is not None or batch_sampler is not None),
             "a stream (IterableDataset) has no indices; leave sampler and batch_sampler out"),
            (sampler is not None and self.shuffle, "a sampler says the order itself; leave shuffle out"),
            (sampler is not None and not hasattr(sampler, "__iter__"), "sampler gives indices, so it is iterated over"),
            (batch_sampler is not None and not hasattr(batch_sampler, "__iter__"),
             "batch_sampler gives lists of indices, so it is iterated over"),
            (batch_sampler is not None
             and (self.batch_size != 1 or self.shuffle or sampler is not None or self.drop_last),
             "a batch_sampler says itself what batch_size, shuffle, sampler and drop_last would; leave them out"),
            (self.batch_size is None and self.drop_last, "without a batch_size none is smaller; leave drop_last out"),
            (not self.timeout >= 0, f"timeout is not negative; it is {self.timeout:g}"),
            (not workers and self.prefetch_factor is not None, "prefetch_factor is about workers; give num_workers"),
            (not workers and self.persistent_workers, "persistent_workers are workers; give num_workers"),
            (not workers and self.timeout > 0, "timeout is about workers; give num_workers"),
        )  # fmt: skip
        for wrong, told in rules:
            if wrong:
                raise DataError(f"{user_line()}: {told}")
        self._context = _context(self.multiprocessing_context) if workers else None

    def _usual_sampler(self) -> Sampler[int] | None:
        if is_stream(self.dataset) or self.batch_sampler is not None:
            return None
        return (
            RandomSampler(self.dataset, generator=self.generator) if self.shuffle else SequentialSampler(self.dataset)
        )

    def __len__(self) -> int:
        """Batches in a pass. Raises DataError where data set or sampler has no length."""
        if is_stream(self.dataset) and self.batch_size is not None:
            full, rest = divmod(len(sized(self.dataset)), self.batch_size)
            return full + (1 if rest and not self.drop_last else 0)
        orders = (self.batch_sampler, self.sampler, self.dataset)
        return len(sized(next(order for order in orders if order is not None)))

    def __iter__(self) -> Iterator[Any]:
        foreign, outside = self._foreign(), self._outside
        epoch, generator = self._position.begin(self._source())
        if epoch.given and outside is not None:
            foreign.load_state_dict(outside)
        elif is_stateful(foreign):
            self._outside = foreign.state_dict()
        stream = is_stream(self.dataset)
        skipped = epoch.given if stream else 0
        tasks = enumerate(self._tasks(epoch, generator), epoch.given - skipped)
        fetcher = Fetcher(self.dataset, self.batch_size, self._batched(), self.drop_last, self.collate_fn)
        with closing(
            self._here(fetcher, epoch, tasks) if not self.num_workers else self._there(fetcher, epoch, tasks)
        ) as all_:
            for batch in itertools.islice(all_, skipped, None):
                epoch.given += 1
                yield batch
        self._position.end(epoch)

    def _here(self, fetcher: Fetcher, epoch: Epoch, tasks: Iterator[tuple[int, Any]]) -> Any:
        """The batches, fetched by this process."""
        fetcher.begin(epoch)
        for number, task in tasks:
            try:
                batch = fetcher.fetch(number, task)
            except Exhausted:
                return
            yield batch

    def _there(self, fetcher: Fetcher, epoch: Epoch, tasks: Iterator[tuple[int, Any]]) -> Any:
        """The batches, fetched by workers: those that were kept, unless another pass still has them."""
        pool, through = self._pool, False
        if pool is None or pool.busy or pool.ended:
            prefetch, seed = self.prefetch_factor or 2, seed_of(epoch, -1)
            pool = WorkerPool(
                fetcher, self.num_workers, seed, self.worker_init_fn, prefetch, self.timeout, self._context
            )
            if self.persistent_workers and (self._pool is None or self._pool.ended):
                self._pool = pool
                weakref.finalize(self, pool.end)
        try:
            with closing(pool.run(epoch, tasks)) as batches:
                yield from batches
            through = True
        finally:
            if pool is not self._pool:
                pool.end(at_once=not through)

    def _tasks(self, epoch: Epoch, generator: Generator) -> Iterator[Any]:
        """What to fetch, from where the epoch stands: indices for batches, single indices, or None for a stream."""
        if is_stream(self.dataset):
            yield from itertools.repeat(None)
        drawn = self._drawn()
        if drawn is None:
            yield from itertools.islice(iter(self._foreign()), epoch.given, None)
            return
        order, size, given = drawn.order(generator), self._size(), epoch.given
        if size is None:
            yield from order[given:].tolist()
        else:
            for at in range(given * size, len(order), size):
                chosen = order[at : at + size]
                if len(chosen) == size or not getattr(self.batch_sampler, "drop_last", False):
                    yield chosen

    def _batched(self) -> bool:
        return self.batch_size is not None or self.batch_sampler is not None

    def _size(self) -> int | None:
        """Indices in a batch of our own making."""
        return self.batch_sampler.batch_size if isinstance(self.batch_sampler, BatchSampler) else None

    def _drawn(self) -> DrawnSampler | None:
        """The sampler whose order is drawn at once and cut into batches here; None if somebody else's code does it."""
        batches = self.batch_sampler
        if batches is not None and type(batches) is not BatchSampler:
            return None
        sampler = self.sampler if batches is None else batches.sampler
        own = isinstance(sampler, DrawnSampler) and type(sampler).__iter__ is DrawnSampler.__iter__
        return sampler if own else None  # type: ignore[return-value]

    def _foreign(self) -> Any:
        """The sampler that is asked for each index or batch in turn; None if there is none."""
        if is_stream(self.dataset) or self._drawn() is not None:
            return None
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _source(self) -> Generator:
        """The generator that the order is drawn from, and seeds depend on."""
        drawn = self._drawn()
        if drawn is not None and not isinstance(drawn, SequentialSampler):
            return drawn.source()
        return self.generator or default_generator()

    def __repr__(self) -> str:
        given = f"batch_size={self.batch_size}, shuffle={self.shuffle}, drop_last={self.drop_last}"
        workers = f", num_workers={self.num_workers}" if self.num_workers else ""
        return f"DataLoader({self.dataset!r}, {given}{workers})"

    def state_dict(self) -> State:
        """Where the loader stands, as int64 arrays by name: what is given again after ``load_state_dict`` is what
        would have been given next, whatever the number of workers.

        With a sampler of the user's own that has a ``state_dict``, ``sampler`` is that of the pass's beginning; one
        that has none must give the same order again. A stream is gone through again up to where it was.
        """
        settings = {name: np.array(number, np.int64) for name, number in self._settings().items()}
        state = self._position.state(self._source()) | settings
        foreign = self._foreign()
        if is_stateful(foreign):
            begun = int(state["given"]) > 0 and self._outside is not None
            state["sampler"] = self._outside if begun else foreign.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was called, the generator too. Raises CheckpointError for the state of a loader of
        other data or with other settings, saying what differs; nothing is changed then."""
        foreign, settings = self._foreign(), self._settings()
        expected = {"given", "epoch", "order", "generator", *settings}
        checked(state, expected | ({"sampler"} if is_stateful(foreign) else set()), "a loader")
        for name, own in settings.items():
            if (found := whole(state[name], f"the loader's {name}")) != own:
                raise CheckpointError(f"the loader's {name} is {own}, but {found} in the state")
        most = None if is_stream(self.dataset) else len(self)
        self._position.load(state, self._source(), most, "the loader", "batch")
        if "sampler" in state:
            self._outside = state["sampler"]
            foreign.load_state_dict(self._outside)

    def _settings(self) -> dict[str, int]:
        """What must be the same for a state to mean the same."""
        return {
            "examples": 0 if is_stream(self.dataset) else len(sized(self.dataset)),
            "batch_size": self._size() or self.batch_size or 0,
            "shuffle": int(self.shuffle),
            "drop_last": int(self.drop_last),
        }


def _function(value: Any, what: str) -> Any:
    """A function or None. Raises DataError."""
    if value is None or callable(value):
        return value
    raise DataError(f"{user_line()}: {what} is a function or None, not a {type(value).__name__}")


def _context(given: Any) -> Any:
    """What starts processes. Raises DataError for a way that this system does not have."""
    known = multiprocessing.get_all_start_methods()
    if given is None:
        return multiprocessing.get_context("fork" if "fork" in known else None)
    if isinstance(given, str) and given in known:
        return multiprocessing.get_context(given)
    if hasattr(given, "Process") and hasattr(given, "get_start_method"):
        return given
    raise DataError(f"{user_line()}: multiprocessing_context is one of {', '.join(known)} here, not {given!r:.60}")
