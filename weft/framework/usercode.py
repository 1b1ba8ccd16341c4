"""What is the user's own code, as opposed to libraries and weft, and what a piece of it names outside itself."""

from __future__ import annotations

import dis
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, ModuleType

from weft.framework.origin import is_internal

_LIBRARIES = tuple(
    path + "/" for name, path in sysconfig.get_paths().items() if name in ("stdlib", "platstdlib", "purelib", "platlib")
)
# Folders of packages beside those of this interpreter: a user's own, a distribution's, those that a .pth file names.
_INSTALLED = ("/site-packages/", "/dist-packages/")


def globals_named(code: CodeType) -> Iterator[str]:
    """The global variables that code reads or writes, that of functions inside too."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL"):
            yield instruction.argval
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from globals_named(part)


def imported(code: CodeType) -> set[str]:
    """The modules that code imports itself."""
    return {one.argval for one in dis.get_instructions(code) if one.opname == "IMPORT_NAME"}


def is_library(filename: str) -> bool:
    """Whether a source file belongs to an installed package, the standard library or weft."""
    return filename.startswith(_LIBRARIES) or any(part in filename for part in _INSTALLED) or is_internal(filename)


def is_library_module(module: ModuleType) -> bool:
    """Whether a module does."""
    file = getattr(module, "__file__", None)
    return is_library(file) if file else module.__name__ in sys.stdlib_module_names


def is_own(kind: type) -> bool:
    """Whether a class is written in Python by the user, and no kind of tensor."""
    module = sys.modules.get(kind.__module__)
    if module is None or any(k.__module__.startswith("weft.framework.") for k in kind.__mro__):
        return False
    return kind.__module__ == "__main__" or not is_library_module(module)
