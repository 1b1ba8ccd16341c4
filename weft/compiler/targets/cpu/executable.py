"""A compiled graph: one native function, an arena for its temporaries, and arrays for its results that are used again.

A call fills the table of pointers and makes one native call; the interpreter's lock is free meanwhile. Where the arrays
of earlier results lie is known, so state that goes round from call to call costs a look into a dictionary.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.blas import find_sgemm
from weft.compiler.targets.cpu.counts import counts
from weft.compiler.targets.cpu.driver import DRIVER_FIELDS, native_driver
from weft.compiler.targets.cpu.host import HostCall, raise_failure
from weft.compiler.targets.cpu.memory import ALIGNMENT
from weft.compiler.targets.cpu.plan import plan_steps
from weft.compiler.targets.cpu.program import Gemm, Schedule, Step, compile_steps
from weft.compiler.targets.cpu.team import ThreadTeam, thread_team
from weft.compiler.targets.cpu.threads import ThreadBudget
from weft.framework.device import Result, Value, host
from weft.framework.graph import Graph, Node
from weft.framework.primitives.base import Array
from weft.framework.reference import checked_value

_OBJECT, _KERNEL = 400, 16384
"""Bytes that a step or a small array takes in tables and as objects, and those of a kernel's code, about."""
_POOLED = 2
"""Arrays kept for each result: enough for a loop that reads the old state while it writes the new."""
_REFERENCES = 3  # to an array that nobody else holds, as sys.getrefcount counts: the pool's, a name's, the argument's
_ONE_THREAD = 1 << 16
"""Multiply-accumulates up to which a BLAS does a product on one thread, whatever its budget."""


