"""The check of a placement: every kernel reads what it should, and at the end everything lies where it should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weft.compiler.contents import Bytes, Contents
from weft.compiler.errors import InternalError
from weft.compiler.targets.accel.arrays import StoredValue
from weft.compiler.targets.accel.kernel import TileKernel


def place(array: StoredValue) -> Bytes:
    """The bytes of an array."""
    memory, start = ("DRAM", array.address) if array.local is None else ("scratchpad", array.local)
    return Bytes(memory, start, start + array.rows * array.pitch)


def may_overwrite(kernel: TileKernel, read: int, made: int) -> bool:
    """Whether a kernel may write value ``made`` where value ``read``, an operand of it, lies: if it reads that element
    by element in the place of the new one, and not through the array."""
    if kernel.product and read in (kernel.product.a, kernel.product.b):
        return False
    role = next(kernel.micros[m].role for m, v in kernel.outputs.items() if v == made)
    return all(m.role == role for m in kernel.micros if m.kind == "leaf" and m.value == read)


def check_contents(
    kernels: Sequence[TileKernel],
    arrays: Mapping[int, StoredValue],
    given: Sequence[int],
    wanted: Sequence[tuple[str, StoredValue, int]],
    copies: Mapping[int, int],
) -> None:
    """Follow all kernels in program order.

    given: values that are there before the first kernel. wanted: (name, place, value) at the end. copies: values that
    are copies → what they are copies of. Raises InternalError naming the kernel or the result.
    """
    contents = Contents()
    for value in given:
        contents.write(place(arrays[value]), value)
    for kernel in kernels:
        for value in kernel.values:
            found = contents.at(place(arrays[value]))
            if found != value:
                raise _wrong(kernel.label, f"it reads %{value} where %{found} lies")
        made = list(kernel.outputs.values())
        for number, value in enumerate(made):
            mine = place(arrays[value])
            if any(mine.meets(place(arrays[other])) for other in made[:number]):
                raise _wrong(kernel.label, f"%{value} lies where it writes another result")
            for read in kernel.values:
                same = arrays[read] == arrays[value] and may_overwrite(kernel, read, value)
                if not same and mine.meets(place(arrays[read])):
                    raise _wrong(kernel.label, f"%{value} lies where it still reads %{read}")
        for value in made:
            contents.write(place(arrays[value]), value)
    for name, array, value in wanted:
        found = contents.at(place(array))
        if found is None or copies.get(found, found) != copies.get(value, value):
            raise _wrong(name, f"at the end there is %{found} instead of %{value}")


def _wrong(where: str, what: str) -> InternalError:
    return InternalError(where, f"placement: {what}")
