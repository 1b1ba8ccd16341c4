"""Machine files: presets load, and every bad one gets one message with place and remedy."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.bandwidths import FACTORS, at_bandwidth
from weft.isa.errors import MachineError
from weft.isa.machine import PRESETS, from_dict, load, presets

EDU = tomllib.loads((PRESETS / "edu.toml").read_text())


def changed(key: str, value: Any) -> dict[str, Any]:
    """The edu machine's data with one (dotted) key changed."""
    data = {k: dict(v) if isinstance(v, dict) else v for k, v in EDU.items()}
    section, _, leaf = key.rpartition(".")
    (data.setdefault(section, {}) if section else data)[leaf] = value
    return data


@pytest.mark.parametrize("name", presets())
def test_preset_loads_and_survives_its_own_dictionary(name: str) -> None:
    machine = load(name)
    assert machine.name == name
    assert from_dict(machine.to_dict()) == machine


def test_presets_are_those_of_the_documentation() -> None:
    assert presets() == ("cloud", "edge", "edge-int8", "edu", "nano")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("dims", 8, "t.toml: unknown key 'dims'; known keys: name, dim, types, scratchpad"),
        ("dram.latencies", 8, "t.toml: unknown key 'dram.latencies'; known keys: latency, beat_cycles, bytes"),
        ("dim", 12, "t.toml: dim = 12: must be a power of two"),
        ("dim", 256, "t.toml: dim = 256: must be from 2 to 128"),
        ("dim", "8", "t.toml: dim = '8': must be an integer"),
        ("types", ["fp8"], "t.toml: types = ['fp8']: one or both of"),
        ("types", [], 'one or both of "bf16", "int8"'),
        ("scratchpad.bytes", 60000, "t.toml: scratchpad.bytes = 60000: must be a power of two"),
        ("accumulator.bytes", 256, "t.toml: accumulator.bytes = 256: at least 512 for dim = 8 and 4 banks"),
        (
            "bus.bytes",
            64,
            "t.toml: bus.bytes = 64: at most 32 for dim = 8 and types = ['bf16', 'int8']: a bank takes no more than a "
            "pair of 16-byte words in a cycle",
        ),
        ("bus.bytes", 2, "t.toml: bus.bytes = 2: must be from 4 to 128"),
        ("bus.bytes", 256, "t.toml: bus.bytes = 256: must be from 4 to 128; AXI4 has no wider data bus"),
        ("dram.latency", 0, "t.toml: dram.latency = 0: must be from 1 to 10000"),
        ("queues.load", 0, "t.toml: queues.load = 0: must be from 1 to 64"),
        ("queues", 3, "t.toml: queues = 3: must be a table of keys"),
        ("name", 3, "t.toml: name = 3: must be a string"),
    ],
)
def test_bad_key_is_named_with_value_and_remedy(key: str, value: Any, text: str) -> None:
    with pytest.raises(MachineError) as caught:
        from_dict(changed(key, value), "t.toml")
    assert text in str(caught.value)


def test_burst_over_4_kib_names_the_longest_legal_one() -> None:
    wide = {"dim": 64, "bus": {"bytes": 64, "burst": 256}, "scratchpad": {"bytes": 1 << 20}}
    data = changed("name", "wide") | wide | {"accumulator": {"bytes": 1 << 20}}
    with pytest.raises(MachineError, match=r"bus.burst = 256: a burst of 16384 bytes is over the 4096.*at most 64"):
        from_dict(data)


def test_missing_key_says_what_it_is_for() -> None:
    data = changed("name", "x")
    data["dram"] = {}
    with pytest.raises(MachineError, match=r"missing key 'dram.latency' \(cycles from accepting an address"):
        from_dict(data)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", presets())
def test_every_preset_takes_a_quarter_to_twice_its_bandwidth(name: str, factor: float) -> None:
    wanted = load(name).bandwidth * factor
    if name == "cloud" and factor > 1:
        with pytest.raises(MachineError, match=r"^cloud: bus\.bytes = 256: .* 128; AXI4 has no wider data bus$"):
            at_bandwidth(name, factor)
    else:
        assert at_bandwidth(name, factor).bandwidth == wanted


@pytest.mark.parametrize("name", presets())
def test_the_widest_bus_is_built_and_no_wider_one(name: str) -> None:
    machine = load(name)
    assert load(name, {"bus.bytes": machine.widest_bus}).bus.bytes == machine.widest_bus
    with pytest.raises(MachineError, match=rf"^{name}: bus\.bytes = {2 * machine.widest_bus}: "):
        load(name, {"bus.bytes": 2 * machine.widest_bus})


def test_unknown_machine_lists_the_presets() -> None:
    with pytest.raises(MachineError, match="no machine 'edux': not a file, and the presets are cloud, edge"):
        load("edux")


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text("name = \n")
    with pytest.raises(MachineError, match=r"m\.toml: not valid TOML: .*line 1"):
        load(path)


def test_overrides_change_one_key_and_are_checked() -> None:
    assert load("edu", {"dram.latency": 37}).dram.latency == 37
    with pytest.raises(MachineError, match=r"edu: unknown key 'dram\.x'"):
        load("edu", {"dram.x": 1})


def test_digest_ignores_the_name_and_nothing_else() -> None:
    edu = load("edu")
    assert from_dict(changed("name", "other")).digest() == edu.digest()
    assert load("edu", {"pipeline.mac": 2}).digest() != edu.digest()
