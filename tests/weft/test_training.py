"""The demo's promise: the accelerator learns what the CPU learns from the same graph, seed by seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weft.devices import device_of
from weft.models import recipe
from weft.training import Session, TrainingOutcome, describe, train


def trained(model: str, device: str, seed: int, epochs: int) -> tuple[Session, TrainingOutcome]:
    """A finished training."""
    session = Session(recipe(model), device_of(device, "edu", (), "fast"), seed)
    return session, train(session, epochs)


@pytest.mark.parametrize("seed", range(5))
def test_digits_mlp_learns_the_same_on_accelerator_and_cpu(seed: int) -> None:
    session, accel = trained("digits-mlp", "accel", seed, 20)
    _, cpu = trained("digits-mlp", "cpu", seed, 20)
    assert accel.accuracy >= 0.96
    assert abs(accel.accuracy - cpu.accuracy) <= 0.01
    assert accel.final_loss == pytest.approx(cpu.final_loss, rel=0.05)
    figures = describe(session, accel)
    assert {"test_accuracy", "final_loss", "cycles_per_step", "utilisation", "stalls"} <= set(figures)


def test_every_step_ran_on_the_accelerator_the_ragged_one_too() -> None:
    session, accel = trained("digits-mlp", "accel", 0, 1)
    assert len(accel.losses) == 23  # 1,438 images: 22 batches of 64 and one of 30
    assert session.step.traces == 2
    device = session.device
    assert getattr(device, "total_cycles", 0) > 23 * 10_000


def test_logistic_regression_learns_the_same_on_accelerator_and_cpu() -> None:
    _, accel = trained("digits-logistic", "accel", 0, 5)
    _, cpu = trained("digits-logistic", "cpu", 0, 5)
    assert accel.accuracy >= 0.85
    assert accel.final_loss == pytest.approx(cpu.final_loss, rel=0.01)


def test_every_verb_that_trains_tells_of_one_training(weft: Any) -> None:
    """The same epochs and seed: the same steps, final loss and accuracy, whoever asks, on either device."""
    words = ("digits-logistic", "--epochs", "2", "--seed", "4", "--json")
    report = json.loads(weft("report", *words).out)
    assert report["training"]["steps_per_epoch"] == 23
    for device in ("accel", "cpu"):
        train, told = json.loads(weft("train", *words, "--device", device).out), report["training"]["devices"][device]
        assert train["steps"] == len(told["losses"]) == 46
        assert (train["final_loss"], train["test_accuracy"]) == (told["final_loss"], told["test_accuracy"])
    assert report["accelerator"]["cycles"] == json.loads(weft("train", *words).out)["cycles_per_step"]


def test_the_demo_is_the_same_training(weft: Any, tmp_path: Path) -> None:
    demo = json.loads(weft("demo", "--machine", "nano", "--epochs", "1", "-o", tmp_path / "page", "--json").out)
    train = json.loads(weft("train", "digits-mlp", "--machine", "nano", "--epochs", "1", "--json").out)
    for key in demo["accel"].keys() - {"seconds", "simulated_cycles_per_second"}:
        assert demo["accel"][key] == train[key], key
