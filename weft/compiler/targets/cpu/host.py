"""Steps without a loop of their own: sorting and the like by their primitive's NumPy reference, control flow in Python.

To the driver such a step is a kernel like others: a C function that calls back into Python. What goes wrong in it is
kept and raised when the run is over. The bodies of loops and branches are compiled like any graph.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft.compiler.targets.cpu.loops import AccessWindow
from weft.framework.dtypes import DTYPES
from weft.framework.graph import Attributes, Graph, Subgraph
from weft.framework.primitives.base import Array
from weft.framework.primitives.control import FLOWS
from weft.framework.reference import compute


class HostCall(NamedTuple):
    """outs = what primitive `op` means for `operands`. The windows of `outs` have the results' shapes and dtypes."""

    op: str
    attrs: Attributes
    operands: tuple[AccessWindow, ...]
    outs: tuple[AccessWindow, ...]

    @property
    def windows(self) -> tuple[AccessWindow, ...]:
        """All of memory that it touches."""
        return (*self.operands, *self.outs)

    def with_windows(self, windows: Sequence[AccessWindow]) -> HostCall:
        """The same on other memory."""
        count = len(self.operands)
        return self._replace(operands=tuple(windows[:count]), outs=tuple(windows[count:]))


_FAILED = threading.local()
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int64, ctypes.c_int64)


Compile = Callable[[Graph], Callable[[Sequence[Array]], Sequence[Array]]]
"""Makes of a body what computes its results."""


def host_kernel(step: HostCall, compile_body: Compile) -> tuple[int, object]:
    """The address of a kernel that computes `step`, which is given one pointer a buffer; and what has to live for it
    to be called."""
    computed = _computed(step, compile_body)
    views = [_viewer(w) for w in (*step.operands, *step.outs)]
    count = len(step.operands)

    def run(pointers: Any, part: int, parts: int) -> None:
        try:
            arrays = [view(pointers) for view in views]
            results = computed(arrays[:count])
            for target, value in zip(arrays[count:], results, strict=True):
                target[...] = value
        except BaseException as error:  # no exception passes through C
            _FAILED.error = error

    kernel = _KERNEL(run)
    return int(ctypes.cast(kernel, ctypes.c_void_p).value or 0), kernel


def _computed(step: HostCall, compile_body: Compile) -> Callable[[Sequence[Array]], tuple[Array, ...]]:
    """The results of `step` for its operands."""
    attrs, kinds = dict(step.attrs), [DTYPES[w.dtype] for w in step.outs]
    if step.op not in FLOWS:
        return lambda operands: compute(step.op, attrs, kinds, operands)
    bodies = {name: compile_body(held.graph) for name, held in attrs.items() if isinstance(held, Subgraph)}
    flow, own = FLOWS[step.op], np.dtype(np.float32)  # every value at its own type
    return lambda operands: flow(operands, attrs, own, lambda name, given: bodies[name](given))


def raise_failure() -> None:
    """Raise what the host calls of this thread have failed with, if any has."""
    error, _FAILED.error = getattr(_FAILED, "error", None), None
    if error is not None:
        raise error


def _viewer(window: AccessWindow) -> Callable[[Any], Array]:
    """Of the pointers a step is given, the array that the window shows."""
    dtype = DTYPES[window.dtype].numpy
    strides = tuple(stride * dtype.itemsize for stride in window.strides)
    span = 1 + window.offset + _reach(window.shape, window.strides)
    memory = ctypes.c_char * (max(span, 1) * dtype.itemsize)
    if 0 in window.shape:
        return lambda pointers: np.empty(window.shape, dtype)

    def view(pointers: Any) -> Array:
        buffer: Any = memory.from_address(pointers[window.buffer])
        return np.ndarray(window.shape, dtype, buffer, window.offset * dtype.itemsize, strides)

    return view


def _reach(shape: Sequence[int], strides: Sequence[int]) -> int:
    """How far behind its first element a window's last one lies, in elements."""
    return sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
