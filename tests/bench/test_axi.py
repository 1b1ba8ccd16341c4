"""The memory and the driver of the bench, against signals that a test sets: X where it matters, and the protocol."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("cocotb", reason="needs cocotb: pip install 'weftml[dev]'")

from cocotb.types import LogicArray

from weft.testbench.kit.axi import INPUTS, AxiMemory, known

OUTPUTS = {
    "arvalid": 1, "araddr": 32, "arlen": 8, "arid": 1, "arsize": 3, "arburst": 2,
    "awvalid": 1, "awaddr": 32, "awlen": 8, "awid": 1, "awsize": 3, "awburst": 2,
    "wvalid": 1, "wdata": 32, "wstrb": 4, "wlast": 1, "rready": 1, "bready": 1,
}  # fmt: skip


class Signal(SimpleNamespace):
    """A handle of cocotb's, as far as the memory knows it."""

    def __len__(self) -> int:
        return len(self.value)


def core(**values: int | str) -> Any:
    """A core whose outputs are X but for ``values``, numbers or bits."""
    dut = SimpleNamespace()
    for name in INPUTS:
        setattr(dut, f"m_axi_{name}", Signal(_name=f"m_axi_{name}", value=None))
    for name, size in OUTPUTS.items():
        value = values.get(name, "X" * size)
        bits = LogicArray(value) if isinstance(value, str) else LogicArray.from_unsigned(value, size)
        setattr(dut, f"m_axi_{name}", Signal(_name=f"m_axi_{name}", value=bits))
    return dut


def memory(dut: Any, size: int = 8192) -> AxiMemory:
    return AxiMemory(dut, bytearray(size), random.Random(0), 0.0)


READ: dict[str, int | str] = {"arvalid": 1, "araddr": 64, "arlen": 3, "arid": 1, "arsize": 2, "arburst": 1}
BEAT: dict[str, int | str] = {"wvalid": 1, "wstrb": 0b0011, "wlast": 1, "wdata": "X" * 16 + "0000000100000010"}


def test_payloads_are_not_looked_at_while_nothing_is_valid() -> None:
    idle = memory(core(arvalid=0, awvalid=0, wvalid=0))
    assert [idle._taken(channel, True) for channel in ("ar", "aw", "w")] == [None, None, None]


def test_bytes_without_a_strobe_may_be_x() -> None:
    assert memory(core(**BEAT))._taken("w", True) == (b"\x02\x01\x00\x00", 0b0011, 1)


@pytest.mark.parametrize(
    ("values", "channel", "says"),
    [
        ({}, "ar", r"^m_axi_arvalid is X where it has a meaning"),
        (READ | {"araddr": "X" * 32}, "ar", r"^m_axi_araddr is X+ where it has a meaning"),
        (BEAT | {"wstrb": 0b0111}, "w", r"^m_axi_wdata is X{16}0{7}10{6}10 in bytes that are written \(strobe 0x7\)"),
        (BEAT | {"wlast": "X"}, "w", r"^m_axi_wlast is X where it has a meaning"),
    ],
)  # fmt: skip
def test_an_x_where_it_has_a_meaning_is_named(values: dict[str, Any], channel: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        memory(core(**values))._taken(channel, True)


def test_valid_and_payload_stay_until_ready() -> None:
    dut = core(**READ)
    served = memory(dut)
    assert served._taken("ar", False) is None
    dut.m_axi_araddr.value = LogicArray.from_unsigned(128, 32)
    with pytest.raises(AssertionError, match=r"^the payload of ar changed while it waited$"):
        served._taken("ar", True)
    served = memory(dut)
    assert served._taken("ar", False) is None
    dut.m_axi_arvalid.value = LogicArray("0")
    with pytest.raises(AssertionError, match=r"^arvalid fell before arready$"):
        served._taken("ar", True)


@pytest.mark.parametrize(
    ("burst", "says"),
    [
        ((66, 0, 0, 2, 1), "ar: 0x42 is not on a beat boundary"),
        ((4092, 1, 0, 2, 1), "ar: the burst from 0xffc to 0x1003 crosses 4 KiB"),
        ((8192, 0, 0, 2, 1), "ar: 0x2003 is outside of the memory's 0x2000 bytes"),
        ((64, 0, 0, 3, 1), "arsize is 3: not the 4 bytes of a beat"),
        ((64, 0, 0, 2, 0), "arburst is 0: not incrementing"),
    ],
)
def test_a_burst_against_the_protocol_is_named(burst: tuple[int, int, int, int, int], says: str) -> None:
    with pytest.raises(AssertionError) as raised:
        memory(core())._burst("ar", *burst)
    assert str(raised.value) == says


def test_beats_are_written_where_their_burst_says() -> None:
    served = memory(core())
    served.write_beats.extend([(b"\x01\x02\x03\x04", 0b1111, 0), (b"\x05\x06\x07\x08", 0b1001, 1)])
    served._write()
    assert not any(served.data), "data may come before its address"
    served.write_addresses.append((64, 2))
    served._write()
    assert served.data[64:72] == b"\x01\x02\x03\x04\x05\x00\x00\x08"
    assert served.responses == 1
    served.write_addresses.append((64, 2))
    served.write_beats.append((b"\x01\x02\x03\x04", 0b1111, 1))
    with pytest.raises(AssertionError, match=r"^wlast is not on the last beat$"):
        served._write()


def test_known_is_a_number() -> None:
    assert known(core(arlen=7).m_axi_arlen) == 7
