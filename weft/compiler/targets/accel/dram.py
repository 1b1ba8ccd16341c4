"""Arrays in the accelerator's DRAM: handles of what a program left there, and the image that its next run starts from.

A simulated run takes an image of the whole DRAM and gives the one that it leaves. A program goes on from its own last
image, into which only that is written which does not lie there yet. A handle is a region of an image; what is still
held when its image is two runs old is saved from it, so that a program keeps two images at most.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weft.framework.device import Value, host
from weft.framework.graph import Node
from weft.framework.primitives.base import Array
from weft.framework.reference import checked_value
from weft.isa.image import Bytes, copied
from weft.isa.program import Buffer

if TYPE_CHECKING:
    from weft.compiler.targets.accel.device import AccelDevice


class DramArray:
    """An array in the DRAM of a simulated machine (see ``framework.device.DeviceArray``)."""

    __slots__ = ("__weakref__", "_region", "_saved", "device", "nbytes", "shape")

    def __init__(self, device: AccelDevice, array: Array) -> None:
        """A copy of ``array`` that no program has used yet: it lies in a region once one takes it."""
        self.device, self.shape, self.nbytes = device, array.shape, array.nbytes
        self._saved: Array | None = array.copy()
        self._region: tuple[Node, Buffer, Bytes] | None = None

    @classmethod
    def in_region(cls, device: AccelDevice, node: Node, buffer: Buffer, image: Bytes) -> DramArray:
        """What a run left in a buffer of its image, the value of ``node``."""
        made = cls.__new__(cls)
        made.device, made.shape, made.nbytes = device, node.shape, node.size * node.dtype.itemsize
        made._saved, made._region = None, (node, buffer, image)
        return made

    @property
    def lies_in_dram(self) -> bool:
        """Whether it is a region of an image; else it was put on the device, or saved."""
        return self._region is not None

    def read(self) -> Array:
        """What it holds; not to be written to."""
        if self._saved is not None:
            return self._saved
        assert self._region is not None
        node, buffer, image = self._region
        value = buffer.read(image)
        return value != 0 if node.dtype.kind == "bool" else value

    def save(self) -> None:
        """Leave the image."""
        self._saved, self._region = self.read(), None

    def copy_to(self, buffer: Buffer, image: Bytes) -> bool:
        """Copy it from region to region, as it is stored. False for one that lies in none of this form."""
        if self._region is None:
            return False
        _, own, source = self._region
        if (own.dtype, own.shape) != (buffer.dtype, buffer.shape):
            return False
        buffer.view(image)[...] = own.view(source)
        return True

    def __repr__(self) -> str:
        return f"DramArray({list(self.shape)} on {self.device})"


class ProgramMemory:
    """The DRAM of one program between its runs: an image, and which value lies in which of its input regions.

    host_writes, device_copies: how many regions were written from the host, and copied from other regions, so far.
    """

    def __init__(self, device: AccelDevice, image: Bytes, regions: Sequence[tuple[Buffer | None, Node]]) -> None:
        """regions: the buffer, if it has one, and the node of every input and state, in the graph's order."""
        self.device, self._image, self._regions = device, image, regions
        self._held: list[Value | None] = [None] * len(regions)
        self._last: list[weakref.ref[DramArray]] = []
        self._older: list[weakref.ref[DramArray]] = []
        self.host_writes = self.device_copies = 0

    def filled(self, values: Sequence[Value]) -> Bytes:
        """The image with ``values`` in the regions; what lies in its own from the last run is not written again."""
        for reference in self._older:
            handle = reference()
            if handle is not None:
                handle.save()
        self._older, self._last = self._last, []
        image, is_own = self._image, False
        for n, ((buffer, node), value) in enumerate(zip(self._regions, values, strict=True)):
            if buffer is None or value is self._held[n]:
                continue
            if not is_own:  # a run shows its image to whoever asked for it
                image, is_own = copied(image), True
            self._write(buffer, node, value, image)
            self._held[n] = value
        self._image = image
        return image

    def ran(self, image: Bytes, updated: Sequence[tuple[int, DramArray]], outputs: Sequence[DramArray]) -> None:
        """A run has left ``image``: of the regions, those of ``updated`` hold these values now."""
        self._image = image
        for n, handle in updated:
            self._held[n] = handle
        self._last = [weakref.ref(handle) for handle in (*(handle for _, handle in updated), *outputs)]

    def _write(self, buffer: Buffer, node: Node, value: Value, image: Bytes) -> None:
        if isinstance(value, DramArray) and value.device is self.device and value.copy_to(buffer, image):
            self.device_copies += 1
            return
        write(buffer, node, host(value), image)
        self.host_writes += 1


def write(buffer: Buffer, node: Node, value: Array, image: Bytes) -> None:
    """Put the value of an input node into its region, as it lies in DRAM: a bool is -1 or 0.

    Raises ShapeError for one of another shape.
    """
    array = checked_value(node, {node.attr("name"): value})
    buffer.write(image, -array.astype(np.int8) if node.dtype.kind == "bool" else array)
