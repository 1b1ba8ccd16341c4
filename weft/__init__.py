"""The front door: everything a user or a lab needs, from one import, loaded when it is first used.

It reads like PyTorch: ``weft.Tensor``, ``weft.nn``, ``weft.optim``, ``weft.jit``, ``weft.device("accel")``.
``weft/__init__.pyi`` lists all names.

A mistake raises ``weft.WeftError``, with one clear message. ``weft.FrameworkError`` is the kind of it for tensors,
models and what a graph cannot be compiled to (``CompileError``, ``CalibrationError`` and the like).
"""

from weft import names as _names
from weft.edition import version as _version

__version__ = _version()
__framework__ = True
"""A user's line is never in here (``framework.origin``)."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    value = globals()[name] = _names.public(name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_names.homes()})
