"""The worker processes of a loader: who gets which task, batches in the order of the tasks, and what became of whom.

Each worker has two pipes of its own and shares nothing else, so none that is killed can hold up another.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import time
import warnings
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from weft.base.children import end_group
from weft.framework.data.errors import DataError, WorkerError
from weft.framework.data.exchange import Link, receive
from weft.framework.data.fetching import Fetcher, note_of, shown_task
from weft.framework.data.position import Epoch
from weft.framework.data.workers import SIGNALS, Begin, Failure, FetchOrder, WorkerSetup, work
from weft.framework.errors import FrameworkError
from weft.framework.origin import user_line

_LOOK = 5.0
"""Seconds after which workers are looked after, even if no pipe says that one has died: a process that a worker left
behind may hold its pipes open."""
_GRACE = 5.0
"""Seconds in which a worker that was told to stop may end by itself."""


class _Worker:
    """A process, this side's ends of its pipes, and the tasks that it has not answered, by number."""

    def __init__(self, number: int, process: Any, tasks: Link, results: Link) -> None:
        self.number, self.process, self.tasks, self.results = number, process, tasks, results
        self.open: dict[int, Any] = {}

    def name(self) -> str:
        return f"worker {self.number} (process {self.process.pid})"


class WorkerPool:
    """Workers that fetch ahead: up to ``prefetch`` batches for each of them.

    timeout: seconds to wait for a batch, 0 for any time. context: how processes are started, by multiprocessing.
    Raises DataError where none can be.
    """

    def __init__(
        self, fetcher: Fetcher, count: int, seed: int, init: Any, prefetch: int, timeout: float, context: Any
    ) -> None:
        self.fetcher, self.prefetch, self.timeout = fetcher, prefetch, timeout
        self.busy, self._run, self._owner = False, 0, os.getpid()
        self._workers: list[_Worker] = []
        if multiprocessing.current_process().daemon:
            raise DataError(
                f"{user_line()}: a loader inside a worker cannot have workers of its own; give num_workers=0"
            )
        try:
            for number in range(count):
                self._start(context, number, count, seed, init)
        except BaseException:
            self.end(at_once=True)
            raise

    @property
    def ended(self) -> bool:
        """Whether no worker is left."""
        return not self._workers

    def _start(self, context: Any, number: int, count: int, seed: int, init: Any) -> None:
        """Start a worker. Signals wait meanwhile: one that came in between would leave a child that nobody knows."""
        theirs, tasks = context.Pipe(duplex=True)
        results, outcome = context.Pipe(duplex=True)
        forked = context.get_start_method() == "fork"
        ours = [end for worker in self._workers for end in (worker.tasks, worker.results)] if forked else []
        mask = _block()
        try:
            others = [*ours, tasks, results] if forked else []
            setup = WorkerSetup(self.fetcher, number, count, seed, init, theirs, outcome, others, mask)
            process = context.Process(target=work, args=(setup,), daemon=True, name=f"weft data worker {number}")
            with warnings.catch_warnings():
                # Newer Pythons warn of forking beside threads; a worker touches nothing that other threads may hold.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            self._workers.append(_Worker(number, process, tasks, results))
        except (FrameworkError, pickle.PicklingError, AttributeError, TypeError) as problem:
            if forked:
                raise
            raise DataError(
                f"{user_line()}: workers that are not forked take only what can be pickled, so that a module defines; "
                f"or give multiprocessing_context='fork': {problem}"
            ) from None
        finally:
            if mask is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
            outcome.close()

    def run(self, epoch: Epoch, tasks: Iterator[tuple[int, Any]]) -> Generator[Any, None, None]:
        """The batches of numbered tasks, in their order. Raises WorkerError; the workers have ended then."""
        self.busy = True
        sound = False
        try:
            yield from self._batches(epoch, tasks)
            sound = True
        except GeneratorExit:
            sound = True
            raise
        finally:
            self.busy = False
            if not sound:
                self.end(at_once=True)

    def _batches(self, epoch: Epoch, tasks: Iterator[tuple[int, Any]]) -> Generator[Any, None, None]:
        self._run += 1
        for worker in self._workers:
            worker.open.clear()
            self._tell(worker, Begin(self._run, epoch))
        active, turn = list(self._workers), 0
        waiting: deque[tuple[int, _Worker]] = deque()
        arrived: dict[int, tuple[str, Any]] = {}
        while True:
            while active and len(waiting) < self.prefetch * len(self._workers):
                numbered = next(tasks, None)
                if numbered is None:
                    break
                number, task = numbered
                turn %= len(active)
                worker = active[turn]
                turn += 1
                worker.open[number] = task
                self._tell(worker, FetchOrder(number, task))
                waiting.append((number, worker))
            if not waiting:
                return
            number, worker = waiting.popleft()
            self._await(number, worker, arrived)
            kind, value = arrived.pop(number)
            if kind == "failure":
                raise _error(value, worker.number)
            if kind == "batch":
                yield value
            elif worker in active:  # its stream is through
                place = active.index(worker)
                active.remove(worker)
                turn -= place < turn

    def _await(self, number: int, worker: _Worker, arrived: dict[int, tuple[str, Any]]) -> None:
        """Receive until the answer to a task is there."""
        until = time.monotonic() + self.timeout if self.timeout else None
        while number not in arrived:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                doing = shown_task(next(iter(worker.open.values())))
                raise WorkerError(
                    f"{user_line()}: no batch from {worker.name()} within {self.timeout:g} s; it is at "
                    f"{note_of(self.fetcher.dataset, doing)}"
                )
            ends: dict[Any, _Worker] = {each.results: each for each in self._workers}
            for end in wait([*ends, *(each.process.sentinel for each in self._workers)], min(left or _LOOK, _LOOK)):
                if end in ends:
                    self._take(ends[end], arrived)
            for each in self._workers:
                if each.process.exitcode is not None and not each.results.poll():
                    raise self._death(each)

    def _take(self, worker: _Worker, arrived: dict[int, tuple[str, Any]]) -> None:
        try:
            (run, number, kind), value = receive(worker.results)
        except (EOFError, OSError, RuntimeError):  # RuntimeError: it died between a message and its memory
            raise self._death(worker) from None
        if run == self._run:  # else of an epoch that was given up
            arrived[number] = kind, value
            worker.open.pop(number, None)

    def _tell(self, worker: _Worker, order: Any) -> None:
        try:
            worker.tasks.send(order)
        except OSError:
            raise self._death(worker) from None

    def _death(self, worker: _Worker) -> WorkerError:
        worker.process.join(_GRACE)
        code = worker.process.exitcode
        if code is None:
            how = "closed its pipe"
        elif code < 0:
            how = f"was killed by {_signal(-code)}"
            if -code == getattr(signal, "SIGKILL", 0):
                how += " (the system does that to whoever takes too much memory)"
        else:
            how = f"ended with exit code {code}"
        asked = next(iter(worker.open.values()), "")
        doing = f" while it was at {note_of(self.fetcher.dataset, shown_task(asked))}" if worker.open else ""
        return WorkerError(f"{user_line()}: {worker.name()} {how}{doing}; num_workers=0 shows where it fails")

    def end(self, at_once: bool = False) -> None:
        """Stop the workers; ``at_once``: whatever they are at, and all that they have started."""
        if os.getpid() != self._owner:
            return  # in a forked child, whose parent they belong to
        workers, self._workers = self._workers, []
        if not at_once:
            for worker in workers:
                with suppress(OSError):
                    worker.tasks.send(None)
            until = time.monotonic() + _GRACE
            for worker in workers:
                worker.process.join(max(0.0, until - time.monotonic()))
        for worker in workers:
            if worker.process.exitcode is None:
                end_group(worker.process.pid)
                worker.process.kill()
            worker.process.join()
            for end in (worker.tasks, worker.results):
                end.close()
            worker.process.close()


def _error(failure: Failure, worker: int) -> WorkerError:
    """What to raise for what was raised in a worker: a WorkerError that is of that kind as well."""
    where = "; ".join(failure.notes)
    text = f"{user_line()}: {where}{': ' if where else ''}{failure.text} (in worker {worker})\n\n{failure.traceback}"
    try:
        failure.kind(text)  # else attributes would be missing that its own constructor sets
    except Exception:
        return WorkerError(text.rstrip())
    return _kind(failure.kind)(text.rstrip())  # type: ignore[arg-type]  # typeshed finds no hash


@functools.cache
def _kind(kind: type[BaseException]) -> type[WorkerError]:
    if issubclass(WorkerError, kind):
        return WorkerError
    made: type[WorkerError] = type("WorkerError", (WorkerError, kind), {"__module__": WorkerError.__module__})
    return made


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _block() -> Any:
    """Let signals wait in this thread; the mask there was, or None where threads have none."""
    if not hasattr(signal, "pthread_sigmask"):
        return None
    return signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in SIGNALS})
