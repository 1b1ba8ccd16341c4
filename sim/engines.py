"""The engines by name; each is imported when asked for, so that its tools are needed only then."""

from __future__ import annotations

import importlib
from typing import Any

from isa.errors import WeftError
from sim.run import Engine

ENGINES = {
    "fast": ("sim.fast.engine", "FastEngine"),
    "rtl": ("sim.rtl.engine", "RtlEngine"),
    "pysim": ("sim.pysim", "PysimEngine"),
    "interp": ("sim.interp", "InterpEngine"),
}
"""Name → module and class."""


def get_engine(name: str, **options: Any) -> Engine:
    """A new engine. Raises WeftError for an unknown name, MissingToolError for what it needs."""
    if name not in ENGINES:
        raise WeftError(f"no engine '{name}'; there are: {', '.join(ENGINES)}")
    module, cls = ENGINES[name]
    engine: Engine = getattr(importlib.import_module(module), cls)(**options)
    return engine
