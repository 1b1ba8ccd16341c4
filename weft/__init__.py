"""The front door: everything a user or a lab needs, from one import, loaded when it is first used.

It reads like PyTorch: ``weft.Tensor``, ``weft.nn``, ``weft.optim``, ``weft.jit``, ``weft.device("accel")``.

A mistake raises ``weft.WeftError``, with one clear message. ``weft.FrameworkError`` is the kind of it for tensors,
models and what a graph cannot be compiled to (``CompileError``, ``CalibrationError`` and the like).
"""

from __future__ import annotations

import importlib
from typing import Any

from weft.edition import LEFT_OUT as _LEFT_OUT
from weft.edition import refusal as _refusal

__version__ = "0.1.0"
__framework__ = True
"""A user's line is never in here (``framework.origin``)."""

_OTHERS = {
    "digits": "weft.datasets",
    "Machine": "weft.isa.machine",
    "load_machine": "weft.isa.machine",
    "Program": "weft.isa.program",
    "get_engine": "weft.sim.engines",
    "verify": "weft.sim.verify",
    "compile": "weft.inspection",
    "profile": "weft.inspection",
    "report": "weft.reporting",
    "device": "weft.framework.device",
    "quantise": "weft.framework.quantisation",
    "CalibrationError": "weft.framework.quantisation",
    "load_program": "weft.isa.container",
    "save_program": "weft.isa.container",
    "assemble": "weft.isa.assembler",
    "disassemble": "weft.isa.disassembler",
    "validate_program": "weft.isa.validator",
    "check_program": "weft.isa.checker",
    "WeftError": "weft.base.errors",
    "CompileError": "weft.compiler.errors",
}
"""Public names that do not come from ``framework``, and their modules."""

_RENAMED = {
    "load_machine": "load", "device": "get_device", "load_program": "load", "save_program": "save",
    "validate_program": "validate", "check_program": "check",
}  # fmt: skip
"""Those of them that have another name in their module."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _LEFT_OUT:
        raise _refusal(f"weft.{name}")
    if name in _OTHERS:
        value: Any = getattr(importlib.import_module(_OTHERS[name]), _RENAMED.get(name, name))
        globals()[name] = value
        return value
    if _LEFT_OUT:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    from weft.framework import EXPORTS, MODULES

    if name in MODULES:
        value = importlib.import_module(f"weft.framework.{name}")
    else:
        module = next((m for m, names in EXPORTS.items() if name in names.split()), None)
        if module is None:
            from weft.framework.refusals import unknown_name

            unknown_name("weft", {"__name__": __name__, "__all__": __dir__()})(name)
        value = getattr(importlib.import_module(f"weft.framework.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    if _LEFT_OUT:
        return sorted({*globals(), *_OTHERS} - set(_LEFT_OUT))
    from weft.framework import EXPORTS, MODULES

    return sorted({*globals(), *MODULES, *_OTHERS, *(n for names in EXPORTS.values() for n in names.split())})
