"""A cocotb bench as a folder of its own: the Verilog of a machine, a program, a test, an AXI memory, a runner."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from weft.base.errors import WeftError
from weft.files import filling
from weft.isa.machine import Machine
from weft.isa.program import Program

SIMULATORS = ("verilator", "icarus")
KIT = ("README.md", "run.py", "test_core.py", "axi.py", "program.py")
"""Files that are the same in every bench."""
FILES = (*KIT, "weft_core.v", "core.json", "program.weft", "program.json", "before.bin", "after.bin")
"""All that a bench is made of."""


def write(folder: Path, machine: Machine, program: Program, simulator: str, force: bool = False) -> None:
    """Write a bench into ``folder`` (made if it is not there), all of it or nothing.

    ``program`` is for ``machine``. ``simulator`` is one of SIMULATORS: which ``run.py`` uses if it is not told
    otherwise. Raises WeftError if the folder holds anything, unless ``force``: then files of the bench's names are
    replaced and others stay.
    """
    if not force and (there := occupied(folder)) is not None:
        raise WeftError(there)
    from weft.isa.container import save
    from weft.rtl.verilog import export
    from weft.testbench.kit.program import write as write_program

    verilog = export(machine)
    with filling(folder) as new:
        for name in KIT:
            shutil.copyfile(str(resources.files("weft.testbench.kit").joinpath(name)), new / name)
        (new / "weft_core.v").write_text(verilog, encoding="utf-8")
        core = json.dumps(_core(machine, simulator), indent=2, allow_nan=False)
        (new / "core.json").write_text(core + "\n", encoding="utf-8")
        write_program(program, new)
        save(program, new / "program.weft")


def occupied(folder: Path) -> str | None:
    """Why a bench may not be written into ``folder`` as it is; None if it is empty or not there."""
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not there:
        return None
    some = ", ".join(there[:3]) + (", …" if there[3:] else "")
    return f"{folder} is not empty ({some}); give a new directory, or --force"


def _core(machine: Machine, simulator: str) -> dict[str, Any]:
    """What the bench knows of the core: names and offsets of registers, names of faults by code."""
    from weft.isa.registers import FAULTS, REGISTERS

    return {
        "simulator": simulator,
        "machine": machine.to_dict(),
        "digest": machine.digest(),
        "registers": {register.name: register.offset for register in REGISTERS},
        "faults": {str(fault.code): f"{fault.name}: {fault.doc}" for fault in FAULTS},
    }
