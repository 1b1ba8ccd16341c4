"""Machine code kept on disk: the next process takes it, and whatever is wrong with it is made again."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import pytest
from llvmlite import ir

from weft.compiler.errors import InternalError
from weft.compiler.targets.cpu import kept, program
from weft.compiler.targets.cpu.device import CpuDevice
from weft.compiler.targets.cpu.driver import native_driver
from weft.framework.builder import GraphBuilder
from weft.framework.graph import Graph

X = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that keeps everything."""
    native_driver()  # made before, so that it is not among what is kept here
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "WORTH_KEEPING", 0)
    return tmp_path / "cache" / kept.KIND


def graph(factor: float = 2.0) -> Graph:
    b = GraphBuilder()
    x = b.input("x", X.shape, "float32")
    return b.build({"y": b.apply("tanh", b.apply("mul", x, b.full(factor, like=x)))})


def run(given: Graph, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """As a process that has compiled nothing."""
    monkeypatch.setattr(program, "_KERNELS", WeakValueDictionary())
    return CpuDevice().compile(given)({"x": X}).outputs["y"]


def refused(module: ir.Module) -> bytes:
    raise AssertionError("it is compiled")


def test_the_next_process_compiles_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(graph(), monkeypatch)
    (entry,) = folder.iterdir()
    monkeypatch.setattr(kept, "machine_code", refused)
    np.testing.assert_array_equal(run(graph(), monkeypatch), first)
    with pytest.raises(InternalError, match="it is compiled"):
        run(graph(3.0), monkeypatch)
    assert list(folder.iterdir()) == [entry]


def test_what_is_damaged_or_from_other_sources_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(graph(), monkeypatch)
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-1])
    np.testing.assert_array_equal(run(graph(), monkeypatch), first)
    monkeypatch.setattr(kept, "_sources", lambda: "changed")
    np.testing.assert_array_equal(run(graph(), monkeypatch), first)
    assert len(list(folder.iterdir())) == 2


def test_what_is_compiled_quickly_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "WORTH_KEEPING", 1e9)
    run(graph(), monkeypatch)
    assert not folder.exists() or not list(folder.iterdir())
