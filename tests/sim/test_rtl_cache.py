"""RTL models in the cache: built once however many ask, again where damaged, and also where nothing can be kept."""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults import Disk
from tests.sim.rtl_tools import need_rtl
from weft.base.errors import MissingToolError, WeftError
from weft.isa.machine import Machine, load

need_rtl()


from weft.base.cache import keeper as keepers  # noqa: E402 (only where what it needs is there)
from weft.sim.rtl import build as builder  # noqa: E402  (needs the tools)
from weft.sim.rtl.toolchain import Toolchain, find_toolchain  # noqa: E402 (only where what it needs is there)

pytestmark = pytest.mark.rtl
NANO = load("nano")


class Compiler:
    """Takes the place of the export, Verilator and g++, and counts."""

    def __init__(self) -> None:
        self.builds = 0
        self.exports = 0
        self.error: BaseException | None = None
        self.works: list[Path] = []

    def verilog(self, machine: Machine) -> str:
        self.exports += 1
        return f"module dim{machine.dim}"

    def runtime(self, tools: Toolchain, variant: builder.Variant, work: Path, running: object) -> list[Path]:
        return []

    def compile(
        self,
        tools: Toolchain,
        machine: Machine,
        variant: builder.Variant,
        verilog: str,
        work: Path,
        runtime: Sequence[Path],
    ) -> Path:
        self.builds += 1
        self.works.append(work)
        (work / "half.o").write_text("half")
        if self.error:
            raise self.error
        (work / "model.so").write_text(f"{verilog} {self.builds}")
        return work / "model.so"


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Compiler]:
    fake = Compiler()
    forget()
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builder, "_compile", fake.compile)
    monkeypatch.setattr(builder, "_runtime", fake.runtime)
    monkeypatch.setattr(builder, "_verilog", fake.verilog)
    yield fake
    forget()


def forget() -> None:
    """Begin as a new process does: nothing is built for it alone, and nothing is said yet."""
    keepers._own_folder.cache_clear()
    keepers._keeper.cache_clear()


def models(tmp_path: Path) -> list[Path]:
    """What lies in the cache."""
    return sorted((tmp_path / "cache" / "models").iterdir())


def test_a_model_is_built_once(compiler: Compiler, tmp_path: Path) -> None:
    first = builder.build(NANO)
    assert builder.build(NANO) == first
    assert (compiler.builds, compiler.exports) == (1, 1)
    assert builder.build(load("nano", {"pipeline.mac": 2, "dim": 8})) != first
    assert compiler.builds == 2
    assert {path.suffix for path in models(tmp_path)} == {".so", ".key"}


def test_a_model_names_its_design(compiler: Compiler) -> None:
    assert builder.build(NANO).design == hashlib.sha256(b"module dim4").hexdigest()
    assert builder.build(NANO).design == builder.build(NANO, builder.WAVE).design


def test_the_dram_model_is_no_part_of_it(compiler: Compiler) -> None:
    assert builder.build(load("nano", {"dram.latency": 99})) == builder.build(NANO)
    assert compiler.builds == 1


def test_equal_verilog_is_compiled_once(compiler: Compiler) -> None:
    first = builder.build(NANO)
    assert builder.build(load("nano", {"pipeline.mac": 2})) == first  # the fake's Verilog tells only the dimension
    assert (compiler.exports, compiler.builds) == (2, 1)


def test_a_model_with_waves_is_another(compiler: Compiler) -> None:
    plain, waved = builder.build(NANO), builder.build(NANO, builder.WAVE)
    assert plain != waved
    assert builder.build(NANO, builder.WAVE) == waved
    assert compiler.builds == 2


def test_another_compiler_makes_another_model(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    first = builder.build(NANO)
    other = dataclasses.replace(find_toolchain(), versions="Verilator 5; g++ 99")
    monkeypatch.setattr(builder, "find_toolchain", lambda: other)
    assert builder.build(NANO) != first
    assert compiler.builds == 2


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "another": lambda path: path.write_bytes(b"module dim4 2" + path.read_bytes()[13:]),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "a path": lambda path: path.write_text("../../elsewhere.so"),
    "a folder": lambda path: (path.unlink(), path.mkdir(), (path / "inner").touch()),
}


@pytest.mark.parametrize("suffix", [".so", ".key"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_heals(damage: str, suffix: str, compiler: Compiler, tmp_path: Path) -> None:
    built = builder.build(NANO)
    [path] = [path for path in models(tmp_path) if path.suffix == suffix]
    DAMAGE[damage](path)
    assert builder.build(NANO) == built
    exports, builds = compiler.exports, compiler.builds
    assert (exports, builds) == (2, 2 if suffix == ".so" else 1)
    assert built.library.read_bytes().startswith(f"module dim4 {builds}".encode())
    assert builder.build(NANO) == built
    assert (compiler.exports, compiler.builds) == (exports, builds)


@pytest.mark.parametrize("content", [b"", b"../../../tmp/evil", b"\xff" * 64, b"0" * 10_000])
def test_an_intact_key_of_another_content_leads_nowhere(content: bytes, compiler: Compiler, tmp_path: Path) -> None:
    built = builder.build(NANO)
    [key] = [path for path in models(tmp_path) if path.suffix == ".key"]
    assert keepers.keeper().put(builder.KIND, key.name, content) is not None
    assert builder.build(NANO) == built


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MissingToolError("compiling x.cpp failed (exit 1)")])
def test_a_build_that_ends_early_leaves_nothing(compiler: Compiler, tmp_path: Path, error: BaseException) -> None:
    compiler.error = error
    with pytest.raises(type(error)):
        builder.build(NANO)
    assert models(tmp_path) == []
    assert not compiler.works[0].exists()
    compiler.error = None
    assert builder.build(NANO).library.exists()


