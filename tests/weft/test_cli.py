"""Every verb's happy path: what it prints, the keys of its JSON, and that it exits with 0."""

from __future__ import annotations

import hashlib
import json
import re
import types
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.cli import VERBS
from weft.cli.train import text
from weft.framework import reference
from weft.isa.container import load
from weft.sim import engines
from weft.sim.fast.engine import FastEngine
from weft.sim.run import Run

SIMULATED = {
    "schema", "engine", "design", "machine", "cycles", "instructions", "useful_macs", "utilisation", "stalls", "events",
    "read_bytes", "write_bytes", "wall_seconds",
}  # fmt: skip
TRAINED = {"schema", "model", "device", "seed", "epochs", "steps", "test_accuracy", "final_loss", "seconds"}
ON_ACCEL = {"machine", "engine", "cycles_per_step", "utilisation", "stalls", "simulated_cycles_per_second"}


def parsed(outcome: Any) -> Any:
    """The JSON object that is all of stdout."""
    assert outcome.code == 0, outcome
    assert outcome.err == ""
    value = json.loads(outcome.out)
    assert value["schema"] == 1
    return value


def test_help_fits_a_terminal_and_names_every_verb(weft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = weft("--help")
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for verb in VERBS:
        assert any(line.startswith(f"  {verb} ") for line in lines), verb


@pytest.mark.smoke
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, weft: Any) -> None:
    outcome = weft(verb, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"Usage: weft {verb} ")
    assert outcome.err == ""


def test_help_loads_nothing_heavy(fresh_python: Callable[..., Any]) -> None:
    outcome = fresh_python(
        "import sys, weft.cli\n"
        "try: weft.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'numba', 'llvmlite', 'matplotlib', 'amaranth', 'rich'} & sys.modules.keys()))"
    )
    assert outcome.out.splitlines()[-1] == "[]", outcome


def test_version(weft: Any) -> None:
    from weft import __version__

    assert weft("--version").out == f"weft, version {__version__}\n"


