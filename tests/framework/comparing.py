"""One script run under torch and under weft with nothing but its imports changed, and what it leaves compared.

A script is source text as a user writes it. What it binds at its top, what it prints, and the value of its last line,
if that is an expression, have to be equal: values, shapes, element types. ``NARROWED`` is the one difference allowed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.module import Module
from weft.framework.tensor import Tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of its own semantics")

IMPORTS = "import torch\n"
NARROWED = ("int64", "int32")
"""torch's type and ours: of Python's integers and of indices, where no type was asked for (docs/arithmetic.md)."""
TOLERANCE = {
    "float32": (1e-5, 1e-6),
    "bfloat16": (2.0**-7, 2.0**-7),
    "float64": (1e-12, 1e-12),
    "float16": (1e-3, 1e-3),
}
"""Element type → the relative and the absolute difference allowed; other types are equal."""
RESULT = "the last line"


@dataclass
class Left:
    """What a script leaves: ``bound`` names and their values, and what it ``printed``."""

    bound: dict[str, Any] = field(default_factory=dict)
    printed: str = ""


def translated(source: str, jitted: str = "") -> str:
    """The script with weft's imports in place of torch's, and with its functions called ``jitted`` compiled."""
    named = re.sub(r"^( *)import torch$", r"\1import weft as torch", source, flags=re.M)
    moved = re.sub(r"^( *)(from|import) torch\b", r"\1\2 weft", named, flags=re.M)
    return re.sub(rf"^def {jitted}\(", r"@torch.jit\n\g<0>", moved, flags=re.M) if jitted else moved


def left_by(source: str) -> Left:
    """Run a script and see what it leaves."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name(RESULT, ast.Store())], last.value), last)
    bound: dict[str, Any] = {"__name__": "__script__"}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(ast.fix_missing_locations(tree), "<script>", "exec"), bound)
    kept = {name: value for name, value in bound.items() if not name.startswith("__") and is_compared(value)}
    return Left(kept, re.sub(r"\b(torch|weft)\.", "", out.getvalue()))


def is_compared(value: Any) -> bool:
    """Whether a name stands for a value rather than for code."""
    code = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
    return not isinstance(value, code)


def differences(theirs: Any, ours: Any, place: str) -> Iterator[str]:
    """What is not as torch has it, one line each."""
    theirs, ours = plain(theirs), plain(ours)
    if isinstance(theirs, Array) and isinstance(ours, Array):
        if theirs.dtype != ours.dtype and (theirs.dtype, ours.dtype) != NARROWED:
            yield f"{place} is {ours.dtype}, not {theirs.dtype}"
        elif theirs.values.shape != ours.values.shape:
            yield f"{place} has shape {list(ours.values.shape)}, not {list(theirs.values.shape)}"
        elif not close(theirs, ours):
            yield f"{place} is {shown(ours)}, not {shown(theirs)}"
    elif isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        if list(theirs) != list(ours):
            yield f"{place} has {list(ours)}, not {list(theirs)}"
        else:
            for key in theirs:
                yield from differences(theirs[key], ours[key], f"{place}[{key!r}]")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield f"{place} has {len(ours)} elements, not {len(theirs)}"
        else:
            for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
                yield from differences(a, b, f"{place}[{i}]")
    elif isinstance(theirs, float) and isinstance(ours, float):
        if not np.isclose(theirs, ours, *TOLERANCE["float32"], equal_nan=True):
            yield f"{place} is {ours!r}, not {theirs!r}"
    elif isinstance(theirs, TypeName) and (theirs, ours) == NARROWED:
        return
    elif type(theirs) is not type(ours) or theirs != ours:
        yield f"{place} is {ours!r}, not {theirs!r}"


def shown(array: Array) -> str:
    """Its values, shortened if they are many."""
    return np.array2string(array.values, threshold=60, separator=", ", prefix=" " * 8)


@dataclass
class Array:
    """The value of a tensor of either library."""

    dtype: str
    values: Any


class TypeName(str):
    """The name of an element type."""


def plain(value: Any) -> Any:
    """A value of either library in a form that both have. Raises TypeError for what has none."""
    if isinstance(value, torch.Tensor):
        held = value.detach()
        return Array(str(held.dtype)[6:], (held.double() if held.is_floating_point() else held).numpy())
    if isinstance(value, Tensor):
        array = value.numpy()
        return Array(str(value.dtype), array.astype(np.float64) if value.dtype.is_float else array)
    if isinstance(value, torch.nn.Module | Module):
        return value.state_dict()
    if isinstance(value, np.ndarray):
        return Array(str(value.dtype), value)
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, torch.dtype | DType):
        return TypeName(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, Device):
        return value.name
    if isinstance(value, Mapping | str | bool | int | float | type(None)):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if is_opaque(value):
        return type(value).__name__
    raise TypeError(f"a {type(value).__name__} has no form to compare")


def is_opaque(value: Any) -> bool:
    """Whether of a value nothing but its kind can be compared: an optimiser, a hook's handle, an object of a script."""
    return type(value).__module__.partition(".")[0] in ("torch", "weft", "__script__", "random", "collections")


def close(theirs: Array, ours: Array) -> bool:
    """Whether the values are equal, of floats to the precision of their type."""
    relative, absolute = TOLERANCE.get(theirs.dtype, (0, 0))
    return (
        bool(np.all(np.isclose(ours.values, theirs.values, relative, absolute, equal_nan=True)))
        if relative
        else bool(np.array_equal(ours.values, theirs.values))
    )


def compare(source: str, jitted: str = "") -> None:
    """Raise AssertionError unless the script leaves the same under both, its functions called ``jitted`` compiled."""
    theirs, ours = left_by(source), left_by(translated(source, jitted))
    ours.bound.pop(jitted, None)
    assert list(ours.bound) == list(theirs.bound)
    found = [line for name in theirs.bound for line in differences(theirs.bound[name], ours.bound[name], name)]
    assert not found, "\n".join((source, *found))
    assert ours.printed == theirs.printed, source


def compare_gradients(prelude: str, script: str) -> None:
    """Raise AssertionError unless a script that is one expression has the same gradient under both.

    Every float tensor that the prelude binds requires one, and each float of the result is weighted differently. What
    torch gives no gradient (it is not differentiable, or changes a leaf in place) is not compared.
    """
    try:
        ast.parse(script.strip(), mode="eval")
    except SyntaxError:
        return
    source = f"{prelude}{ASKED}result = ({script.strip()}\n)\n{GRADIENTS}"
    try:
        theirs = left_by(source)
    except (RuntimeError, TypeError, AttributeError):
        return
    ours = left_by(translated(source))
    found = [*differences(theirs.bound["gradients"], ours.bound["gradients"], "the gradient of")]
    assert not found, "\n".join((script, *found))


ASKED = """
given = {n: v.requires_grad_() for n, v in list(globals().items()) if hasattr(v, "dtype") and v.dtype.is_floating_point}
"""
GRADIENTS = """
def floats(value):
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in floats(part)]
    return [value] if hasattr(value, "requires_grad") and value.requires_grad else []
total = 0.0
for t in floats(result):
    weights = torch.tensor([0.5 + (3 * k) % 7 for k in range(t.numel())]).reshape(t.shape)
    total = total + (t * weights).sum()
if not isinstance(total, float):
    total.backward()
gradients = {n: v.grad for n, v in given.items() if v.grad is not None}
"""
