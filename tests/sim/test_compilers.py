"""Any C++ compiler, however ``CXX`` names it, builds models that are the same machine."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sim.rtl_tools import need_rtl
from weft.base.errors import MissingToolError
from weft.isa.machine import load
from weft.sim.fast.engine import FastEngine
from weft.sim.fuzz import random_program
from weft.sim.verify import compare

need_rtl()

from weft.sim.rtl.build import PLAIN  # noqa: E402  (needs the tools)
from weft.sim.rtl.engine import RtlEngine  # noqa: E402 (only where what it needs is there)
from weft.sim.rtl.toolchain import Toolchain, compile_all, compiler_command, find_toolchain, link  # noqa: E402 (only where what it needs is there)

pytestmark = pytest.mark.rtl
COMPILERS = ("g++", "clang++", "ccache g++", "ccache clang++")
SOURCE = """
#include <atomic>
#include <cstdint>
struct alignas(128) Line { char bytes[128]; };
struct Pair { std::uint64_t a, b; };
std::atomic<Pair> pair;
extern "C" int aligned() {
  for (int i = 0; i < 100; ++i)
    if (reinterpret_cast<std::uintptr_t>(new Line) % 128) return 0;
  pair = Pair{1, 2};
  return pair.load().b == 2;
}
"""


@pytest.fixture
def toolchain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Toolchain]]:
    """The tools with a ``CXX``."""
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "ccache"))

    def chosen(command: str) -> Toolchain:
        monkeypatch.setenv("CXX", command)
        find_toolchain.cache_clear()
        return find_toolchain()

    yield chosen
    find_toolchain.cache_clear()


def need(command: str) -> None:
    """Skip unless every program of the command is there."""
    for word in command.split():
        if shutil.which(word) is None:
            pytest.skip(f"{word} is not installed")


@pytest.mark.parametrize("command", COMPILERS)
def test_alignment_is_heeded_and_nothing_is_missing(
    command: str, toolchain: Callable[[str], Toolchain], tmp_path: Path
) -> None:
    """A model is aligned to a cache line, and some compilers call a library for atomic access."""
    need(command)
    tools = toolchain(command)
    (tmp_path / "one.cpp").write_text(SOURCE)
    objects = compile_all(tools, [(tmp_path / "one.cpp", PLAIN.compiler)], tmp_path)
    link(tools, objects, tmp_path / "one.so")
    assert ctypes.CDLL(str(tmp_path / "one.so")).aligned() == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other linkers refuse by themselves")
def test_what_is_missing_is_an_error_of_the_build(toolchain: Callable[[str], Toolchain], tmp_path: Path) -> None:
    (tmp_path / "one.cpp").write_text('extern "C" int nowhere(); extern "C" int f() { return nowhere(); }')
    tools = find_toolchain()
    objects = compile_all(tools, [(tmp_path / "one.cpp", PLAIN.compiler)], tmp_path)
    with pytest.raises(MissingToolError, match=r"(?s)linking failed .*nowhere"):
        link(tools, objects, tmp_path / "one.so")


@pytest.mark.parametrize("command", [COMPILERS[0], pytest.param(COMPILERS[1], marks=pytest.mark.thorough)])
def test_models_of_both_compilers_are_the_machine(command: str, toolchain: Callable[[str], Toolchain]) -> None:
    need(command)
    toolchain(command)
    engine = RtlEngine()
    for seed in range(5):
        program = random_program(load("nano"), seed)
        result = compare(program, [FastEngine().run(program), engine.run(program)])
        assert result.equal, result.differences


def test_every_compiler_has_models_of_its_own(toolchain: Callable[[str], Toolchain]) -> None:
    there = [command for command in (*COMPILERS, "g++ -m64") if all(map(shutil.which, command.split()[:1]))]
    versions = {toolchain(command).versions for command in there}
    assert len(versions) == len(there)


def test_a_path_with_spaces_is_quoted(toolchain: Callable[[str], Toolchain], tmp_path: Path) -> None:
    folder = tmp_path / "my compilers"
    folder.mkdir()
    (folder / "c++").symlink_to(find_toolchain().compiler[0])
    assert toolchain(f"'{folder}/c++' -pipe").compiler == (f"{folder}/c++", "-pipe")
    assert toolchain(f'"{folder}"/c++').compiler == (f"{folder}/c++",)
    with pytest.raises(MissingToolError, match=r"there is no program .*/my \(a path with spaces needs quotes\)"):
        toolchain(f"{folder}/c++")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("gcc99", "CXX=gcc99: there is no program gcc99 (a path with spaces needs quotes); install it, or unset CXX"),
        ("'g++", "CXX='g++: No closing quotation; write it as in a shell, such as CXX='ccache g++'"),
        ("''", "CXX='': names no compiler; give one, such as CXX=clang++, or unset CXX"),
        ("LANG=C g++", "CXX=LANG=C g++: LANG=C is no program; set that variable beside CXX, not in it"),
        ("false", "the C++ compiler (false --version) failed (exit 1)"),
    ],
)
def test_a_name_of_no_compiler(given: str, told: str, toolchain: Callable[[str], Toolchain]) -> None:
    with pytest.raises(MissingToolError) as caught:
        toolchain(given)
    assert told in str(caught.value)


@pytest.mark.parametrize("given", ["", "  "])
def test_no_name_takes_what_there_is(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", given)
    command = compiler_command()
    assert command is not None
    assert Path(command[0]).name in ("g++", "clang++")


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_when_one_fails_the_others_and_their_children_end(tmp_path: Path) -> None:
    script = tmp_path / "c++"
    script.write_text('#!/bin/sh\ncase "$*" in *slow*) sleep 600 & echo $! > pid; wait;; esac\n'
                      'while [ ! -s pid ]; do sleep 0.05; done; echo wrong; exit 1\n')  # fmt: skip
    script.chmod(0o755)
    sources = [tmp_path / "slow.cpp", tmp_path / "bad.cpp"]
    for source in sources:
        source.touch()
    tools = Toolchain(Path(), Path(), (str(script),), "")
    with pytest.raises(MissingToolError, match=r"compiling bad.cpp failed \(exit 1\):\nwrong"):
        compile_all(tools, [(source, ()) for source in sources], tmp_path)
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):  # whoever adopts it has to see its end
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("what a compiler has started goes on")
