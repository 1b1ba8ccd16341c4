"""The cache of RTL models: built once however many ask, never half-written, damage noticed, clear when unwritable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from isa.errors import MissingToolError, WeftError
from isa.machine import Machine, load
from tests.sim.rtl_tools import need_rtl

need_rtl()

from sim.rtl import build as builder  # noqa: E402  (needs the tools)
from sim.rtl.cache import exclusive, intact, keep  # noqa: E402
from sim.rtl.toolchain import Toolchain  # noqa: E402

pytestmark = pytest.mark.rtl
NANO = load("nano")


class Compiler:
    """Takes the place of the export, Verilator and g++, and counts."""

    def __init__(self) -> None:
        self.builds = 0
        self.exports = 0
        self.error: BaseException | None = None

    def verilog(self, machine: Machine) -> str:
        self.exports += 1
        return f"module dim{machine.dim}"

    def runtime(self, tools: Toolchain, models: Path, variant: builder.Variant) -> list[Path]:
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
        (work / "half.o").write_text("half")
        if self.error:
            raise self.error
        (work / "model.so").write_text(f"{verilog} {self.builds}")
        return work / "model.so"


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Compiler:
    fake = Compiler()
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builder, "_compile", fake.compile)
    monkeypatch.setattr(builder, "_runtime", fake.runtime)
    monkeypatch.setattr(builder, "_verilog", fake.verilog)
    return fake


def left_over(tmp_path: Path) -> list[str]:
    return [
        path.name for path in (tmp_path / "cache" / "models").glob("*") if path.suffix not in (".lock", ".so", ".key")
    ]


def test_a_model_is_built_once(compiler: Compiler, tmp_path: Path) -> None:
    first = builder.build(NANO)
    assert builder.build(NANO) == first
    assert (compiler.builds, compiler.exports) == (1, 1)
    assert builder.build(load("nano", {"pipeline.mac": 2, "dim": 8})) != first
    assert compiler.builds == 2
    assert left_over(tmp_path) == []


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


@pytest.mark.parametrize("damage", [b"", b"module dim4 2", b"short"])
def test_a_damaged_library_is_built_again(compiler: Compiler, damage: bytes) -> None:
    library = builder.build(NANO)
    sound = library.read_bytes()
    library.write_bytes(damage + sound[len(damage) : -1])
    assert builder.build(NANO) == library
    assert compiler.builds == 2
    assert library.read_bytes().startswith(b"module dim4 2")
    assert builder.build(NANO) == library
    assert compiler.builds == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MissingToolError("compiling x.cpp failed (exit 1)")])
def test_a_build_that_ends_early_leaves_nothing(compiler: Compiler, tmp_path: Path, error: BaseException) -> None:
    compiler.error = error
    with pytest.raises(type(error)):
        builder.build(NANO)
    assert [path.suffix for path in (tmp_path / "cache" / "models").iterdir()] == [".lock"]
    compiler.error = None
    assert builder.build(NANO).exists()


def test_a_cache_that_cannot_be_written(compiler: Compiler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "file"))
    wanted = r"^cannot keep a built model in .*/file/models: Not a directory; set WEFT_CACHE to a folder that can be"
    with pytest.raises(WeftError, match=wanted) as caught:
        builder.build(NANO)
    assert caught.value.exit_code == 2


def test_a_killed_builders_folder_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "build-key").mkdir()
    (tmp_path / "build-key" / "half.o").write_text("half")
    with exclusive(tmp_path, "key") as work:
        assert list(work.iterdir()) == []
    assert not work.exists()


def test_builders_of_the_same_model_wait_for_each_other(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom sim.rtl.cache import exclusive\n"
        "folder = Path(sys.argv[1])\n"
        "with exclusive(folder, 'key') as work:\n"
        "    inside = folder / 'inside'\n"
        "    inside.open('x').close()\n"  # fails if another is inside
        "    time.sleep(0.2)\n"
        "    inside.unlink()\n"
    )
    root = Path(__file__).parents[2]
    started = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]


def test_what_is_kept_can_be_told_from_what_was_changed(tmp_path: Path) -> None:
    built, place = tmp_path / "built", tmp_path / "place"
    built.write_bytes(b"content")
    keep(built, place)
    assert not built.exists()
    assert intact(place)
    assert place.read_bytes().startswith(b"content")
    place.write_bytes(place.read_bytes().replace(b"content", b"kontent"))
    assert not intact(place)
    assert not intact(tmp_path / "absent")
