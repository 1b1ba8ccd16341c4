"""Buffers as arrays in a DRAM image, and what is said where a name, a shape or an element type is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from weft.isa.assembler import assemble
from weft.isa.errors import ProgramError

PROGRAM = assemble(
    ".machine nano\n.buffer x input float32 2x3 @0x2004 pitch=16\n.buffer s state int8 scalar @0x3000\nhalt\n"
)


def test_a_buffer_is_read_as_it_was_written_and_touches_only_its_elements() -> None:
    dram = np.full(0x4000, 0xEE, np.uint8)
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    x, s = PROGRAM.buffer("x"), PROGRAM.buffer("s")
    x.write(dram, value)
    s.write(dram, np.int8(-3))
    np.testing.assert_array_equal(x.read(dram), value)
    assert (s.read(dram).shape, int(s.read(dram))) == ((), -3)
    # Four bytes behind each row of twelve belong to nobody.
    assert np.flatnonzero(dram[0x2000:0x2028] != 0xEE).tolist() == [*range(4, 16), *range(20, 32)]
    assert dram[0x2004:0x2010].tobytes() == value[0].tobytes()
    assert dram[0x2014:0x2020].tobytes() == value[1].tobytes()


@pytest.mark.parametrize(
    ("value", "given"),
    [(np.zeros((3, 2), np.float32), "float32[3, 2]"), (np.zeros((2, 3)), "float64[2, 3]")],
)
def test_a_value_of_another_shape_or_type_is_refused(value: np.ndarray, given: str) -> None:
    with pytest.raises(ProgramError) as error:
        PROGRAM.buffer("x").write(np.zeros(0x4000, np.uint8), value)
    assert str(error.value) == f"buffer 'x' holds float32[2, 3]; given {given}"


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ProgramError, match=r"^no buffer 'y'; there are: x, s$"):
        PROGRAM.buffer("y")