def test_no_colour_where_none_is_wanted(weft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (("--help",), ("doctor",), ("nope",)):
        outcome = weft(*words)
        assert "\x1b" not in outcome.out + outcome.err


def test_doctor(weft: Any) -> None:
    result = parsed(weft("doctor", "--json"))
    assert result["ok"]
    assert {"python", "platform", "cores", "cache", "blas", "parts"} <= result.keys()
    assert result["blas"] is None or result["blas"]["kernel"] in weft("doctor").out
    for part in result["parts"]:
        assert part["version"] or part["remedy"]
        assert part["required"] or part["without"]
    assert "Python" in weft("doctor").out


def test_doctor_finds_a_module_that_no_package_names(weft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    result = parsed(weft("doctor", "--json"))
    assert result["ok"]
    assert {part["version"] for part in result["parts"] if part["required"]} == {"found"}


@pytest.mark.smoke
def test_asm_and_disasm_are_inverse(weft: Any, program: Path, tmp_path: Path) -> None:
    text = weft("disasm", program)
    (tmp_path / "again.s").write_text(text.out, encoding="utf-8")
    outcome = weft("asm", tmp_path / "again.s", "-o", tmp_path / "again.weft")
    assert outcome == type(outcome)(0, "", f"{tmp_path}/again.weft: 4 instructions for machine nano\n")
    assert load(tmp_path / "again.weft").digest == load(program).digest


@pytest.mark.smoke
@pytest.mark.parametrize("engine", ["fast", "interp"])
def test_sim(engine: str, weft: Any, program: Path) -> None:
    result = parsed(weft("sim", program, "--engine", engine, "--machine", "nano", "--show", "y", "--json"))
    assert result.keys() == SIMULATED | {"buffers"}
    assert result["buffers"] == {"y": [n + 1.5 for n in range(16)]}
    assert result["instructions"] == 3  # the halt is no unit's
    assert (result["cycles"] > 0) == (engine == "fast")
    assert f"engine {engine}" in weft("sim", program, "--engine", engine).out


def test_verify_a_program_file(weft: Any, program: Path) -> None:
    result = parsed(weft("verify", program, "--engines", "fast,interp", "--json"))
    assert result.keys() == {"schema", "programs", "equal"}
    assert result["equal"]
    (one,) = result["programs"]
    assert one["name"] == str(program)
    assert one["memory_equal"]
    assert "equal (cycles: fast " in weft("verify", program, "--engines", "fast,interp").out


@pytest.mark.rtl
def test_verify_and_sim_on_the_hardware(weft: Any, program: Path) -> None:
    result = parsed(weft("verify", program, "--json"))
    (one,) = result["programs"]
    assert one["cycles"]["fast"] == one["cycles"]["rtl"]
    assert one["retire_equal"]
    assert parsed(weft("sim", program, "--engine", "rtl", "--json"))["cycles"] == one["cycles"]["rtl"]


class Wrong(FastEngine):
    """The fast engine, one cycle late and with a byte changed."""

    name = "wrong"

    def run(self, *arguments: Any, **options: Any) -> Run:
        """A run that never was."""
        run = super().run(*arguments, **options)
        dram = run.dram.copy()
        dram[0x107] ^= np.uint8(1)
        return replace(run, engine=self.name, cycles=run.cycles + 1, dram=dram)


def test_verify_says_where_engines_differ(weft: Any, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("wrong_engine")
    vars(module)["Wrong"] = Wrong
    monkeypatch.setitem(__import__("sys").modules, "wrong_engine", module)
    monkeypatch.setitem(engines.ENGINES, "wrong", ("wrong_engine", "Wrong"))
    outcome = weft("verify", program, "--engines", "fast,wrong")
    assert outcome.code == 3
    assert f"{program}: DIFFERS" in outcome.out
    assert "0x107" in outcome.out
    told = weft("verify", program, "--engines", "fast,wrong", "--json")
    assert told.code == 3
    assert json.loads(told.out)["equal"] is False


def test_fuzz(weft: Any) -> None:
    outcome = weft("fuzz", "-n", "2", "--seed", "5", "--engines", "fast,interp")
    assert outcome == type(outcome)(0, "2 random programs on fast, interp: equal\n", "")
    assert len(parsed(weft("fuzz", "-n", "2", "--engines", "fast,interp", "--json"))["programs"]) == 2


def test_fuzz_graphs(weft: Any) -> None:
    outcome = weft("fuzz", "--graphs", "-n", "3", "--device", "numpy")
    assert outcome.code == 0
    assert re.fullmatch(
        r"numpy: 3 of 3 random graphs judged, \d+ values against float64; 0 refused\n0 failures\n", outcome.out
    )
    two = ("--device", "numpy", "--device", "accel")
    told = parsed(weft("fuzz", "--graphs", "-n", "2", "--seed", "7", *two, "--json"))
    assert (told["schema"], told["graphs"], told["judged"]["numpy"], told["failures"]) == (1, 2, 2, [])


def test_a_graph_that_fails_is_printed_with_the_command_that_finds_it(
    weft: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = reference.run
    monkeypatch.setattr(reference, "run", lambda g, v: tuple({k: a[None] for k, a in r.items()} for r in run(g, v)))
    outcome = weft("fuzz", "--graphs", "-n", "1", "--seed", "3", "--device", "numpy")
    assert outcome.code == 3
    assert "seed 3 fails on numpy; the smallest graph that does:" in outcome.out
    assert "again: weft fuzz --graphs -n 1 --seed 3 --device numpy\n1 failures\n" in outcome.out
    told = weft("fuzz", "--graphs", "-n", "1", "--seed", "3", "--device", "numpy", "--json")
    (failure,) = json.loads(told.out)["failures"]
    assert (told.code, failure["seed"], failure["device"], failure["kind"]) == (3, 3, "numpy", "node")


@pytest.mark.smoke
@pytest.mark.parametrize("device", ["cpu", "accel"])
def test_train_then_run(device: str, weft: Any, tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    common = ("digits-logistic", "--device", device, *(("--machine", "nano") if device == "accel" else ()), "--json")
    trained = parsed(weft("train", *common, "--epochs", "1", "-o", checkpoint))
    assert trained.keys() == TRAINED | (ON_ACCEL if device == "accel" else set())
    assert trained["steps"] == 23
    result = parsed(weft("run", *common, "--checkpoint", checkpoint))
    assert result["test_accuracy"] == trained["test_accuracy"]
    assert ("cycles_per_batch" in result) == (device == "accel")


def test_an_engine_without_time_says_so(weft: Any, tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.safetensors"
    engine = ("digits-logistic", "--machine", "nano", "--engine", "interp")
    trained = parsed(weft("train", *engine, "--epochs", "1", "-o", checkpoint, "--json"))
    for key in ("cycles_per_step", "utilisation", "simulated_cycles_per_second"):
        assert trained[key] is None
    assert text(trained).endswith("\ncycles per step    no time on this engine (interp)")
    assert weft("run", *engine, "--checkpoint", checkpoint).out.endswith("\nno time on this engine\n")
    ran = parsed(weft("run", *engine, "--checkpoint", checkpoint, "--json"))
    assert ran["cycles_per_batch"] is ran["utilisation"] is None


def test_training_is_repeatable_and_says_so_in_words(weft: Any) -> None:
    words = ("train", "digits-logistic", "--device", "cpu", "--epochs", "1", "--seed", "3")
    first, second, other = (weft(*words).out.splitlines(), weft(*words).out.splitlines(), weft(*words[:-1], "4").out)
    assert first[1].startswith("test accuracy")
    assert first[1:] == second[1:]
    assert first[2] not in other


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["step", "inference"])
def test_compile_then_sim_and_verify(kind: str, weft: Any, tmp_path: Path) -> None:
    target = tmp_path / "step.weft"
    flags = ("--inference",) if kind == "inference" else ()
    outcome = weft("compile", "digits-logistic", "--machine", "nano", *flags, "-o", target)
    assert (outcome.code, outcome.out) == (0, "")
    assert parsed(weft("sim", target, "--json"))["utilisation"] > 0
    assert parsed(weft("verify", target, "--engines", "fast,interp", "--json"))["equal"]


@pytest.mark.smoke
def test_demo_writes_one_offline_page(weft: Any, tmp_path: Path) -> None:
    page = tmp_path / "demo.html"
    result = parsed(weft("demo", "--epochs", "1", "-o", page, "--json"))
    assert result["accel"].keys() == TRAINED | ON_ACCEL
    assert result["cpu"].keys() == TRAINED
    text = page.read_text(encoding="utf-8")
    assert "<html" in text
    for link in ('src="http', 'href="http', "@import"):
        assert link not in text


@pytest.mark.rtl
def test_rtl_verilog(weft: Any, tmp_path: Path, program: Path) -> None:
    target = tmp_path / "nano.v"
    outcome = weft("rtl", "verilog", "--machine", "nano", "-o", target)
    assert (outcome.code, outcome.out) == (0, "")
    assert "module weft_core" in target.read_text(encoding="utf-8")
    design = hashlib.sha256(target.read_bytes()).hexdigest()
    assert outcome.err.endswith(f"SHA-256 {design}\n")
    assert parsed(weft("sim", program, "--engine", "rtl", "--json"))["design"] == design
    assert f"design        {design}" in weft("sim", program, "--engine", "rtl").out
    assert [one["design"] for one in parsed(weft("verify", program, "--json"))["programs"]] == [design]
    assert f"; design {design[:16]})" in weft("verify", program).out
