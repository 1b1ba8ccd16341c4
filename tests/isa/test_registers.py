"""The register table has no holes that matter: names and offsets are unique, counters cover every event."""

from __future__ import annotations

from weft.isa.events import BUS_COUNTERS, EVENTS
from weft.isa.registers import ADDRESS_BITS, BY_NAME, COUNTER_BASE, FAULTS, REGISTERS


def test_every_register_has_its_own_name_and_word() -> None:
    assert len(BY_NAME) == len(REGISTERS) == len({register.offset for register in REGISTERS})
    assert all(register.offset % 4 == 0 and register.offset < 1 << ADDRESS_BITS for register in REGISTERS)
    assert all(register.access in ("ro", "rw") for register in REGISTERS)


def test_every_counter_has_two_words_in_a_row() -> None:
    names = [event.name.upper().replace(".", "_") for event in EVENTS] + [name.upper() for name in BUS_COUNTERS]
    for i, name in enumerate(names):
        assert BY_NAME[f"{name}_LO"].offset == COUNTER_BASE + 8 * i
        assert BY_NAME[f"{name}_HI"].offset == COUNTER_BASE + 8 * i + 4


def test_fault_codes_count_from_no_fault() -> None:
    assert [fault.code for fault in FAULTS] == list(range(len(FAULTS)))
    assert FAULTS[0].name == "none"
