"""Training scripts as forty people write them for torch, each run under torch and under weft and compared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.framework.user_scripts.running import FOLDER, SCRIPTS, STEP, compared, run_script, source_of

QUICK = ("hypernetwork", "lora", "pruning", "recommender", "word2vec")
"""What is run each time; the others are ``thorough``."""
WAITING: Mapping[str, str] = {
    "custom_function": "autograd.gradcheck",
    "gaussian_process": "linalg, and a default type of float64",
    "lbfgs_fit": "optim.LBFGS",
    "mixed_precision": "amp.autocast",
    "realnvp": "distributions.MultivariateNormal",
}
"""Scripts that do not run yet → why."""
WITH_STEP = [name for name in SCRIPTS if f"def {STEP}(" in source_of(name)]


def each(names: list[str]) -> list[object]:
    """The scripts, those that are not quick marked ``thorough`` and those that wait expected to fail."""
    return [
        pytest.param(
            name,
            marks=[
                *([] if name in QUICK else [pytest.mark.thorough]),
                *([pytest.mark.xfail(reason=WAITING[name], strict=False)] if name in WAITING else []),
            ],
        )
        for name in names
    ]


@pytest.mark.parametrize("name", each(SCRIPTS))
def test_a_script_learns_the_same(name: str) -> None:
    pytest.importorskip("torch", reason="torch is the oracle of its own semantics")
    found = compared(run_script(source_of(name), name), run_script(source_of(name, weft=True), name))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", each(WITH_STEP))
def test_a_script_learns_the_same_with_its_step_compiled(name: str) -> None:
    pytest.importorskip("torch", reason="torch is the oracle of its own semantics")
    found = compared(run_script(source_of(name), name), run_script(source_of(name, weft=True, jit=True), name))
    assert not found, "\n".join(found)


def test_the_scripts_are_many_and_short() -> None:
    assert len(SCRIPTS) >= 40
    assert len(WITH_STEP) >= 10
    assert not [name for name in SCRIPTS if len(source_of(name).splitlines()) > 180]
    assert not [name for name in SCRIPTS if "weft" in source_of(name)], "they know torch alone"
    assert set(WAITING) <= set(SCRIPTS) and set(QUICK) <= set(SCRIPTS)
    assert (FOLDER / "running.py").exists()
