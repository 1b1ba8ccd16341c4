"""The examples run as their first lines say, on the CPU and on the accelerator, and reach what they promise."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft.cli import main
from weft.isa.checker import check
from weft.isa.validator import validate

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run(script: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a script prints."""
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_the_front_door_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert 20 <= text.count("\n") <= 100
    nodes = list(ast.walk(ast.parse(text)))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    below = {"weft.nn", "weft.nn.functional", "weft.optim", "weft.utils.data"}
    assert modules - set(sys.stdlib_module_names) - {"numpy"} - below == {"weft"}
    assert f"python examples/{path.name}" in text
    assert "--device" in text or "--engine" in text


@pytest.mark.parametrize("device", ["cpu", "accel"])
@pytest.mark.parametrize(
    ("script", "epochs", "reached"), [("mlp_digits.py", 1, 75), ("logistic_regression.py", 20, 80)]
)
def test_training(
    script: str,
    epochs: int,
    reached: float,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = run(script, ["--device", device, "--epochs", str(epochs)], monkeypatch, capsys)
    accuracy = re.search(rf"test accuracy on {device}: ([\d.]+)%", printed)
    assert accuracy, printed
    assert float(accuracy[1]) >= reached


@pytest.mark.parametrize("device", ["cpu", "accel"])
def test_a_training_in_two_parts_ends_as_one(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    common = ["--device", device, "--every", "4"]
    whole = run("resumable_training.py", [*common, "--epochs", "2", "--checkpoint", str(one)], monkeypatch, capsys)
    saves, save = iter(range(1, 100)), weft.save

    def dying(path: Any, *arguments: Any) -> None:
        save(path, *arguments)
        if next(saves) == 7:  # in the middle of the second pass
            raise KeyboardInterrupt

    monkeypatch.setattr(weft, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        run("resumable_training.py", [*common, "--epochs", "2", "--checkpoint", str(two)], monkeypatch, capsys)
    rest = run("resumable_training.py", [*common, "--epochs", "2", "--checkpoint", str(two)], monkeypatch, capsys)
    assert rest == f"going on after step 28\n{whole}"
    assert one.read_bytes() == two.read_bytes()


def test_a_step_of_ones_own(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for device in ("cpu", "accel"):
        printed = run("own_step.py", ["--device", device, "--steps", "40"], monkeypatch, capsys)
        found = re.fullmatch(rf"loss ([\d.]+) at first, ([\d.]+) after 40 steps on {device}\n", printed)
        assert found is not None, printed
        assert float(found[2]) < float(found[1]) / 2


def test_both_devices_tell_the_same_story(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    losses = []
    for device in ("cpu", "accel"):
        printed = run("logistic_regression.py", ["--device", device, "--epochs", "20"], monkeypatch, capsys)
        losses.append([float(loss) for loss in re.findall(r"loss ([\d.]+)", printed)])
    assert len(losses[0]) == 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.01)


@pytest.mark.parametrize("device", ["cpu", "accel"])
def test_inspecting_a_step(device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run("inspect_program.py", ["--device", device, "--machine", "nano"], monkeypatch, capsys)
    assert re.search(r"\d+ instructions for 'nano'", printed)
    assert re.search(r"[\d,]+ cycles, [\d.]+% of the array's multiply-accumulates useful", printed)
    assert "layer 0, weight gradient, [32×32]ᵀ·[32×64]" in printed
    for unit in ("dispatch", "load", "matrix", "vector", "store"):
        assert re.search(rf"^{unit} +[\d.]+%   \w+: [\d,]+ cycles", printed, re.MULTILINE), unit


def test_comparing_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run("compare_machines.py", ["--device", "cpu", "--batch", "16"], monkeypatch, capsys)
    rows = re.findall(r"^(.{20}) +(\d+) +(\d+) +(\d+) +([\d,]+) +([\d.]+)× +[\d.]+%$", printed, re.MULTILINE)
    cycles = {row[0].strip(): int(row[4].replace(",", "")) for row in rows}
    assert len(cycles) == 7, printed
    assert cycles["half the latency"] < cycles["as it is"]
    slower = [cycles[name] for name in ("twice the bandwidth", "as it is", "half the bandwidth", "a quarter bandwidth")]
    assert slower == sorted(set(slower))
    assert cycles["twice both"] < cycles["twice the array"] < cycles["as it is"]
    assert {row[0].strip(): row[2] for row in rows}["twice the bandwidth"] == "16"


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_int8_inference(method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "cpu", "--epochs", "2", "--method", method]
    printed = run("int8_inference.py", arguments, monkeypatch, capsys)
    rows = re.findall(r"^(\w+) +on cpu: ([\d.]+)%, ([\d,]+) bytes, ([\d,]+) cycles", printed, re.MULTILINE)
    (_, accuracy, size, cycles), (_, small_accuracy, small_size, small_cycles) = rows
    assert float(accuracy) >= 80
    assert abs(float(small_accuracy) - float(accuracy)) <= 1
    assert int(small_size.replace(",", "")) * 3 < int(size.replace(",", ""))
    assert int(small_cycles.replace(",", "")) < int(cycles.replace(",", ""))
    assert printed.endswith("equal bit for bit: True\n")


def test_checking_engines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run("check_engines.py", ["--engines", "fast,interp", "--rows", "5"], monkeypatch, capsys)
    times = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+)$", printed, re.MULTILINE)
    assert [row[0] for row in times] == ["load", "load", "matmul", "store", "halt"]
    assert all(int(dispatch) <= int(start) <= int(retire) for _, dispatch, start, retire in times)
    assert "the product is right" in printed
    assert printed.endswith("fast,interp: equal\n")


def test_the_assembly_example_multiplies_any_matrices_and_hides_its_loads() -> None:
    program = weft.assemble((EXAMPLES / "gemm.s").read_text(encoding="utf-8"), "gemm.s")
    validate(program)
    check(program)
    rng = np.random.default_rng(0)
    image = program.image()
    a, b = (rng.integers(-8, 9, program.buffer(name).shape).astype(np.float32) for name in "AB")
    program.buffer("A").write(image, a.astype(weft.bfloat16.numpy))
    program.buffer("B").write(image, b.astype(weft.bfloat16.numpy))
    outcome = weft.get_engine("fast").run(program, image)
    np.testing.assert_array_equal(program.buffer("C").read(outcome.dram), a @ b)
    assert program.meta["useful_macs"] == a.shape[0] * a.shape[1] * b.shape[1]
    assert weft.profile(program, run=outcome).utilisation > 0.75


def test_the_assembly_example_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "gemm.weft")
    for arguments in (["asm", str(EXAMPLES / "gemm.s"), "-o", target], ["sim", target, "--show", "C"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "C, float32[64, 32]:" in printed
    assert re.search(r"30\. +70\. +110\.", printed), printed
