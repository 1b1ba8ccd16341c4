"""The RTL engine's C++ under sanitizers of addresses and of undefined behaviour: runs find nothing, lies are found."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sim.rtl_tools import need_rtl
from weft.base.errors import MissingToolError

need_rtl()

from tests.sim.sanitized import LIES, MACHINE  # noqa: E402  (needs the tools)
from weft.sim.rtl.build import PLAIN, WAVE, build  # noqa: E402 (only where what it needs is there)
from weft.sim.rtl.toolchain import Toolchain, compile_all, find_toolchain, link  # noqa: E402 (only where what it needs is there)

pytestmark = [pytest.mark.rtl, pytest.mark.thorough]
ROOT = Path(__file__).parents[2]
# The first four ask what AddressSanitizer answers as well, and take longest to compile. The last objects to Verilator's
# own code, which shifts negative numbers left: every compiler that it supports gives that the value of later standards.
LEFT_OUT = "null,object-size,pointer-overflow,vptr,shift-base"
FLAGS = f"-fsanitize=address,undefined -fno-sanitize={LEFT_OUT} -fno-sanitize-recover=all -g1"
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so")
"""The last because AddressSanitizer looks for what throws exceptions when it starts."""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def libraries(tools: Toolchain) -> list[str]:
    """What has to be loaded before Python. Skips, saying why, where the compiler has no such thing."""
    found = []
    for name in LIBRARIES:
        told = subprocess.run([*tools.compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        path = Path(told.stdout.strip())
        if not path.is_absolute() or path.read_bytes()[:4] != b"\x7fELF":
            pytest.skip(f"{tools.compiler[0]} has no library {name} that can be loaded before Python")
        found.append(str(path.resolve()))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs ``tests.sim.sanitized`` on the model that is built with the sanitizers, and beside others' in the cache."""
    folder = tmp_path_factory.mktemp("sanitized")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", f"{shlex.join(find_toolchain().compiler)} {FLAGS}")
        find_toolchain.cache_clear()
        tools = find_toolchain()
        first = libraries(tools)
        (folder / "one.cpp").write_text('extern "C" int f(int* p, int n) { return p[n] << n; }')
        try:
            link(tools, compile_all(tools, [(folder / "one.cpp", PLAIN.compiler)], folder), folder / "one.so")
        except MissingToolError as missing:
            pytest.skip(f"no library can be built with the sanitizers: {missing}")
        build(MACHINE, WAVE)
        # Python itself is not compiled so: what it does not free at its end is no leak of the harness.
        patch.setenv("ASAN_OPTIONS", "detect_leaks=0")

        def start(*words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "tests.sim.sanitized", str(folder), *words]
            environment = {**os.environ, "LD_PRELOAD": " ".join(first)}
            return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

        yield start
    find_toolchain.cache_clear()


def test_runs_have_no_memory_error_and_no_undefined_behaviour(run: Run) -> None:
    done = run()
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == "all runs done\n"
    assert "runtime error" not in done.stderr


@pytest.mark.parametrize("lie", LIES)
def test_what_goes_wrong_is_found(run: Run, lie: str) -> None:
    done = run(lie)
    assert done.returncode != 0
    assert LIES[lie][1] in done.stderr, done.stderr[-4000:]
