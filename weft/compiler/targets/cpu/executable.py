"""A compiled graph: one native function, an arena for its temporaries, and arrays for its results that are used again.

A call fills the table of pointers and makes one native call; the interpreter's lock is free meanwhile.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.compiler.targets.cpu.blas import find_sgemm
from weft.compiler.targets.cpu.buffers import place_temporaries, update_in_place
from weft.compiler.targets.cpu.contents import check_contents
from weft.compiler.targets.cpu.host import HostCall, raise_failure
from weft.compiler.targets.cpu.lower import lower
from weft.compiler.targets.cpu.memory import ALIGNMENT
from weft.compiler.targets.cpu.program import DRIVER_FIELDS, Schedule, compile_steps, driver
from weft.compiler.targets.cpu.threads import ThreadBudget
from weft.framework.device import Result
from weft.framework.graph import Graph, Node
from weft.framework.primitives.base import Array
from weft.framework.reference import checked_value

_RECYCLED_FROM = 16384
"""Bytes from which on a result's memory is worth keeping: fresh pages cost a fault each."""
_OBJECT, _KERNEL = 400, 16384
"""Bytes that a step or a small array takes in tables and as objects, and those of a kernel's code, about."""
_REFERENCES = 2  # to a pooled array that nobody else holds, as sys.getrefcount counts: the list's and the argument's


class CpuExecutable:
    """A graph compiled for this processor. Callable from several threads; calls run one after the other.

    Attributes:
        arena_bytes: memory for all temporaries.
        step_count: loops and products of one run. kernel_count: how many of them differ.
        nbytes: what it holds in memory, about: temporaries, constants, tables and its share of the code.
    """

    def __init__(self, graph: Graph, budget: ThreadBudget) -> None:
        sgemm = find_sgemm()
        single = lower(graph, sgemm is not None)
        lowered = update_in_place(single)
        plan = place_temporaries(lowered)
        check_contents(single, lowered, plan)
        self._calls_host = any(isinstance(step, HostCall) for step in lowered.steps)
        self.arena_bytes, self.step_count = plan.size, len(lowered.steps)
        self._budget = budget
        self._lock = threading.Lock()
        self._schedule = compile_steps(lowered.steps, sgemm)
        self.kernel_count = len(set(self._schedule.kernels))
        address, self._driver = driver()
        self._run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        self._arena = np.empty(plan.size + ALIGNMENT, np.uint8)
        self._constants = lowered.constants
        self._table = np.zeros(max(len(lowered.buffers), 1), np.uintp)
        start = -(-_address(self._arena) // ALIGNMENT) * ALIGNMENT
        self._words = _driver_words(self._schedule, self._table)
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
        self._inputs = [(inputs[n], graph.nodes[i].attr("name"), graph.nodes[i]) for n, i in enumerate(graph.inputs)]
        names = [("output", name) for name, _ in graph.outputs] + [("state", name) for name, _ in graph.updates]
        self._outputs = [
            (outputs[n], kind, name, _Recycler(graph.nodes[i]))
            for n, ((kind, name), i) in enumerate(zip(names, graph.results, strict=True))
        ]

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        """Run once; see `framework.device.Executable`."""
        results: dict[str, dict[str, Array]] = {"output": {}, "state": {}}
        held = []  # arrays made here must live until the run is over
        with self._lock:
            for place, name, node in self._inputs:
                array = _plain(node, name, inputs)
                held.append(array)
                self._table[place] = _address(array)
            for place, kind, name, recycler in self._outputs:
                array = recycler.array()
                results[kind][name] = array
                self._table[place] = _address(array)
            with self._budget:
                self._run(self._fields_at)
            if self._calls_host:
                raise_failure()
        return Result(results["output"], results["state"])


def _driver_words(schedule: Schedule, table: Array) -> dict[str, Array | int]:
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
    }
    return {name: fields[name] for name in DRIVER_FIELDS}


def _word(field: Array | int) -> int:
    return field if isinstance(field, int) else _address(field)


class _Recycler:
    """Memory for one result: what earlier calls gave out and nobody holds any more, else new.

    What is given out is a view, so that every further view of it keeps the array behind it alive and counted.
    """

    def __init__(self, node: Node) -> None:
        self.shape, self.dtype = node.shape, node.dtype.numpy
        self.worth_keeping = node.size * node.dtype.itemsize >= _RECYCLED_FROM
        self.pool: list[Array] = []

    def array(self) -> Array:
        """An uninitialised array that belongs to the caller alone."""
        if not self.worth_keeping:
            return np.empty(self.shape, self.dtype)
        for n in range(len(self.pool)):
            if sys.getrefcount(self.pool[n]) == _REFERENCES:
                return self.pool[n].view()
        fresh = np.empty(self.shape, self.dtype)
        # Two are enough for a loop that reads the old state while it writes the new.
        if len(self.pool) < 2:
            self.pool.append(fresh)
        return fresh.view()


def _plain(node: Node, name: str, values: Mapping[str, Array]) -> Array:
    """The array given for an input, as compiled code reads it: the node's dtype and shape, row-major and aligned."""
    array = values.get(name)
    if type(array) is np.ndarray and array.shape == node.shape and array.dtype == node.dtype.numpy:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
    return np.require(checked_value(node, values), requirements=["C", "A"])


def _address(array: Array) -> int:
    buffer: Any = array  # NumPy declares no writable buffer
    try:  # a fifth of the time
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    except (TypeError, ValueError):  # not writable, empty, or of a type that buffers do not have
        address: int = array.__array_interface__["data"][0]
        return address
