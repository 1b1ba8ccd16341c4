"""What every byte holds while kernels run in program order: a placement is checked before anything is emitted.

The check knows nothing of how places were chosen. It follows all writes and asks of every read whether the bytes still
hold the value that is wanted, and at the end whether states and outputs hold what the graph says.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from compiler.errors import InternalError
from compiler.targets.accel.arrays import Array
from compiler.targets.accel.kernel import Kernel

DRAM, SCRATCHPAD = "DRAM", "scratchpad"


class Contents:
    """Which value lies where: disjoint ranges of bytes of each memory, each holding all of one value."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = {DRAM: [], SCRATCHPAD: []}
        self._held: dict[tuple[str, int], tuple[int, int]] = {}  # (memory, start) → end, value

    def write(self, array: Array, value: int) -> None:
        """``array`` holds ``value``; whatever had a byte in common with it is gone."""
        memory, start, end = extent(array)
        starts = self._starts[memory]
        at = bisect.bisect_right(starts, start) - 1
        at = at if at >= 0 and self._held[memory, starts[at]][0] > start else at + 1
        while at < len(starts) and starts[at] < end:
            del self._held[memory, starts.pop(at)]
        starts.insert(at, start)
        self._held[memory, start] = end, value

    def at(self, array: Array) -> int | None:
        """The value that all of ``array`` holds; None if there is none."""
        memory, start, end = extent(array)
        held = self._held.get((memory, start))
        return held[1] if held is not None and held[0] == end else None


def extent(array: Array) -> tuple[str, int, int]:
    """The memory of an array, its first byte and the one after its last."""
    memory, start = (DRAM, array.address) if array.local is None else (SCRATCHPAD, array.local)
    return memory, start, start + array.rows * array.pitch


def overlap(a: Array, b: Array) -> bool:
    """Whether two arrays have a byte in common."""
    (memory, start, end), (other, first, last) = extent(a), extent(b)
    return memory == other and start < last and first < end


def may_overwrite(kernel: Kernel, read: int, made: int) -> bool:
    """Whether a kernel may write value ``made`` where value ``read``, an operand of it, lies: if it reads that element
    by element in the place of the new one, and not through the array."""
    if kernel.product and read in (kernel.product.a, kernel.product.b):
        return False
    role = next(kernel.micros[m].role for m, v in kernel.outputs.items() if v == made)
    return all(m.role == role for m in kernel.micros if m.kind == "leaf" and m.value == read)


def check_contents(
    kernels: Sequence[Kernel],
    arrays: Mapping[int, Array],
    given: Sequence[int],
    wanted: Sequence[tuple[str, Array, int]],
    copies: Mapping[int, int],
) -> None:
    """Check that every kernel reads what it should, and that at the end every place holds what it should.

    given: values that are there before the first kernel. wanted: (name, place, value) at the end. copies: values that
    are copies → what they are copies of. Raises InternalError naming the kernel or the result.
    """
    contents = Contents()
    for value in given:
        contents.write(arrays[value], value)
    for kernel in kernels:
        for value in kernel.values:
            if contents.at(arrays[value]) != value:
                raise _wrong(kernel.label, f"it reads %{value} where %{contents.at(arrays[value])} lies")
        made = list(kernel.outputs.values())
        for number, value in enumerate(made):
            if any(overlap(arrays[value], arrays[other]) for other in made[:number]):
                raise _wrong(kernel.label, f"%{value} lies where it writes another result")
            for read in kernel.values:
                same = arrays[read] == arrays[value] and may_overwrite(kernel, read, value)
                if not same and overlap(arrays[read], arrays[value]):
                    raise _wrong(kernel.label, f"%{value} lies where it still reads %{read}")
        for value in made:
            contents.write(arrays[value], value)
    for name, place, value in wanted:
        found = contents.at(place)
        if found is None or copies.get(found, found) != copies.get(value, value):
            raise _wrong(name, f"at the end there is %{found} instead of %{value}")


def _wrong(where: str, what: str) -> InternalError:
    return InternalError(where, f"placement: {what}")
