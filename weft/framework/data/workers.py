"""What a worker process does: it takes tasks from a pipe, fetches, and sends batches back, until it is told to stop.

It leads a session of its own, which Ctrl-C does not reach, and ends with whoever started it: a thread reads the pipe,
and when that closes, the worker and all that it has started are killed, whatever they are at.
"""

from __future__ import annotations

import os
import queue
import random
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from weft.base.children import end_group
from weft.framework.data.exchange import Link, send
from weft.framework.data.fetching import Exhausted, Fetcher
from weft.framework.data.position import Epoch
from weft.framework.tracebacks import shown

SIGNALS = ("SIGINT", "SIGTERM")
"""What ends a worker in the way it ends a program, whatever the process that started it makes of it."""


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is (``id`` of ``num_workers``), the seed it began with, and its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_INFO: ContextVar[WorkerInfo | None] = ContextVar("worker", default=None)


def get_worker_info() -> WorkerInfo | None:
    """The worker that this is called in; None in the main process."""
    return _INFO.get()


@dataclass(frozen=True)
class Begin:
    """An epoch begins: what is sent back from now on is of this ``run``, and a stream starts anew."""

    run: int
    epoch: Epoch


@dataclass(frozen=True)
class FetchOrder:
    """Batch ``number`` of an epoch, and what to fetch for it."""

    number: int
    task: Any


@dataclass(frozen=True)
class Failure:
    """What was raised in a worker: as text, with the notes and the traceback, and its nearest class that has a name
    everywhere."""

    kind: type[BaseException]
    text: str
    notes: tuple[str, ...]
    traceback: str


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker works with. ``others``: the main process's ends of pipes, which a forked worker inherits."""

    fetcher: Fetcher
    id: int
    num_workers: int
    seed: int
    init: Callable[[int], Any] | None
    tasks: Link
    results: Link
    others: Sequence[Link]
    mask: Any


def work(setup: WorkerSetup) -> None:
    """Work until told to stop."""
    if hasattr(os, "setsid"):
        with suppress(PermissionError):
            os.setsid()
    _default_signals(setup.mask)
    for other in setup.others:
        other.close()
    orders: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(setup.tasks, orders), daemon=True).start()
    failure = _started(setup)
    run = 0
    with suppress(BrokenPipeError, ConnectionResetError):  # the main process is gone, and so will this one be
        while (order := orders.get()) is not None:
            if isinstance(order, Begin):
                run = order.run
                setup.fetcher.begin(order.epoch, setup.id, setup.num_workers)
                continue
            _answer(setup, run, order, failure)


def _answer(setup: WorkerSetup, run: int, order: FetchOrder, failure: Failure | None) -> None:
    header = (run, order.number)
    if failure is None:
        try:
            batch = setup.fetcher.fetch(order.number, order.task)
        except Exhausted:
            setup.results.send(((*header, "exhausted"), None, 0))
            return
        except Exception as error:
            failure = failed(error)
        else:
            try:
                send(setup.results, (*header, "batch"), batch)
                return
            except (BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:
                error.add_note("sending the batch of a worker; a collate_fn can make tensors, arrays, numbers, texts, "
                               "tuples, lists and dictionaries of it")  # fmt: skip
                failure = failed(error)
    setup.results.send(((*header, "failure"), failure, 0))


def _started(setup: WorkerSetup) -> Failure | None:
    """Seed what may be drawn from, say who this is, and call the user's own function; what went wrong then."""
    seed = (setup.seed + setup.id) & (2**64 - 1)
    random.seed(seed)
    np.random.seed([seed & 0xFFFFFFFF, seed >> 32])
    _INFO.set(WorkerInfo(setup.id, setup.num_workers, seed, setup.fetcher.dataset))
    if setup.init is not None:
        try:
            setup.init(setup.id)
        except Exception as error:
            error.add_note(f"worker_init_fn({setup.id})")
            return failed(error)
    return None


def failed(error: Exception) -> Failure:
    """An exception as it is sent."""
    kind = next(kind for kind in type(error).__mro__ if "<locals>" not in kind.__qualname__ and _is_found(kind))
    return Failure(kind, f"{type(error).__name__}: {error}", tuple(getattr(error, "__notes__", ())), shown(error))


def _is_found(kind: type) -> bool:
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def _listen(tasks: Link, orders: queue.SimpleQueue[Any]) -> None:
    """Take orders off the pipe at once, so that whoever sends never waits; end with whoever does."""
    try:
        while (order := tasks.recv()) is not None:
            orders.put(order)
        orders.put(None)
        tasks.recv()  # nothing comes; it ends when the other side does
    except (EOFError, OSError):
        pass
    if hasattr(os, "getpgid") and os.getpgid(0) == os.getpid():
        end_group(os.getpid())
    os._exit(1)


def _default_signals(mask: Any) -> None:
    """What handlers the main process has are its own; what its shell ignores stays ignored."""
    for number in (getattr(signal, name) for name in SIGNALS):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
