"""Every kind of feedback trains to a stated figure, and each script is torch's: it runs there with other imports."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import weft

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = {  # what makes a script take a moment, and what it prints then
    "char_transformer.py": (
        ["--steps", "2", "--write", "0"],
        r"step 2: [\d.]+ bits a character\nunseen pages: [\d.]+ bits a character, counting pairs [\d.]+\n\n",
    ),
    "gan_ring.py": (
        ["--steps", "2"],
        r"step 2: judge's loss [\d.]+, drawer's [\d.]+\nwithin three .*: [\d.]+% of 10000 points\n"
        r"share of a cloud: [\d.]+% at least, [\d.]+% at most\n",
    ),
    "lstm_adding.py": (
        ["--steps", "2"],
        r"step 2: squared error [\d.]+\non new rows: squared error [\d.]+, of one who always answers 1 [\d.]+\n",
    ),
    "vae_digits.py": (
        ["--epochs", "1"],
        r"epoch 1: [\d.]+ nats an image\nunseen images: [\d.]+ nats an image, each pixel by itself [\d.]+\n"
        r"(?:[ .:+#]{73}\n){8}",
    ),
    "cart_pole.py": (["--rounds", "1"], r"round 1: mean return [\d.]+ of 200\n"),
    "cnn_digits.py": (["--epochs", "1"], r"epoch 1: loss [\d.]+\ntest accuracy: [\d.]+%\n"),
    "l2_optimum.py": (["--steps", "20"], r"value 0\.\d{12}, largest gradient [\d.e-]+ after 20 steps\n"),
}
UNJITTED = (
    (r"^(from weft import .*), jit$", r"\1\nfrom weft import jit"),
    (r"^from weft import jit$", "def jit(f): return f"),
)
TORCH = ((r"^import weft$", "import torch as weft"), (r"^(import|from) weft\.", r"\1 torch."), *UNJITTED)


def printed(
    path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys, "argv", [path.name, *arguments])
    runpy.run_path(str(path), run_name="__main__")
    return capsys.readouterr().out


def changed(script: str, changes: tuple[tuple[str, str], ...], folder: Path) -> Path:
    """The script with other imports, and nothing else changed."""
    head, body = (EXAMPLES / script).read_text(encoding="utf-8").split("\n\n\n", 1)
    for pattern, replacement in changes:
        head = re.sub(pattern, replacement, head, flags=re.MULTILINE)
    assert "return f" in head
    path = folder / script
    path.write_text(f"{head}\n\n\n{body}", encoding="utf-8")
    return path


def figures(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found, text
    return [float(figure) for figure in found.groups()]


@pytest.mark.parametrize("script", SHORT)
def test_a_script_runs_in_torch_after_a_change_of_imports(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    arguments, expected = SHORT[script]
    text = printed(changed(script, TORCH, tmp_path), ["--device", "cpu", *arguments], monkeypatch, capsys)
    assert re.fullmatch(expected, text), text


@pytest.mark.parametrize("script", SHORT)
def test_a_script_prints_the_same_without_jit(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, expected = SHORT[script]
    eager = printed(changed(script, UNJITTED, tmp_path), arguments, monkeypatch, capsys)
    assert re.fullmatch(expected, eager), eager
    jitted = printed(EXAMPLES / script, arguments, monkeypatch, capsys)
    one, two = ([float(figure) for figure in re.findall(r"\d[\d.e-]*", text)] for text in (eager, jitted))
    assert one == pytest.approx(two, rel=1e-6)


def test_a_policy_learns_to_balance(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(EXAMPLES / "cart_pole.py", [], monkeypatch, capsys)
    assert figures(r"round 50: mean return ([\d.]+) of 200\n$", text)[0] >= 150
    first = printed(EXAMPLES / "cart_pole.py", ["--rounds", "1"], monkeypatch, capsys)
    assert figures(r"return ([\d.]+) of", first)[0] < 40  # before it has learned anything


def test_a_network_learns_the_digits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(EXAMPLES / "cnn_digits.py", [], monkeypatch, capsys)
    assert figures(r"test accuracy: ([\d.]+)%\n$", text)[0] >= 98.5


def test_a_transformer_writes_better_than_pairs_of_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(EXAMPLES / "char_transformer.py", [], monkeypatch, capsys)
    bits, pairs = figures(r"unseen pages: ([\d.]+) bits a character, counting pairs ([\d.]+)\n", text)
    assert 3.5 < pairs < 4.0  # a model of this text that is hard to be wrong about
    assert bits < pairs - 0.6
    written = text.partition("counting pairs")[2].partition("\n")[2]
    assert len(written) == 300 + len("\n")


def test_an_lstm_remembers_over_a_long_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(EXAMPLES / "lstm_adding.py", [], monkeypatch, capsys)
    error, blind = figures(r"on new rows: squared error ([\d.]+), of one who always answers 1 ([\d.]+)\n$", text)
    assert blind == pytest.approx(1 / 6, rel=0.1)
    assert error < 0.01


def test_a_game_of_two_networks_finds_all_clouds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(EXAMPLES / "gan_ring.py", [], monkeypatch, capsys)
    assert figures(r"deviations of a cloud: ([\d.]+)% of", text)[0] >= 85  # of a true point: 98.9 %
    least, most = figures(r"share of a cloud: ([\d.]+)% at least, ([\d.]+)% at most\n$", text)
    assert least >= 7  # all eight are drawn, none much more than its eighth
    assert most <= 18


def test_an_autoencoder_finds_unseen_images_likely(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(EXAMPLES / "vae_digits.py", [], monkeypatch, capsys)
    bound, alone = figures(r"unseen images: ([\d.]+) nats an image, each pixel by itself ([\d.]+)\n", text)
    assert bound < alone - 2


def test_l2_reaches_the_optimum_that_newton_finds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(EXAMPLES / "l2_optimum.py", [], monkeypatch, capsys)
    value, slope = figures(r"value ([\d.]+), largest gradient ([\d.e-]+) ", text)
    assert slope <= 1e-12

    split = weft.digits()
    x = np.hstack([split.train_images, np.ones((len(split.train_images), 1))]).astype(np.float64)
    y = (split.train_labels % 2).astype(np.float64)
    strength = np.append(np.full(64, 1e-2), 0)
    w = np.zeros(65)
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ w))
        gradient = x.T @ (p - y) / len(y) + strength * w
        w -= np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) / len(y) + np.diag(strength), gradient)
    assert np.abs(gradient).max() < 1e-14
    z = x @ w
    best = np.mean(np.logaddexp(0, z) - y * z) + (strength * w * w).sum() / 2
    assert value == pytest.approx(best, rel=0, abs=1e-11)
