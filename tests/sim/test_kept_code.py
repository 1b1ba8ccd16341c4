"""Compiled kernels are kept, and whatever is wrong with what was kept, they are compiled again."""

from __future__ import annotations

import ast
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numba import types

from weft.base.cache.keeper import keeper
from weft.sim.fast import kept as kept_code
from weft.sim.fast.jit import kernel, standalone

ROOT = Path(__file__).parents[2]


def twice(x: int) -> int:
    return 2 * x


seven_is: int  # `standalone` supplies it


def seven() -> int:
    return seven_is  # noqa: F821 (`standalone` supplies it)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def called() -> tuple[int, bool]:
    """A kernel's result in a process that has not used it yet, and whether it was loaded."""
    fresh: Any = kernel(twice)
    result = int(fresh(21))
    return result, bool(sum(fresh.stats.cache_hits.values()))


def loop() -> tuple[int, bool]:
    """The same of code that is called by its address."""
    code = standalone(seven, types.int64(), "seven", seven_is=7)
    return int(code.ctypes()), bool(code.cache_hits)


class Trap:
    """A pickle that raises what it is told to when it is loaded."""

    def __init__(self, problem: type[BaseException]) -> None:
        self.problem = problem

    def __reduce__(self) -> Any:
        return _raise, (self.problem,)


def _raise(problem: type[BaseException]) -> None:
    raise problem


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "random": lambda path: path.write_bytes(random.Random(2).randbytes(3000)),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("use", [called, loop])
def test_what_was_kept_is_loaded_and_what_was_damaged_heals(use: Callable[[], tuple[int, bool]], folder: Path) -> None:
    value, loaded = use()
    assert not loaded
    assert use() == (value, True)
    [path] = folder.iterdir()
    for damage in DAMAGE.values():
        damage(path)
        assert use() == (value, False)
        assert use() == (value, True)


@pytest.mark.parametrize("problem", [EOFError, ImportError, KeyError, MemoryError, RecursionError, ValueError])
def test_what_cannot_be_loaded_heals(problem: type[BaseException], folder: Path) -> None:
    """Of an intact file: what another version of a library left, for example."""
    called()
    [path] = folder.iterdir()
    for content in (pickle.dumps(Trap(problem)), pickle.dumps((1, 2)), pickle.dumps(None)):
        assert keeper().put("kernels", path.name, content) is not None
        assert called() == (42, False)
        assert called() == (42, True)


def test_a_cache_in_which_nothing_can_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for folder in ("/dev/null/x", "/proc/weft"):
        monkeypatch.setenv("WEFT_CACHE", folder)
        assert called() == (42, False)


def test_another_source_version_or_processor_is_another_name(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    called()
    for name, value in (("sources", "other"), ("_versions", "numba 99")):
        with monkeypatch.context() as patch:
            patch.setattr(kept_code, name, lambda value=value: value)
            assert called() == (42, False)
            assert called() == (42, True)
    assert len(list(folder.iterdir())) == 3


def test_kernels_are_named_after_every_file_that_they_take_constants_from() -> None:
    files = kept_code.source_files()
    for path in (ROOT / "weft/sim/fast").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("weft.isa.", "weft.sim.fast.")):
                assert ROOT / f"{node.module}.py".replace(".", "/", str(node.module).count(".")) in files


SCRIPT = """
import sys
from weft.cli import main
try:
    main(["sim", sys.argv[1]])
except SystemExit as stop:
    sys.exit(stop.code)
"""


def started(program: Path, cache: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """``weft sim`` in a process of its own."""
    environment = os.environ | {"WEFT_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(program)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **more)


@pytest.mark.thorough
def test_a_run_with_every_file_damaged(tmp_path: Path) -> None:
    from weft.isa.assembler import assemble
    from weft.isa.container import save

    save(assemble(".machine nano\nhalt\n", "halt.s"), tmp_path / "halt.weft")
    cache = tmp_path / "cache"
    assert started(tmp_path / "halt.weft", cache).returncode == 0
    files = sorted((cache / "kernels").iterdir())
    assert files
    for path, damage in zip(files, [*DAMAGE.values()] * len(files), strict=False):
        damage(path)
    healing = started(tmp_path / "halt.weft", cache)
    assert healing.returncode == 0, healing.stderr
    assert "cycles" in healing.stdout
    assert healing.stderr.count("\n") == 1
    assert healing.stderr.startswith(f"weft: damaged files in {cache} are made again, such as kernels/")
    healed = started(tmp_path / "halt.weft", cache)
    assert (healed.returncode, healed.stderr) == (0, "")


READ_ONLY = ["unshare", "-m", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
CALLED = """
import sys
sys.path.insert(0, sys.argv[1])
from weft.sim.fast.jit import kernel
print(kernel(eval("lambda x: 2 * x"))(21))
"""


@pytest.mark.parametrize("become", [READ_ONLY, NOBODY], ids=["read-only", "nobody"])
def test_an_installation_that_may_only_be_read_by_a_user_without_a_home(become: list[str]) -> None:
    """As in a container."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*become, "env", "-i", "HOME=/nonexistent", sys.executable, "-B", "-c", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    if shutil.which(become[0]) is None or (denied := run("import numba")).returncode:
        pytest.skip(
            f"{become[0]}: this may not be tried here: {denied.stderr[-200:] if shutil.which(become[0]) else ''}"
        )
    done = run(CALLED, str(ROOT))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "42\n"
    [line] = done.stderr.splitlines()
    assert line.startswith("weft: nothing is kept: /nonexistent")
