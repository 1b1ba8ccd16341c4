"""``weft train`` with another optimiser, schedule, mean of weights, accumulation: what they do, and resuming them."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.weft.conftest import Weft
from weft.base.errors import WeftError
from weft.devices import device_of
from weft.framework.errors import CheckpointError
from weft.framework.primitives.base import Array
from weft.methods import OPTIMIZERS, SCHEDULES, TrainingMethod
from weft.models import recipe
from weft.resuming import CheckpointWriter, resume, save, weights
from weft.training import Session

TRAIN = ("train", "digits-logistic", "--device", "numpy", "--epochs", "1")
METHODS = {
    "schedule": TrainingMethod(schedule="cosine:warmup=0.5,least=0.1"),
    "mean": TrainingMethod(ema=0.9),
    "accumulation": TrainingMethod(accumulate=4),
    "all": TrainingMethod("adamw:lr=0.02,betas=0.9/0.95", "onecycle", 0.95, 3),
}


def session(method: TrainingMethod, device: str = "numpy", batch: int = 64, epochs: int = 2) -> Session:
    chosen = dataclasses.replace(recipe("digits-logistic"), batch=batch)
    return Session(chosen, device_of(device, "nano", (), "fast"), 3, method, epochs)


def arrays(training: Session) -> dict[str, Array]:
    return {name: value.numpy() for name, value in training.model.state_dict().items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("device", ["numpy", "cpu", "accel"])
def test_a_training_that_was_interrupted_ends_with_the_same_bits(device: str, method: str, tmp_path: Path) -> None:
    kept: dict[int, bytes] = {}
    path, steps = tmp_path / "training", (1, 10, 22, 23, 25, 45)
    whole = session(METHODS[method], device)
    keeper = CheckpointWriter(path, whole, 1)

    def after(step: int, total: int) -> None:
        keeper.after(step, total)
        kept[step] = path.read_bytes()

    whole.train(2, after=after)
    assert len(kept) == 46
    for step in steps:
        path.write_bytes(kept[step])
        again = session(METHODS[method], device)
        assert resume(path, again, 2) == step
        again.train(2, after=CheckpointWriter(path, again, 7).after)
        assert path.read_bytes() == kept[46], step
        assert again.accuracy() == whole.accuracy()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_trains(optimizer: str) -> None:
    lr = {"adadelta": 1.0, "asgd": 0.5, "sgd": 0.5, "lion": 0.01, "radam": 0.05, "adagrad": 0.1}.get(optimizer, 0.02)
    losses = session(TrainingMethod(f"{optimizer}:lr={lr}")).train(2)
    assert sum(losses[-10:]) < 0.95 * sum(losses[:10])


def test_accumulated_batches_are_one_large_batch() -> None:
    """The last update of a pass has what is left, two batches and a part of one; each example counts the same."""
    small, large = session(TrainingMethod(accumulate=4)), session(TrainingMethod(), batch=256)
    small.train(1)
    large.train(1)
    assert (len(small.losses), len(large.losses)) == (23, 6)
    for name, value in arrays(large).items():
        np.testing.assert_allclose(arrays(small)[name], value, rtol=0, atol=2e-6)
    shares = [64, 64, 64, 64]
    mean = sum(loss * n for loss, n in zip(small.losses[:4], shares, strict=True)) / 256
    assert mean == pytest.approx(large.losses[0], rel=1e-6)


def test_the_mean_is_what_is_tested_and_saved(tmp_path: Path) -> None:
    training = session(TrainingMethod(ema=0.75))
    expected = arrays(training)

    def after(step: int, total: int) -> None:
        kept = np.float32(min(0.75, step / (step + 9)))  # the weights that it began with are soon forgotten
        for name, value in arrays(training).items():
            expected[name] = expected[name] * kept + value * (1 - kept)

    training.train(1, after=after)
    for name, tensor in training.trained.state_dict().items():
        value = tensor.numpy()
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
        assert not np.allclose(value, arrays(training)[name], rtol=1e-3)
    save(tmp_path / "t", training)
    found = weights(tmp_path / "t")
    assert found.keys() == {"weight", "bias"}
    np.testing.assert_array_equal(found["weight"], training.trained.state_dict()["weight"].numpy())
    other = session(TrainingMethod())
    other.model.load_state_dict(found)
    assert other.accuracy() == training.accuracy()


def _cosine(step: int, total: int, warm: int, least: float) -> float:
    share = (step - warm) / (total - warm)
    return 0.01 + 0.99 * step / warm if step < warm else least + (1 - least) * (1 + math.cos(math.pi * share)) / 2


RATES = {
    "cosine": lambda step, total, epoch: _cosine(step, total, 0, 0.0) if step else 1.0,
    "cosine:warmup=0.5,least=0.1": lambda step, total, epoch: _cosine(step, total, round(epoch / 2), 0.1),
    "linear": lambda step, total, epoch: 1 - step / total,
    "step:every=1,factor=0.5": lambda step, total, epoch: 0.5 ** (step // epoch),
    "exponential:factor=0.25": lambda step, total, epoch: 0.25 ** (step / epoch),
}


@pytest.mark.parametrize("words", RATES)
@pytest.mark.parametrize("accumulate", [1, 5])
def test_a_schedule_sets_the_rate_of_every_update(words: str, accumulate: int) -> None:
    training = session(TrainingMethod("sgd:lr=0.5", words, None, accumulate))
    epoch = -(-23 // accumulate)
    rates = [training.optimizer.param_groups[0]["lr"]]

    def after(step: int, total: int) -> None:
        place = (step - 1) % 23
        if place % accumulate == accumulate - 1 or place == 22:
            rates.append(training.optimizer.param_groups[0]["lr"])

    training.train(2, after=after)
    assert len(rates) == 2 * epoch + 1
    expected = [0.5 * RATES[words](step, 2 * epoch, epoch) for step in range(2 * epoch + 1)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=1e-9)


def test_one_cycle_goes_up_and_down() -> None:
    training, rates = session(TrainingMethod("sgd:lr=0.5", "onecycle:warmup=0.25")), list[float]()
    training.train(2, after=lambda step, total: rates.append(training.optimizer.param_groups[0]["lr"]))
    assert max(rates) == pytest.approx(0.5, rel=0.01)
    assert 9 <= rates.index(max(rates)) <= 12
    assert rates[-1] < 0.001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--optimizer", "adamm"), "no optimizer 'adamm'; did you mean 'adam'?"),
        (("--optimizer", "adam:lr"), "--optimizer adam:lr: 'lr' is no setting; write adam:lr=0.001,betas=0.9/0.999"),
        (("--optimizer", "adam:rate=1"), "--optimizer adam: no setting 'rate'; there are: lr, betas, eps, "),
        (("--optimizer", "adam:lr=fast"), "--optimizer adam: lr is a number (0.001, say), not 'fast'"),
        (("--optimizer", "adam:lr=nan"), "--optimizer adam: lr is a number (0.001, say), not 'nan'"),
        (("--optimizer", "adam:lr=1,lr=2"), "--optimizer adam: lr is given twice"),
        (("--optimizer", "adam:betas=0.9"), "betas is 2 numbers with a slash between (0.9/0.999), not '0.9'"),
        (("--optimizer", "sgd:nesterov=1"), "--optimizer sgd: nesterov is true or false, not '1'"),
        (("--optimizer", "sgd:lr=-1"), "--optimizer sgd:lr=-1: the learning rate must not be negative; it is -1.0"),
        (("--schedule", "cosin"), "no schedule 'cosin'; did you mean 'cosine'?"),
        (("--schedule", "cosine:least=2"), "--schedule cosine: least is from 0 to 1, not 2"),
        (("--schedule", "cosine:warmup=-1"), "--schedule cosine: warmup is 0 or more, not -1"),
        (("--schedule", "step:every=0"), "--schedule step: every is 0 or more and not 0, not 0"),
        (("--ema", "1"), "--ema is a decay between 0 and 1 (0.99, say), not 1"),
        (("--accumulate", "0"), "--accumulate"),
    ],
)
def test_what_there_is_not(options: tuple[str, ...], message: str, weft: Weft) -> None:
    outcome = weft(*TRAIN, *options)
    assert outcome.code == 2
    assert message in outcome.err, outcome.err
    assert "Traceback" not in outcome.err


def test_a_method_in_code_is_checked_too() -> None:
    with pytest.raises(WeftError, match=r"^--accumulate is a number of batches, 1 or more, not 0$"):
        TrainingMethod(accumulate=0)
    assert all(TrainingMethod(schedule=name).described(5).get("epochs") == (5 if kind.to_the_end else None)
               for name, kind in SCHEDULES.items())  # fmt: skip


def test_another_method_does_not_go_on_with_a_training(tmp_path: Path) -> None:
    path = tmp_path / "training"
    save(path, session(TrainingMethod("adam", "cosine", 0.9)))
    with pytest.raises(CheckpointError) as problem:
        resume(path, session(TrainingMethod("sgd", "cosine", None, 2), epochs=3), 3)
    for part in ('optimizer is "adam" there, "sgd" here', "ema is 0.9 there, null here", "epochs is 2 there, 3 here",
                 "accumulate is null there, 2 here"):  # fmt: skip
        assert part in str(problem.value)


def test_a_mean_over_few_updates_is_of_use() -> None:
    training = session(TrainingMethod(ema=0.999), epochs=1)
    training.train(1)
    assert training.accuracy() > 0.75


def test_on_the_command_line(weft: Weft, tmp_path: Path) -> None:
    words = ("--optimizer", "adam:lr=0.01", "--schedule", "cosine:warmup=0.2", "--ema", "0.8", "--accumulate", "2")
    whole = weft(*TRAIN, *words, "--checkpoint", tmp_path / "t", "-o", tmp_path / "m", "--json")
    told = json.loads(whole.out)
    assert (told["optimizer"], told["schedule"], told["ema"], told["accumulate"]) == (words[1], words[3], 0.8, 2)
    for name in ("t", "m"):
        ran = weft("run", "digits-logistic", "--device", "numpy", "--checkpoint", tmp_path / name, "--json")
        assert json.loads(ran.out)["test_accuracy"] == told["test_accuracy"]
    plain = json.loads(weft(*TRAIN, "--json").out)
    assert not {"optimizer", "schedule", "ema", "accumulate"} & plain.keys()