class CpuExecutable:
    """A graph compiled for this processor. Callable from several threads; calls run one after the other.

    Attributes:
        plan: its steps, and where all they touch lies. arena_bytes: memory for all temporaries.
        step_count: loops and products of one run. kernel_count: how many of them differ.
        counts: kernels, bytes and operations of one run. divided: how many of its steps are shared among threads.
        nbytes: what it holds in memory, about: temporaries, constants, tables and its share of the code.
    """

    def __init__(self, graph: Graph, budget: ThreadBudget) -> None:
        sgemm = find_sgemm()
        self.plan = plan_steps(graph, sgemm is not None, budget.threads)
        lowered, plan = self.plan.lowered, self.plan.memory
        self._calls_host = any(isinstance(step, HostCall) for step in lowered.steps)
        self.arena_bytes, self.step_count = plan.size, len(lowered.steps)
        self.counts = counts(lowered.steps)
        self._budget = budget
        self._lock = threading.Lock()
        self._schedule = compile_steps(lowered.steps, sgemm, budget.threads, self._body)
        self.divided = sum(parts > 1 for parts in self._schedule.parts)
        self._team = thread_team(budget.threads) if self.divided else None
        self.kernel_count = len(set(self._schedule.kernels))
        self._driver = native_driver()
        self._native = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._driver.address("run"))
        self._arena = np.empty(plan.size + ALIGNMENT, np.uint8)
        self._constants = lowered.constants
        self._table = np.zeros(max(len(lowered.buffers), 1), np.uintp)
        self._addresses = memoryview(self._table.data)
        self._needs_budget = self._calls_host or any(map(_is_large_product, lowered.steps))
        start = -(-_address(self._arena) // ALIGNMENT) * ALIGNMENT
        self._words = _driver_words(self._schedule, self._table, self._team)
        self._fields = np.array([_word(array) for array in self._words.values()], np.int64)
        self._fields_at = _address(self._fields)
        constants = sum(constant.nbytes + _OBJECT for constant in lowered.constants)
        self.nbytes = plan.size + constants + _OBJECT * len(lowered.steps) + _KERNEL * self.kernel_count
        inputs: dict[int, int] = {}
        outputs: dict[int, int] = {}
        for place, buffer in enumerate(lowered.buffers):
            if buffer.kind == "temporary":
                self._table[place] = start + plan.offsets.get(place, 0)
            elif buffer.kind == "constant":
                self._table[place] = _address(lowered.constants[buffer.number])
            else:
                (inputs if buffer.kind == "input" else outputs)[buffer.number] = place
        nodes = [graph.nodes[i] for i in graph.inputs]
        self._inputs = [(inputs[n], node.attr("name"), node) for n, node in enumerate(nodes)]
        self._outputs = [(outputs[n], _ResultMemory(graph.nodes[i])) for n, i in enumerate(graph.results)]
        self._names = [name for name, _ in graph.outputs], [name for name, _ in graph.updates]
        self._known: dict[int, int] = {}

    def _body(self, graph: Graph) -> Callable[[Sequence[Value]], Sequence[Any]]:
        """What computes the results of a body on this one's threads."""
        return CpuExecutable(pipeline.run(graph, "cpu"), self._budget).run

    def run(self, values: Sequence[Value]) -> list[Value]:
        """Run once; see `framework.device.Executable`. Values are NumPy arrays."""
        known, addresses = self._known, self._addresses
        held, results = list[Array](), list[Value]()  # arrays made here must live until the run is over
        with self._lock:
            for value, (place, name, node) in zip(values, self._inputs, strict=True):
                address = known.get(id(value))
                if address is None:
                    array = _plain(node, name, value)
                    held.append(array)
                    address = _address(array)
                addresses[place] = address
            for place, memory in self._outputs:
                for result, address in memory.pool:  # noqa: B007 (it is used after the loop)
                    if sys.getrefcount(result) == _REFERENCES:
                        break
                else:
                    result, address = memory.fresh(known)
                results.append(result)
                addresses[place] = address
            if self._team is not None and not self._team.started:
                self._team.start()
            if self._needs_budget:
                with self._budget:
                    self._native(self._fields_at)
            else:
                self._native(self._fields_at)
            if self._calls_host:
                raise_failure()
        return results

    def step_seconds(self, values: Sequence[Value], rounds: int) -> list[float]:
        """What each step of the plan takes of the processor on one thread: the least of so many rounds."""
        kept = self.run(values)  # noqa: F841 (the steps write into its results)
        schedule, table = self._schedule, self._table
        called: list[tuple[Any, Any]] = []
        for kernel, given in zip(schedule.kernels, schedule.arguments, strict=True):
            pointers = [int(table[argument.buffer]) + argument.offset for argument in given]
            function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(kernel.address)
            called.append((function, (ctypes.c_void_p * max(1, len(pointers)))(*pointers)))
        seconds = [math.inf] * len(called)
        with self._lock, self._budget:
            for _ in range(rounds):
                for n, (function, pointers) in enumerate(called):
                    began = time.thread_time()
                    function(pointers, 0, 1)
                    seconds[n] = min(seconds[n], time.thread_time() - began)
        return seconds

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        """Run once; see `framework.device.Executable`."""
        results = self.run([checked_value(node, inputs) for _, _, node in self._inputs])
        outputs, states = self._names
        arrays = [host(result).view() for result in results]  # a caller may give a view another shape
        return Result(dict(zip(outputs, arrays)), dict(zip(states, arrays[len(outputs) :], strict=True)))  # noqa: B905


def _is_large_product(step: Step) -> bool:
    """Whether a step is a product that may take several threads."""
    return isinstance(step, Gemm) and math.prod((*step.out.shape[-2:], step.a.shape[-1])) > _ONE_THREAD


def _driver_words(schedule: Schedule, table: Array, team: ThreadTeam | None) -> dict[str, Array | int]:
    """The driver's fields by name, in order."""
    flat = [argument for given in schedule.arguments for argument in given]
    counts = [len(given) for given in schedule.arguments]
    fields: dict[str, Array | int] = {
        "table": table,
        "argument_count": len(flat),
        "buffers": np.array([argument.buffer for argument in flat], np.int64),
        "offsets": np.array([argument.offset for argument in flat], np.int64),
        "arguments": np.zeros(len(flat), np.int64),
        "kernel_count": len(counts),
        "kernels": np.array([kernel.address for kernel in schedule.kernels], np.uint64),
        "starts": np.cumsum([0, *counts], dtype=np.int64),
        "parts": np.array(schedule.parts, np.int64),
        "team": 0 if team is None else team.address,
    }
    return {name: fields[name] for name in DRIVER_FIELDS}


def _word(field: Array | int) -> int:
    return field if isinstance(field, int) else _address(field)


class _ResultMemory:
    """Memory for one result: a few arrays, each with its address, that are used again once nobody holds them.

    Views of an array keep it alive, and so are counted.
    """

    def __init__(self, node: Node) -> None:
        self.shape, self.dtype = node.shape, node.dtype.numpy
        self.pool: list[tuple[Array, int]] = []

    def fresh(self, known: dict[int, int]) -> tuple[Array, int]:
        """An uninitialised array that belongs to the caller, and its address; entered in `known` if it is kept."""
        array = np.empty(self.shape, self.dtype)
        address = _address(array)
        if len(self.pool) < _POOLED:
            self.pool.append((array, address))
            known[id(array)] = address
        return array, address


def _plain(node: Node, name: str, value: Value) -> Array:
    """The value given for an input, as compiled code reads it: the node's dtype and shape, row-major and aligned."""
    array = host(value)
    if type(array) is np.ndarray and array.shape == node.shape and array.dtype == node.dtype.numpy:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
    return np.require(checked_value(node, {name: array}), requirements=["C", "A"])


def _address(array: Array) -> int:
    buffer: Any = array  # NumPy declares no writable buffer
    try:  # a fifth of the time
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    except (TypeError, ValueError):  # not writable, empty, or of a type that buffers do not have
        address: int = array.__array_interface__["data"][0]
        return address
