"""Training scripts as forty people write them for torch, each run under torch and under weft and compared.

They run on the reference device, which compiles nothing; the CPU, where each of their many graphs is compiled, runs a
sample. Scripts that choose a device by themselves get the CPU in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from _pytest.mark.structures import ParameterSet

from tests.framework.user_scripts.running import SCRIPTS, STEP, compared, run_script, source_of
from weft.framework.device import use_device

PLACED = [name for name in SCRIPTS if "device = torch.device" in source_of(name)]
"""Those that choose a device."""
ON_CPU = ("accumulation", "bert", "graph_convolution", "lora", "recommender", "resnet", "siamese", "vae", "wgan_gp")
WITH_STEP = [name for name in SCRIPTS if f"def {STEP}(" in source_of(name)]
WAITING: Mapping[str, str] = {
    "gaussian_process": "a default type of float64",
    "realnvp": "distributions.MultivariateNormal",
}
"""Scripts that do not run yet → for want of what."""


def each(names: Iterable[str]) -> list[ParameterSet]:
    """The scripts; those that wait have to fail, and leave the list when they do not."""
    return [
        pytest.param(
            name,
            marks=[
                *([pytest.mark.thorough] if name in PLACED else []),
                *([pytest.mark.xfail(reason=WAITING[name], strict=True)] if name in WAITING else []),
            ],
        )
        for name in names
    ]


def check(name: str, device: str, jit: bool = False) -> None:
    """Raise AssertionError unless a script returns and prints the same under both."""
    pytest.importorskip("torch", reason="torch is the oracle of its own semantics")
    with use_device(device):
        ours = run_script(source_of(name, weft=True, jit=jit), name)
    found = compared(run_script(source_of(name), name), ours)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", each(SCRIPTS))
def test_a_script_learns_the_same(name: str) -> None:
    check(name, "numpy")


@pytest.mark.parametrize("name", each(WITH_STEP))
def test_a_script_learns_the_same_with_its_step_compiled(name: str) -> None:
    check(name, "numpy", jit=True)


@pytest.mark.thorough
@pytest.mark.parametrize("name", each(ON_CPU))
def test_a_script_learns_the_same_on_the_cpu(name: str) -> None:
    check(name, "cpu")


@pytest.mark.thorough
@pytest.mark.parametrize("name", each(["bert", "resnet", "vae"]))
def test_a_script_learns_the_same_compiled_on_the_cpu(name: str) -> None:
    check(name, "cpu", jit=True)


def test_a_difference_is_seen() -> None:
    """A runner that finds nothing proves nothing."""
    pytest.importorskip("torch", reason="torch is the oracle of its own semantics")
    source = source_of("word2vec")
    theirs = run_script(source, "word2vec")
    other = run_script(source.replace("lr=0.1", "lr=0.1001"), "word2vec")
    assert not compared(theirs, run_script(source, "word2vec"))
    assert any("losses" in line for line in compared(theirs, other))


def test_the_scripts_are_many_and_know_torch_alone() -> None:
    assert len(SCRIPTS) >= 40
    assert len(WITH_STEP) >= 10
    assert {*ON_CPU, *WAITING} <= set(SCRIPTS)
    assert not [name for name in SCRIPTS if len(source_of(name).splitlines()) > 180 or "weft" in source_of(name)]
