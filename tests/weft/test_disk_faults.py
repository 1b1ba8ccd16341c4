"""A full or broken disk at any step of any writing: one clear error, the old file or the new one, nothing beside."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.faults import Disk
from tests.weft.conftest import COPY, Weft
from weft.base.cache.keeper import Cache, digest
from weft.base.files import PARTIAL, replacing
from weft.files import filling, write_text
from weft.framework import checkpoint
from weft.framework.errors import CheckpointError
from weft.isa.assembler import assemble
from weft.isa.container import save
from weft.isa.errors import ProgramError

Writer = Callable[[Path, str], object]


def _replace(path: Path, text: str) -> None:
    with replacing(path) as whole:
        whole.write_bytes(text.encode())


def _fill(folder: Path, text: str) -> None:
    with filling(folder) as new:
        (new / "figures").mkdir()
        for name in ("index.html", "figures/a.svg", "result.json"):
            (new / name).write_text(f"{name}: {text}", encoding="utf-8")


def _program(path: Path, text: str) -> None:
    save(assemble(f'{COPY}\n.meta note "{text}"', "copy.s"), path)


def _checkpoint(path: Path, text: str) -> None:
    checkpoint.save(path, {"x": np.frombuffer(text.encode(), np.int8)})


WRITERS: dict[str, tuple[Writer, type[Exception]]] = {
    "text": (write_text, OSError),
    "bytes": (_replace, OSError),
    "program": (_program, ProgramError),
    "checkpoint": (_checkpoint, CheckpointError),
    "folder": (_fill, OSError),
}


def contents(path: Path) -> dict[str, bytes]:
    """Every file below the folder that ``path`` is in, with its bytes."""
    return {str(p.relative_to(path.parent)): p.read_bytes() for p in sorted(path.parent.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("kind", WRITERS)
def test_any_step_may_fail(kind: str, there: bool, number: int, disk: Disk, tmp_path: Path) -> None:
    writer, error = WRITERS[kind]
    states = {}
    for text in ("old", "new"):
        (tmp_path / text).mkdir()
        writer(tmp_path / text / "file", text)
        states[text] = contents(tmp_path / text / "file")
    before = states["old"] if there else {}
    for step in range(1, 200):
        path = tmp_path / str(step) / "file"
        path.parent.mkdir()
        if there:
            writer(path, "old")
        disk.fail(step, number)
        problem = None
        try:
            writer(path, "new")
        except error as raised:
            problem = raised
        if disk.well():
            break
        after = contents(path)
        if problem is None:  # what failed was of no importance, such as clearing up
            assert after == states["new"]
            continue
        assert os.strerror(number) in str(problem)
        assert str(path) in str(problem)
        assert after in (before, states["new"]), f"step {step} leaves {sorted(after)}"
    assert step > 3
    assert problem is None
    assert contents(path) == states["new"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_verb_says_so_in_one_line(number: int, disk: Disk, weft: Weft, tmp_path: Path) -> None:
    source, target = tmp_path / "copy.s", tmp_path / "out" / "copy.weft"
    source.write_text(COPY, encoding="utf-8")
    target.parent.mkdir()
    for step in range(1, 200):
        disk.fail(step, number)
        outcome = weft("asm", source, "-o", target)
        if disk.well():
            break
        if outcome.code:
            outcome.refused(2, str(target), os.strerror(number))
        assert [path.name for path in target.parent.iterdir()] in ([], ["copy.weft"])
        target.unlink(missing_ok=True)
    assert step > 3
    assert outcome.code == 0
    assert target.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_writers_that_are_killed_at_random(tmp_path: Path) -> None:
    """The cache and a checkpoint: whatever is there is whole, and the next writer has no trouble."""
    chance, names = random.Random(5), [f"{digest(i)}.kernel" for i in range(4)]
    cache, state = tmp_path / "cache", tmp_path / "state.safetensors"
    values = {name: bytes([i]) * 200_000 for i, name in enumerate(names)}
    for kill in range(30):
        child = os.fork()
        if child == 0:
            try:
                kept, round_ = Cache(cache, 1 << 30), 0
                while True:
                    for name in names:
                        kept.put("kernels", name, values[name])
                    checkpoint.save(state, {"x": np.full(50_000, round_, np.int32)})
                    round_ += 1
            finally:
                os._exit(1)
        while kill == 0 and not state.exists():  # a first one that has written everything
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        kept = Cache(cache, 1 << 30)
        for name in names:
            found = kept.find("kernels", name)
            assert found is None or found.content == values[name]
        if state.exists():
            assert len(set(checkpoint.load(state)["x"].tolist())) == 1
    assert state.exists()
    assert all(kept.put("kernels", name, values[name]) is not None for name in names)
    for left in cache.rglob(f"*{PARTIAL}"):
        os.utime(left, (0, 0))
    kept.put("kernels", names[0], values[names[0]])
    assert sorted(path.name for path in (cache / "kernels").iterdir()) == sorted(names)