@pytest.mark.parametrize("folder", ["/dev/null/cache", "/proc/weft"])
def test_a_cache_that_cannot_be_written(
    folder: str, compiler: Compiler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEFT_CACHE", folder)
    built = builder.build(NANO)
    assert built.library.read_bytes().startswith(b"module dim4 1")
    assert builder.build(NANO) == built  # kept for this process
    assert compiler.builds == 1
    [record] = caplog.records
    assert record.getMessage().startswith("weft: nothing is kept: /")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_step(
    number: int, compiler: Compiler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: Disk
) -> None:
    """The model is there, or it is said that there is no room; the next process has it."""
    outcomes: list[bool | str] = []
    for step in range(1, 200):
        monkeypatch.setenv("WEFT_CACHE", str(tmp_path / f"cache{step}"))
        keepers._own_folder.cache_clear()
        keepers._keeper.cache_clear()
        disk.fail(step, number)
        try:
            library = builder.build(NANO).library
            outcomes.append(library.is_relative_to(tmp_path))
        except WeftError as problem:
            outcomes.append(str(problem))
        well = disk.well()
        keepers._keeper.cache_clear()
        assert builder.build(NANO).library.read_bytes().startswith(b"module dim4")
        if well:
            break
    assert outcomes[-1] is True
    assert False in outcomes  # kept for the process alone
    told = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert told
    for text in told:
        assert text.startswith("no room ")
        assert text.endswith("TMPDIR names the folder for it")


def test_ctrl_c_ends_the_compiler_beside_the_export(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: Compiler
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    script, pid = tmp_path / "c++", tmp_path / "pid"
    script.write_text(f"#!/bin/sh\nsleep 600 & echo $! > {pid}\nwait\n")
    script.chmod(0o755)
    slow = dataclasses.replace(find_toolchain(), compiler=(str(script),))
    monkeypatch.setattr(builder, "find_toolchain", lambda: slow)

    def interrupted(machine: Machine) -> str:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(builder, "_verilog", interrupted)
    with pytest.raises(KeyboardInterrupt):
        builder.build(NANO)  # and not after ten minutes


def test_a_library_that_cannot_be_loaded_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache's file system may be one from which nothing is executed."""
    import _ctypes

    load, tried = ctypes.CDLL, []

    def refusing(path: str) -> ctypes.CDLL:
        tried.append(path)
        if path.startswith(str(tmp_path)):
            raise OSError("failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr(ctypes, "CDLL", refusing)
    library = tmp_path / f"{keepers.digest(1)}.so"
    library.write_bytes(Path(_ctypes.__file__).read_bytes())
    assert builder.loaded(builder.Built(library, "")) is not None
    assert [Path(path).name for path in tried] == [library.name] * 2
    library = library.with_name(f"{keepers.digest(2)}.so")
    library.write_bytes(b"no library")
    with pytest.raises(WeftError, match=r"the model cannot be loaded: .*; `weft cache clear` has it built again"):
        builder.loaded(builder.Built(library, ""))


def test_no_folder_to_build_in(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/weft")
    with pytest.raises(WeftError, match=r"no room to build the model in: .*; TMPDIR names the folder for it"):
        builder.build(NANO)


SCRIPT = """
import sys, time
from pathlib import Path
from weft.isa.machine import load
from weft.sim.rtl import build as builder
counted = Path(sys.argv[1])
def compiled(tools, machine, variant, verilog, work, runtime):
    with counted.open("a") as file:
        file.write("x")
    print("building", flush=True)
    time.sleep(float(sys.argv[2]))
    (work / "model.so").write_text("model")
    return work / "model.so"
builder._compile, builder._runtime, builder._verilog = compiled, lambda *_: [], lambda machine: "module"
print(builder.build(load("nano")).library.read_bytes()[:5])
"""


def builders(tmp_path: Path, count: int, seconds: float) -> list[subprocess.Popen[str]]:
    """Processes that build the same model, which takes so long."""
    environment = os.environ | {"WEFT_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "counted"), str(seconds)]
    return [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]


def test_of_processes_that_need_a_model_one_builds_it(tmp_path: Path) -> None:
    processes = builders(tmp_path, 3, 0.5)
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert all("b'model'" in out for out, _ in outputs)
    assert (tmp_path / "counted").read_text() == "x"


def test_a_killed_builder_is_no_obstacle(tmp_path: Path) -> None:
    [first] = builders(tmp_path, 1, 600)
    assert first.stdout is not None
    assert first.stdout.readline() == "building\n"
    first.send_signal(signal.SIGKILL)
    first.communicate()
    [second] = builders(tmp_path, 1, 0)
    out, err = second.communicate(timeout=300)
    assert (second.returncode, err) == (0, "")
    assert "b'model'" in out
    assert {path.suffix for path in models(tmp_path)} == {".so", ".key"}
