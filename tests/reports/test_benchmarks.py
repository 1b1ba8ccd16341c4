"""The benchmarks measure what they say; how fast anything is, is not tested."""

from __future__ import annotations

import sys

import pytest

from weft.reports.benchmarks import mlp_cpu_vs_torch


def test_both_sides_train_the_same_model() -> None:
    pytest.importorskip("torch", reason="torch is an oracle that no extra installs: pip install torch==2.13.0")
    result = mlp_cpu_vs_torch(rounds=2, steps=5)
    assert result["ratio"] == result["weft_ms"] / result["torch_ms"]
    assert result["weft_best_ms"] <= result["weft_ms"]
    # Other random weights, the same task: after twelve steps both have come down from log 10 about as far.
    assert 0.8 < result["weft_loss"] < 2.2
    assert 0.8 < result["torch_loss"] < 2.2


def test_without_torch_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = mlp_cpu_vs_torch(rounds=1, steps=2)
    assert result["ratio"] is result["torch_ms"] is result["torch_loss"] is None
    assert result["reason"].endswith("pip install torch==2.13.0")
    assert result["weft_ms"] > 0
