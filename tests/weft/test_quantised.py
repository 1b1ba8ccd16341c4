"""Quantised models through the front door: accuracy on digits, equal bits on every device, and the verbs' --int8."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft as front
from weft.compiler.passes import pipeline
from weft.framework import checkpoint, reference
from weft.framework.primitives.base import Array
from weft.models import recipe
from weft.quantised import Calibration, quantised
from weft.training import Session

METHODS = (Calibration("minmax"), Calibration("percentile", 99.9))
EPOCHS = 8
"""Fewer than the model's own, for speed; the accuracy is then above 96 %."""


@functools.cache
def state(seed: int) -> Mapping[str, Array]:
    """The parameters of a digits classifier trained on the CPU."""
    session = Session(recipe("digits-mlp"), front.device("cpu", precision="bf16"), seed)
    session.train(EPOCHS)
    return {name: value.numpy() for name, value in session.model.state_dict().items()}


def session(seed: int, device: str = "cpu") -> Session:
    """That classifier on a device."""
    options = {"precision": "bf16"} if device == "cpu" else {}
    made = Session(recipe("digits-mlp"), front.device(device, **options), seed)
    made.model.load_state_dict(state(seed))
    return made


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint of the classifier."""
    path = tmp_path / "digits.safetensors"
    checkpoint.save(path, dict(state(0)), {"model": "digits-mlp"})
    return path


@pytest.mark.parametrize("seed", range(5))
def test_int8_stays_within_a_point_of_float(seed: int) -> None:
    own = session(seed)
    accuracy = own.accuracy()
    assert accuracy >= 0.95
    for method in METHODS:
        assert abs(quantised(own, method).accuracy() - accuracy) <= 0.01, method


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_digits_are_equal_bit_for_bit_on_every_device(method: Calibration) -> None:
    images = front.digits().test_images[:64]
    seen: dict[str, bytes] = {}
    for device in ("cpu", "accel"):
        small = quantised(session(0, device), method)
        seen[f"{device}, jitted"] = small.infer(front.tensor(images)).numpy().tobytes()
        seen[f"{device}, eager"] = small.model(front.tensor(images)).numpy().tobytes()
        graph = pipeline.run(small.infer.lower(images), "cpu")
        seen[f"{device}, reference"] = reference.run(graph, small.infer.bind(images))[0]["output"].tobytes()
    assert len(set(seen.values())) == 1, {key: np.frombuffer(value, np.float32)[:3] for key, value in seen.items()}


def test_numpy_runs_the_graph_as_it_is_written() -> None:
    images = front.digits().test_images[:64]
    small = quantised(session(0), METHODS[0]).model
    on_cpu, on_numpy = (small.to(device)(front.tensor(images)).numpy() for device in ("cpu", "numpy"))
    step = np.abs(on_cpu).max() / 100
    np.testing.assert_allclose(on_numpy, on_cpu, atol=step)


def test_run_shows_float_and_int8_side_by_side(weft: Any, trained: Path) -> None:
    outcome = weft("run", "digits-mlp", "--checkpoint", trained, "--int8", "--calibration", "percentile")
    assert outcome.code == 0, outcome
    lines = outcome.out.splitlines()
    assert len(lines) == 4
    assert re.fullmatch(r"digits-mlp on accel\(edu, fast\): test accuracy 9\d\.\d\d%", lines[0])
    assert re.fullmatch(
        r"in int8 on accel\(edu, fast\), calibration percentile 99.9: test accuracy 9\d\.\d\d% "
        r"\([+-]0\.\d\d points\)", lines[2],
    )  # fmt: skip
    found = [re.fullmatch(r"a batch of 64: ([\d,]+) cycles, utilisation [\d.]+%", lines[n]) for n in (1, 3)]
    in_float, in_int8 = (int(one[1].replace(",", "")) for one in found if one is not None)
    assert in_int8 < in_float


def test_run_on_a_machine_without_floats(weft: Any, trained: Path) -> None:
    outcome = weft("run", "digits-mlp", "--checkpoint", trained, "--int8", "--machine", "edge-int8", "--json")
    result = json.loads(outcome.out)
    assert result["device"] == "cpu"
    assert "cycles_per_batch" not in result
    assert result["int8"].keys() == {"device", "calibration", "test_accuracy", "cycles_per_batch", "utilisation"}
    assert result["int8"]["device"] == "accel"
    assert result["int8"]["calibration"] == "minmax"
    assert abs(result["int8"]["test_accuracy"] - result["test_accuracy"]) <= 0.01
    refused = weft("run", "digits-mlp", "--checkpoint", trained, "--machine", "edge-int8")
    refused.refused(2, "'edge-int8' multiplies int8")


def test_run_on_the_cpu_prints_no_cycles(weft: Any, trained: Path) -> None:
    outcome = weft("run", "digits-mlp", "--checkpoint", trained, "--int8", "--device", "cpu")
    assert len(outcome.out.splitlines()) == 2
    assert "cycles" not in outcome.out


@pytest.mark.parametrize("model", ["digits-mlp", "digits-logistic"])
def test_verify_int8_on_a_machine_of_bytes(weft: Any, model: str) -> None:
    machine = Path(__file__).parents[1] / "machines/bytes.toml"
    outcome = weft("verify", model, "--int8", "--machine", machine, "--engines", "fast,interp")
    assert outcome.code == 0, outcome
    assert re.fullmatch(rf"{model} int8 inference: equal \(cycles: fast [\d,]+\)\n", outcome.out)


def test_a_compiled_program_has_no_bf16_in_it(weft: Any, tmp_path: Path) -> None:
    target = tmp_path / "digits.weft"
    assert weft("compile", "digits-mlp", "--int8", "-o", target).code == 0
    program = front.load_program(target)
    assert {b.dtype for b in program.buffers} == {"float32", "int8", "int32"}
    text = front.disassemble(program)
    assert text.count("type=int8") >= 2
    assert "bf16" not in text.replace("types", "")


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("run", "digits-mlp", "--checkpoint", "x", "--calibration", "minmax"), ("--calibration", "add --int8")),
        (("verify", "digits-mlp", "--percentile", "99"), ("--percentile", "add --int8")),
        (("verify", "digits-mlp", "--int8", "--percentile", "99"), ("--percentile needs --calibration percentile",)),
        (("compile", "digits-mlp", "--int8", "--calibration", "entropy", "-o", "x"), ("'entropy'", "percentile")),
        (("verify", "digits-mlp", "--int8", "--calibration", "percentile", "--percentile", "0"), ("0<x<=100",)),
    ],
)
def test_options_that_do_not_fit(weft: Any, words: tuple[str, ...], texts: tuple[str, ...]) -> None:
    weft(*words).refused(2, *texts)


def test_a_program_file_has_no_int8(weft: Any, program: Path) -> None:
    weft("verify", program, "--int8").refused(2, "--int8 quantises a model (digits-mlp", "is a program file")
