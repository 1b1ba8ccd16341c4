"""Batches between this process and its workers: arrays as plain memory, what is around them pickled.

What goes through a pipe is pickled by ``multiprocessing`` itself, between a process and the children that it started;
no file and no other process is involved. Arrays of some size are written to memory that both map (where the system has
``memfd_create``); it has no name, so that nothing is left behind whoever is killed.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import numpy as np

from weft.framework.dtypes import as_dtype
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor
from weft.framework.tree import map_leaves

Link: TypeAlias = "Connection[Any, Any]"
SHARED_FROM = 1 << 15
"""Bytes of arrays in a batch from which on they are shared; below that the pipe is faster."""
_ALIGNED = 64


@dataclass(frozen=True)
class _Shipped:
    """An array or the values of a tensor on their way: in the message itself, or at an offset of shared memory."""

    is_tensor: bool
    array: Array | None
    dtype: Any = None
    shape: tuple[int, ...] = ()
    offset: int = 0


def send(connection: Link, header: Any, value: Any) -> None:
    """Send a header and a nest of tensors, arrays and plain data. Raises as pickling does for what cannot be sent, and
    then nothing has been sent."""
    arrays: list[tuple[Array, int]] = []
    size = 0

    def shared(path: str, leaf: Any) -> Any:
        nonlocal size
        is_tensor = isinstance(leaf, Tensor)
        if not is_tensor and not (type(leaf) is np.ndarray and not leaf.dtype.hasobject):
            return leaf
        array = leaf.numpy() if is_tensor else leaf
        arrays.append((array, size))
        size += -(-array.nbytes // _ALIGNED) * _ALIGNED
        return _Shipped(is_tensor, None, array.dtype, array.shape, arrays[-1][1])

    nest = map_leaves(value, shared)
    if size < SHARED_FROM or not hasattr(os, "memfd_create"):
        whole = iter(array for array, _ in arrays)
        nest = map_leaves(nest, lambda path, leaf: _inline(leaf, whole) if isinstance(leaf, _Shipped) else leaf)
        connection.send((header, nest, 0))
        return
    handle = os.memfd_create("weft batch", os.MFD_CLOEXEC)
    try:
        os.ftruncate(handle, size)
        with mmap.mmap(handle, size) as memory:
            for array, offset in arrays:
                place: Array = np.ndarray(array.shape, array.dtype, memory, offset)
                place[...] = array
                del place
        connection.send((header, nest, size))
        reduction.send_handle(connection, handle, os.getppid())
    finally:
        os.close(handle)


def receive(connection: Link) -> tuple[Any, Any]:
    """What ``send`` sent: header and value. Raises EOFError or OSError when the other side is gone."""
    header, nest, size = connection.recv()
    if not size:
        return header, map_leaves(
            nest, lambda path, leaf: _value(leaf.array, leaf) if isinstance(leaf, _Shipped) else leaf
        )
    handle = reduction.recv_handle(connection)
    try:
        memory = mmap.mmap(handle, size)
    finally:
        os.close(handle)

    def found(path: str, leaf: Any) -> Any:
        if not isinstance(leaf, _Shipped):
            return leaf
        return _value(np.ndarray(leaf.shape, leaf.dtype, memory, leaf.offset), leaf)  # which keeps the memory

    return header, map_leaves(nest, found)


def _inline(leaf: _Shipped, arrays: Any) -> _Shipped:
    return _Shipped(leaf.is_tensor, next(arrays))


def _value(array: Any, leaf: _Shipped) -> Any:
    return Tensor(array, dtype=as_dtype(array.dtype)) if leaf.is_tensor else array
