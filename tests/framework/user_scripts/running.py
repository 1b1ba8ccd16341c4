"""Runs a script of this folder under torch and under weft with nothing but its imports changed, and tells what differs.

python -m tests.framework.user_scripts.running resnet unet --jit
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import sys
import time
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.framework.comparing import Array, plain, translated

FOLDER = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("running", "test_user_scripts"))
STEP = "train_step"
"""What a script calls its training step, if it has one by itself: under ``jit`` it is compiled."""
TOLERANCE = {"float32": 5e-5, "float64": 1e-9, "bfloat16": 2.0**-6}
"""Of the greatest magnitude of a tensor: rounding goes through several steps of an optimiser."""
LEAST = 1e-2
"""What is compared as if it were that large: sums of rounded numbers that cancel are no smaller."""
NUMBER = re.compile(r"-?\b(?:\d+\.\d*(?:e[-+]?\d+)?|inf|nan)")


@dataclass
class Outcome:
    """What ``main`` of a script returned, what the script printed, and the seconds it took."""

    returned: Any
    printed: str
    seconds: float


def source_of(name: str, *, weft: bool = False, jit: bool = False) -> str:
    """A script as it stands, or under weft: then its training step may be compiled."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    if not weft:
        return source
    found = translated(source)
    return re.sub(rf"^( *)(?=def {STEP}\()", r"\1@torch.jit\n\1", found, flags=re.M) if jit else found


def run_script(source: str, name: str) -> Outcome:
    """Run a script as ``python name.py`` would."""
    module, out, arguments = types.ModuleType(f"{name}_script"), io.StringIO(), sys.argv
    file = f"{name}.py"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    sys.argv, sys.modules[module.__name__] = [file], module
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out):
            warnings.simplefilter("ignore")
            exec(compile(source, file, "exec"), vars(module))
            start = time.perf_counter()
            returned = vars(module)["main"]()
            seconds = time.perf_counter() - start
        return Outcome(returned, re.sub(r"\b(torch|weft)\.", "", out.getvalue()), seconds)
    finally:
        sys.argv = arguments
        del sys.modules[module.__name__], linecache.cache[file]


def compared(theirs: Outcome, ours: Outcome) -> list[str]:
    """What differs beyond rounding in what two runs returned and printed, one line each."""
    found = list(_differences(theirs.returned, ours.returned, "returned"))
    if NUMBER.sub("#", theirs.printed) != NUMBER.sub("#", ours.printed):
        found.append(f"it prints {ours.printed!r}, not {theirs.printed!r}")
    numbers = [np.array([float(n) for n in NUMBER.findall(run.printed)]) for run in (theirs, ours)]
    if len(numbers[0]) == len(numbers[1]):  # the last digit shown may be another
        found += _apart(numbers[0], numbers[1], 2e-2, "a number printed")
    return found


def _differences(theirs: Any, ours: Any, place: str) -> Iterator[str]:
    theirs, ours = plain(theirs), plain(ours)
    if isinstance(theirs, Array) and isinstance(ours, Array):
        a, b = np.asarray(theirs.values), np.asarray(ours.values)
        if theirs.dtype != ours.dtype and {theirs.dtype, ours.dtype} != {"int64", "int32"}:
            yield f"{place} is {ours.dtype}, not {theirs.dtype}"
        elif a.shape != b.shape:
            yield f"{place} has shape {list(b.shape)}, not {list(a.shape)}"
        else:
            yield from _apart(a, b, TOLERANCE.get(theirs.dtype, 0.0), place)
    elif isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        if list(theirs) != list(ours):
            yield f"{place} has {list(ours)}, not {list(theirs)}"
        for key in theirs.keys() & ours.keys():
            yield from _differences(theirs[key], ours[key], f"{place}[{key!r}]")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if _are_floats(theirs) and _are_floats(ours) and len(theirs) == len(ours):
            yield from _apart(np.array(theirs), np.array(ours), TOLERANCE["float32"], place)
            return
        if len(theirs) != len(ours):
            yield f"{place} has {len(ours)} elements, not {len(theirs)}"
        for i, (a, b) in enumerate(zip(theirs, ours, strict=False)):
            yield from _differences(a, b, f"{place}[{i}]")
    elif isinstance(theirs, float) and isinstance(ours, float):
        yield from _apart(np.array(theirs), np.array(ours), TOLERANCE["float32"], place)
    elif type(theirs) is not type(ours) or theirs != ours:
        yield f"{place} is {ours!r}, not {theirs!r}"


def _are_floats(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, float) for value in values)


def _apart(theirs: Any, ours: Any, tolerance: float, place: str) -> list[str]:
    """How far arrays of one shape are from each other, if that is too far."""
    a, b = np.asarray(theirs, np.float64), np.asarray(ours, np.float64)
    with np.errstate(invalid="ignore"):
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    scale = max(LEAST, float(np.max(np.abs(a[np.isfinite(a)]), initial=0.0))) if tolerance else 0.0
    most = float(np.max(gap, initial=0.0))
    return [] if most <= tolerance * scale else [f"{place} is off by {most:.3g}, of {scale:.3g} at most"]


def main() -> None:
    """Run the scripts named on the command line, or all, and print a line for each."""
    jit = "--jit" in sys.argv
    for name in [a for a in sys.argv[1:] if not a.startswith("-")] or SCRIPTS:
        theirs = [run_script(source_of(name), name) for _ in range(2)][-1]
        try:
            first, again = (run_script(source_of(name, weft=True, jit=jit), name) for _ in range(2))
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            continue
        found = compared(theirs, first)
        times = f"torch {theirs.seconds:.2f} s, weft {first.seconds:.2f} s, again {again.seconds:.2f} s"
        ratio = again.seconds / theirs.seconds
        print(f"{name}: {'differs' if found else 'same'}; {times} ({ratio:.1f} times)", flush=True)
        print(*(f"    {line}" for line in found[:8]), sep="\n", end="\n" if found else "")


if __name__ == "__main__":
    main()
