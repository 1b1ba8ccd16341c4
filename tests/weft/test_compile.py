"""``weft compile``: a program file, the forms that the compiler takes a step through, or both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

LOGISTIC = ("compile", "digits-logistic", "--machine", "nano")


def test_showing_writes_no_file(weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = weft(*LOGISTIC, "--show", "graph")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("graph: ")
    assert "Linear, weight gradient, [64×1]ᵀ·[64×64]" in outcome.out
    assert list(tmp_path.iterdir()) == []
    both = weft(*LOGISTIC, "--show", "asm, graph", "--layer", "Linear", "-o", "p.weft")
    assert both.code == 0
    assert both.err.startswith("p.weft: ")
    assert both.out.index("graph: ") < both.out.index("asm: ")
    shown = weft("disasm", "p.weft").out
    for line in both.out.partition("asm: ")[2].splitlines()[1:]:
        assert line.partition("  ; ")[0].strip() in shown


def test_int8_inference_is_shown_too(weft: Any) -> None:
    outcome = weft(*LOGISTIC, "--int8", "--show", "passes", "--layer", "QuantisedLinear")
    assert (outcome.code, outcome.err) == (0, "")
    assert "quantised_products: " in outcome.out
    assert "backward" not in outcome.out


def test_a_drawing(weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = weft(*LOGISTIC, "--svg", "step.svg", "--after", "precision", "--show", "summary")
    assert (outcome.code, outcome.err) == (0, "step.svg: drawn\n")
    assert outcome.out.startswith("summary: ")
    assert "<title>graph after pass " in (tmp_path / "step.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "Error: give -o FILE to write the program, --show graph,summary,passes,asm to look at it, or --svg FILE"),
        (("--layer", "0", "-o", "x.weft"), "Error: --layer chooses what --show prints; give --show graph,summary,"),
        (("--before", "algebra", "--show", "asm"), "Error: --before says which graph is shown; give --show graph or"),
        (("--show", "graph", "--after", "algebr"), "error: no pass 'algebr'; did you mean 'algebra'? there are: dead_"),
        (("--svg", "x.svg", "-o", "x.svg"), "Error: --svg and --output name one file; give two"),
        (("--show", "graphs"), "Error: Invalid value for '--show': no form 'graphs'; did you mean 'graph'? "),
        (("--show", "graph", "--layer", "layer 7"), "error: no part of the step called 'layer 7'; there are: "),
    ],
)
def test_mistakes(words: tuple[str, ...], text: str, weft: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = weft(*LOGISTIC, *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in outcome.err
    assert list(tmp_path.iterdir()) == []


CPU = ("compile", "digits-logistic", "--device", "cpu")


def test_the_cpu_is_shown(weft: Any, tmp_path: Path) -> None:
    outcome = weft(*CPU, "--show", "summary,kernels", "--svg", tmp_path / "s.svg", "--after", "rematerialise")
    assert outcome.code == 0
    (number,) = re.findall(r"^  pass (\d+), rematerialise: ", outcome.out, re.MULTILINE)
    assert "\nkernels: " in outcome.out
    assert outcome.out.count("memory: ") == 2
    drawn = (tmp_path / "s.svg").read_text(encoding="utf-8")
    assert f"<title>graph after pass {number}, rematerialise</title>" in drawn


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "Error: give --show graph,summary,passes,kernels to look at the step, or --svg FILE"),
        (("--show", "asm"), "error: form 'asm' is of --device accel; for cpu there are: graph, summary, passes, ker"),
        (("--show", "graph", "-o", "x.weft"), "Error: --output writes a program of the accelerator; leave it out with"),
        (("--show", "graph", "--machine", "nano"), "Error: --machine has no meaning with --device cpu; leave it out"),
        (("--show", "graph", "--after", "precision"), "error: no pass 'precision'; "),
    ],
)
def test_mistakes_about_the_cpu(words: tuple[str, ...], text: str, weft: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = weft(*CPU, *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in outcome.err
    assert list(tmp_path.iterdir()) == []
