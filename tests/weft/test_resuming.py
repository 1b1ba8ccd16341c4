"""A training that is interrupted, at any moment and in any way, ends with the bits of one that is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.weft.conftest import Weft
from tests.weft.killing import ROOT, VOLATILE, kill_and_compare
from weft.devices import device_of
from weft.framework.errors import CheckpointError
from weft.models import recipe
from weft.resuming import CheckpointWriter, read, resume, save, weights
from weft.training import Session

TRAIN = ("train", "digits-logistic", "--device", "numpy")


def session(seed: int = 0, device: str = "numpy", model: str = "digits-logistic") -> Session:
    """A training that has not begun."""
    return Session(recipe(model), device_of(device, "nano", (), "fast"), seed)


def test_killed_at_random_moments() -> None:
    """A sample; the page on verification has the whole experiment."""
    counts = kill_and_compare(("digits-logistic", "--device", "numpy", "--epochs", "1"), kills=3, seed=7)
    assert counts["kills"] == 3


@pytest.mark.parametrize("device", ["numpy", "cpu", "accel"])
def test_every_step_can_be_gone_on_from(device: str, tmp_path: Path) -> None:
    """The first epoch's end, its last batches, the second's beginning: where a loader could slip."""
    kept: dict[int, bytes] = {}
    path, steps = tmp_path / "training", (1, 12, 22, 23, 24, 45, 46)
    whole = session(device=device)
    keeper = CheckpointWriter(path, whole, 1)

    def after(step: int, total: int) -> None:
        keeper.after(step, total)
        kept[step] = path.read_bytes()

    whole.train(2, after=after)
    assert list(kept) == list(range(1, 47))
    for step in steps:
        path.write_bytes(kept[step])
        again = session(device=device)
        assert resume(path, again, 2) == step
        again.train(2, after=CheckpointWriter(path, again, 5).after)
        assert path.read_bytes() == kept[46], step
        assert again.losses == whole.losses


def test_more_epochs_go_on_where_fewer_ended(weft: Weft, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    whole = weft(*TRAIN, "--epochs", "3", "--checkpoint", one, "--json")
    weft(*TRAIN, "--epochs", "1", "--checkpoint", two)
    rest = weft(*TRAIN, "--epochs", "3", "--checkpoint", two, "--resume", "--json")
    assert (rest.code, rest.err) == (0, f"{two}: going on after step 23\n")
    assert one.read_bytes() == two.read_bytes()
    first, second = (json.loads(outcome.out) for outcome in (whole, rest))
    for key in first.keys() - set(VOLATILE):
        assert first[key] == second[key], key


def test_the_weights_in_it_can_be_used(weft: Weft, tmp_path: Path) -> None:
    trained = weft(*TRAIN, "--epochs", "1", "--checkpoint", tmp_path / "a", "-o", tmp_path / "b", "--json")
    for name in ("a", "b"):
        ran = weft("run", *TRAIN[1:], "--checkpoint", tmp_path / name, "--json")
        assert json.loads(ran.out)["test_accuracy"] == json.loads(trained.out)["test_accuracy"]
    assert weights(tmp_path / "a").keys() == {"weight", "bias"}


def test_what_does_not_fit_together(weft: Weft, tmp_path: Path) -> None:
    path = tmp_path / "training"
    weft(*TRAIN, "--every", "3").refused(2, "--every is about checkpoints; add --checkpoint FILE")
    weft(*TRAIN, "--resume").refused(2, "--resume is about checkpoints; add --checkpoint FILE")
    weft(*TRAIN, "--checkpoint", path, "-o", path).refused(2, f"--output and --checkpoint both name {path}")
    weft(*TRAIN, "--checkpoint", "/dev/null").refused(2, "/dev/null is no regular file, and cannot be gone on from")
    begun = weft(*TRAIN, "--epochs", "1", "--checkpoint", path, "--resume")
    assert (begun.code, begun.err) == (0, f"{path}: not there, so the training begins afresh\n")
    before = path.read_bytes()
    weft(*TRAIN, "--checkpoint", path).refused(2, f"{path} is there; add --resume to go on from it, or remove it")
    weft(*TRAIN, "--checkpoint", path, "--every", "0").refused(2, "0 is not in the range 1<=x<=2147483647")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("--seed", "3"), ["seed is 0 there, 3 here"]),
        (("--device", "cpu"), ['device is "numpy" there, "cpu" here', 'precision is null there, "bf16" here']),
        (("--device", "accel"), ["machine is null there, edu here"]),
    ],
)
def test_another_training_is_refused(words: tuple[str, ...], texts: list[str], weft: Weft, tmp_path: Path) -> None:
    path = tmp_path / "training"
    save(path, session())
    outcome = weft(*TRAIN, "--checkpoint", path, "--resume", *words)
    outcome.refused(2, f"{path}: a checkpoint of another training: ", *texts)


def test_another_model_machine_batch_or_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training"
    save(path, session(device="accel"))
    other = session(device="accel", model="digits-mlp")
    with pytest.raises(CheckpointError, match=r'model is "digits-logistic" there, "digits-mlp" here; weights.'):
        resume(path, other, 1)
    faster = Session(recipe("digits-logistic"), device_of("accel", "nano", (("dram.latency", 9),), "fast"))
    with pytest.raises(CheckpointError, match=r"training: machine\.dram\.latency is 20 there, 9 here$"):
        resume(path, faster, 1)
    half = session(device="accel")
    half.model.to("bfloat16")
    with pytest.raises(CheckpointError, match=r'weights.weight is "float32" there, "bfloat16" here'):
        resume(path, half, 1)
    long = session(device="accel")
    long.train(1, after=CheckpointWriter(path, long, None).after)
    with pytest.raises(CheckpointError, match="training: 23 steps are done, and 0 epochs are 0; give more --epochs"):
        resume(path, session(device="accel"), 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "not a safetensors file, or truncated: its 0 bytes"),
        (lambda raw: raw[:300], "not a safetensors file, or truncated: its 300 bytes"),
        (lambda raw: raw[:-9], "damaged safetensors file"),
        (lambda raw: raw[:-9] + bytes([raw[-9] ^ 4]) + raw[-8:], "damaged: its checksum does not match its 13 tensors"),
        (lambda raw: raw.replace(b"digits-logistic", b"digits-logistik"), "damaged: its checksum does not match"),
        (lambda raw: raw.replace(b'schema\\": 2', b'schema\\": 3'), "a training's checkpoint of schema 3; this weft"),
    ],
)
def test_a_damaged_one_is_refused(damage: Callable[[bytes], bytes], message: str, weft: Weft, tmp_path: Path) -> None:
    path = tmp_path / "training"
    save(path, session())
    assert damage(path.read_bytes()) != path.read_bytes()
    path.write_bytes(damage(path.read_bytes()))
    weft(*TRAIN, "--checkpoint", path, "--resume").refused(2, f"{path}: {message}")


def test_weights_are_no_training(weft: Weft, tmp_path: Path) -> None:
    path = tmp_path / "training"
    save(path, session())
    path.write_bytes(path.read_bytes().replace(b"weft training", b"weft trainink"))
    told = f"{path} is a checkpoint of weights, not a checkpoint of a training; `weft run MODEL --checkpoint {path}`"
    weft(*TRAIN, "--checkpoint", path, "--resume").refused(2, told)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_with_a_checkpoint(name: str, tmp_path: Path) -> None:
    path, number = tmp_path / "training", getattr(signal, name)
    code = (
        "import os, signal, sys\n"
        "from weft import training\n"
        "from weft.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "accuracy, train = training.Session.accuracy, training.Session.train\n"
        "def stopped(self, epochs, progress, after):\n"
        "    def step(done, total, loss):\n"
        f"        if done == 5: os.kill(os.getpid(), {int(number)})\n"
        "    return train(self, epochs, step, after)\n"
        "training.Session.train = stopped\n"
        "main(sys.argv[1:])\n"
    )
    words = [sys.executable, "-c", code, *TRAIN, "--epochs", "1", "--checkpoint", str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    told = f"stopped by {name} after step 5 of 23; {path} has it, and the same command with --resume goes on from there"
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (128 + number, "", [told])
    assert len(read(path)[1]["losses"]) == 5
    rest = session()
    resume(path, rest, 1)
    rest.train(1)
    assert rest.losses == session().train(1)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_death_in_the_middle_of_writing_leaves_the_last_one(call: str, tmp_path: Path) -> None:
    path = tmp_path / "training"
    one = session()
    save(path, one)
    before = path.read_bytes()
    one.train(1)
    child = os.fork()
    if child == 0:
        _die_at(call)
        save(path, one)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    save(path, one)
    from weft.base.files import sweep

    sweep(path)
    assert list(tmp_path.iterdir()) == [path]
    assert len(read(path)[1]["losses"]) == 23


def _die_at(call: str) -> None:
    """Let this process end, as if killed, at the first call of that kind."""

    def dead(*_: Any, **__: Any) -> None:
        os._exit(9)

    if call == "fsync":
        os.fsync = dead
    elif call == "replace":
        os.replace = dead  # in a process of its own that ends here
    else:
        opened = Path.open

        def opening(self: Path, *arguments: Any, **options: Any) -> Any:
            file = opened(self, *arguments, **options)
            file.write(b"half")
            file.flush()
            dead()

        monkey: Any = Path
        monkey.open = opening
