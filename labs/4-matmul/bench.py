"""Given: what your functions return is looked at, and a schedule's program is made, judged and run.

The checks and `look.py` use it. Everything is made anew from the machine and the sizes that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from emitter import Code, Problem, Result, explained, run
from layout import Layout, Step, Tiling, local_pitch, misfit

import weft
from weft.lab import Difference

Schedule = Callable[[Problem, Tiling], Code]


def shown(machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> str:
    """A case in words."""
    return f"{m}x{n}x{k} on {machine.name} with tiling {pieces.rows}x{pieces.columns}x{pieces.depth}"


def returned(value: Any, kind: type, call: str) -> Any:
    """The value, which ``call`` returned. Raises Difference if it is not a ``kind``."""
    if type(value) is not kind:
        told = "None; is a `return` missing?" if value is None else f"a {type(value).__name__}: {value!r}"[:200]
        raise Difference(f"what {call} returned", f"a {kind.__name__}", told)
    return value


def whole(value: Any, kind: type, call: str) -> Any:
    """The same for a Tiling or a Step, whose fields must have the types that they are declared with."""
    returned(value, kind, call)
    for part in fields(kind):
        found, types = getattr(value, part.name), bool if part.type == "bool" else (int, np.integer)
        if not isinstance(found, types) or (part.type == "int" and isinstance(found, bool)):
            want = "True or False" if part.type == "bool" else "a whole number"
            raise Difference(f"{part.name} of the {kind.__name__} that {call} returned", want, repr(found))
    return value


def fitting(value: Any, machine: weft.Machine, call: str) -> Tiling:
    """The Tiling that ``call`` returned. Raises Difference if it is none, or does not fit the machine."""
    pieces: Tiling = whole(value, Tiling, call)
    if problem := misfit(machine, pieces):
        raise Difference(call, "a tiling that fits", f"{pieces}: {problem}")
    return pieces


def listed(value: Any, call: str) -> list[Step]:
    """The steps that ``call`` returned. Raises Difference if it is not a list of them."""
    return [whole(step, Step, f"{call}, element {i},") for i, step in enumerate(returned(value, list, call))]


def valid(program: Any, code: Code, what: str) -> None:
    """Raise Difference if the program breaks a static rule of the machine."""
    try:
        weft.validate_program(program)
    except weft.WeftError as error:
        raise Difference(what, "a program that the machine accepts", explained(error, code)) from None


def made(make: Schedule, machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> Code:
    """The instructions of a schedule. Raises Difference if there are none, or not for this machine."""
    what = shown(machine, m, n, k, pieces)
    code: Code = returned(make(Problem(machine, m, n, k), pieces), Code, make.__name__)
    if code.machine != machine:
        raise Difference(f"{what}: code.machine", f"the machine asked for, '{machine.name}'", "another machine")
    if not len(code):
        raise Difference(what, "a program", "no instruction")
    return code


def orderly(code: Code, machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> Any:
    """The program. Raises Difference if it is not valid, can deadlock, or if two units race for a byte."""
    what = shown(machine, m, n, k, pieces)
    try:
        program = Problem(machine, m, n, k).program(code)
    except (weft.WeftError, ValueError) as error:
        raise Difference(what, "a program", str(error)) from None
    valid(program, code, what)
    try:
        weft.check_program(program)
    except weft.WeftError as error:
        raise Difference(what, "neither deadlock nor data race", explained(error, code)) from None
    return program


def random_int8(seed: int, *shape: int) -> np.ndarray:
    """Reproducible values over the whole range."""
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


def multiplied(code: Code, machine: weft.Machine, m: int, n: int, k: int, pieces: Tiling) -> Result:
    """The run of an orderly program. Raises Difference if C is not NumPy's, to the bit, or if it never ends."""
    what = shown(machine, m, n, k, pieces)
    a, b = random_int8(m, m, k), random_int8(n + 100, k, n)
    try:
        result = run(Problem(machine, m, n, k), code, a, b)
    except weft.WeftError as error:
        raise Difference(what, "a program that ends", explained(error, code)) from None
    wrong = np.argwhere(result.c != a.astype(np.int32) @ b.astype(np.int32))
    if len(wrong):
        i, j = (int(index) for index in wrong[0])
        right = int(a[i].astype(np.int32) @ b[:, j].astype(np.int32))
        count = f"(the first of {len(wrong)} that differ, of {result.c.size})"
        raise Difference(f"{what}: C[{i}, {j}] {count}", str(right), str(int(result.c[i, j])))
    return result


def assembled(code: Code, before: int, what: str) -> Any:
    """The program of ``code``, which had ``before`` instructions before yours, from DRAM byte 0x20000 on."""
    if len(code) == before:
        raise Difference(what, "at least one instruction", "none")
    program = weft.assemble(f"{code.text()}\n.entry 0x20000", "listing", code.machine)
    valid(program, code, what)
    return program


PANEL_A, PANEL_B, OLD = 0x0, 0x4000, 0x8000  # where the bench has the panels and C's former content in DRAM


def padded(values: np.ndarray, pitch: int) -> np.ndarray:
    """The rows of a panel as bytes ``pitch`` apart, with 99 behind each where a product must not reach."""
    out = np.full((len(values), pitch), 99, np.uint8)
    out[:, : values.shape[1]] = values.view(np.uint8)
    return out.reshape(-1)


def panel_product(
    multiply: Callable[..., None], machine: weft.Machine, pieces: Tiling, step: Step, places: tuple[int, int], what: str
) -> tuple[np.ndarray, ...]:
    """Run the instructions of ``multiply`` alone on panels that lie in their places: the product, C before, C after."""
    layout, (place, c_place) = Layout(machine, pieces), places
    a, b = random_int8(1, step.rows, step.depth), random_int8(2, step.depth, step.columns)
    a_bytes = padded(a, local_pitch(machine, step.depth))
    b_bytes = padded(b, local_pitch(machine, step.columns))
    b_bytes = np.append(b_bytes, np.full(machine.dim * local_pitch(machine, step.columns), 99, np.uint8))  # stale rows
    count = -(-step.columns // machine.dim)
    old = np.arange(1000, 1000 + count * step.rows * machine.dim, dtype=np.int32).reshape(count, -1)

    code = Code(machine)
    code.emit("load", dram=PANEL_A, local=f"sp[{layout.a(place)}]", bytes=len(a_bytes))
    code.emit("load", dram=PANEL_B, local=f"sp[{layout.b(place)}]", bytes=len(b_bytes))
    for tile in range(count):
        size = old[tile].nbytes
        code.emit("load", dram=OLD + tile * size, local=f"acc[{layout.c(c_place, tile)}]", bytes=size)
    code.post("s15")
    code.wait("s15")
    before_student = len(code)
    multiply(code, layout, step, place, c_place)
    program = assembled(code, before_student, what)

    dram = program.image()
    for address, content in ((PANEL_A, a_bytes), (PANEL_B, b_bytes), (OLD, old.view(np.uint8).reshape(-1))):
        dram[address : address + len(content)] = content
    words = weft.get_engine("fast").run(program, dram).accumulator.view(np.int32)
    after = np.stack([words[layout.c(c_place, t) // 4 :][: old[t].size] for t in range(count)])
    shape = (count, step.rows, machine.dim)
    before, after = (np.concatenate(list(x.reshape(shape)), 1)[:, : step.columns] for x in (old, after))
    return a.astype(np.int32) @ b.astype(np.int32), before, after
