"""The engines by name; each is imported when asked for, so that its tools are needed only then."""

from __future__ import annotations

import importlib
from typing import Any

from weft.base.errors import MissingToolError, WeftError
from weft.isa.text import unknown
from weft.sim.run import Engine

ENGINES = {
    "fast": ("weft.sim.fast.engine", "FastEngine"),
    "rtl": ("weft.sim.rtl.engine", "RtlEngine"),
    "pysim": ("weft.sim.pysim", "PysimEngine"),
    "interp": ("weft.sim.interp", "InterpEngine"),
}
"""Name → module and class."""

TIMED = ("fast", "rtl", "pysim")
"""Engines whose runs have cycles."""

WAVES = ("rtl", "pysim")
"""Engines that have signals: they take the option ``wave``, a VCD file to write."""


def get_engine(name: str, **options: Any) -> Engine:
    """A new engine. Raises WeftError for an unknown name, MissingToolError for what it needs."""
    if name not in ENGINES:
        raise WeftError(unknown("engine", name, ENGINES))
    module, cls = ENGINES[name]
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as problem:
        if not module.startswith(problem.name or "?"):
            raise  # a tool of the engine's is missing, not the engine
        left_out = f"this is the course edition of weft: engine '{name}' is left out; take fast"
        raise MissingToolError(left_out) from problem
    engine: Engine = getattr(found, cls)(**options)
    return engine
