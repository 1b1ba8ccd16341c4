"""The steps of an executable as a schedule of native kernels, which one native function goes through.

A kernel is `void kernel(char** arguments, int64 part, int64 parts)`: a loop nest, a product, a matrix product by sgemm,
or a call back into NumPy. Equal steps share a kernel, within an executable and among all of a process, whatever the
number of threads. The driver makes the table of arguments and calls one kernel after the other: nothing is allocated
inside, and its code does not grow with the graph.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

from llvmlite import ir

from weft.compiler.targets.cpu.blas import NO_TRANSPOSE, ROW_MAJOR, TRANSPOSE, Sgemm
from weft.compiler.targets.cpu.chain import Chain
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.division import step_parts
from weft.compiler.targets.cpu.emit import counted, emit_loop, i64
from weft.compiler.targets.cpu.emit_chain import emit_chain
from weft.compiler.targets.cpu.emit_contraction import emit_contraction
from weft.compiler.targets.cpu.emit_indexed import emit_indexed
from weft.compiler.targets.cpu.emit_team import KERNEL
from weft.compiler.targets.cpu.functions import F32
from weft.compiler.targets.cpu.host import Compile, HostCall, host_kernel
from weft.compiler.targets.cpu.indexed import IndexedStep
from weft.compiler.targets.cpu.kept import native_module
from weft.compiler.targets.cpu.loops import AccessWindow, Argument, LoopNest, normalise, renumber, renumbered
from weft.compiler.targets.cpu.microkernels import provide
from weft.compiler.targets.cpu.native import define_symbol, new_module


class Gemm(NamedTuple):
    """out = a · b over the last two dimensions, float32; transposed operands are windows with swapped strides.

    `a` is [batch…, M, K], `b` [batch…, K, N], `out` [batch…, M, N] and contiguous in its last dimension.
    """

    a: AccessWindow
    b: AccessWindow
    out: AccessWindow

    @property
    def windows(self) -> tuple[AccessWindow, ...]:
        """All of memory that it touches."""
        return self.a, self.b, self.out

    def with_windows(self, windows: Sequence[AccessWindow]) -> Gemm:
        """The same on other memory."""
        return Gemm(*windows)


Step = LoopNest | Gemm | Contraction | Chain | IndexedStep | HostCall


def orientation(window: AccessWindow) -> tuple[bool, int] | None:
    """How BLAS would read the last two dimensions of `window`: (transposed, leading dimension), or None if it
    cannot."""
    (rows, columns), (down, across) = window.shape[-2:], window.strides[-2:]
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down if rows > 1 else 0, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return True, max(across if columns > 1 else 0, rows, 1)
    return None


@dataclass(frozen=True, eq=False)
class NativeKernel:
    """What runs a step, at `address`, valid while this object lives: it keeps the code."""

    address: int
    code: object


_KERNELS: WeakValueDictionary[bytes, NativeKernel] = WeakValueDictionary()
"""The kernels of all executables that live, by a hash of the step's text."""


@dataclass(frozen=True)
class Schedule:
    """Kernels in the order of the steps (one may stand there often), the arguments of each, and in how many parts it is
    run."""

    kernels: tuple[NativeKernel, ...]
    arguments: tuple[tuple[Argument, ...], ...]
    parts: tuple[int, ...]


def compile_steps(steps: Sequence[Step], sgemm: Sgemm | None, threads: int, compile_body: Compile) -> Schedule:
    """Machine code for every step, to run on so many threads. `sgemm` may be None where no step is a Gemm."""
    if sgemm is not None:
        define_symbol(_SGEMM, sgemm.address)
    shared = [shared_form(step) for step in steps]
    # By text, since 0.0 and -0.0 are equal but other constants. Each text is brought into normal form once.
    texts = [repr(step) for step, _ in shared]
    normal = {text: _normal(step) for text, (step, _) in dict(zip(texts, shared, strict=True)).items()}
    hashed = {text: hashlib.sha256(_told(step, threads).encode()).digest() for text, step in normal.items()}
    keys = [hashed[text] for text in texts]
    known: dict[bytes, NativeKernel | None] = {key: _KERNELS.get(key) for key in keys}
    names, missing = dict[bytes, str](), list[tuple[str, Step, int]]()
    for text, key, (_, arguments) in zip(texts, keys, shared, strict=True):
        step = normal[text]
        if isinstance(step, HostCall):
            if known[key] is None:
                known[key] = _KERNELS[key] = NativeKernel(*host_kernel(step, compile_body))
        elif known[key] is None and key not in names:
            names[key] = f"kernel{len(names)}"
            missing.append((names[key], step, len(arguments)))
    if names:
        width = "no BLAS" if sgemm is None else f"{sgemm.integer_bits}-bit BLAS"
        known_by = (width, *(key.hex() for key in names))
        native = native_module(*known_by, make=lambda: _emitted(missing, sgemm), provide=provide)
        for key, name in names.items():
            known[key] = _KERNELS[key] = NativeKernel(native.address(name), native)
    kernels = tuple(kernel for key in keys if (kernel := known[key]) is not None)
    divided = {text: step_parts(step, threads) for text, step in normal.items()}
    return Schedule(kernels, tuple(arguments for _, arguments in shared), tuple(divided[text] for text in texts))


def shared_form(step: Step) -> tuple[Step, tuple[Argument, ...]]:
    """The step without the places of its operands, and what pointers it is given."""
    if isinstance(step, LoopNest):
        return renumbered(step)
    windows, arguments = renumber(step.windows)
    return step.with_windows(windows), arguments


def _told(step: Step, threads: int) -> str:
    """What tells one kernel from another; of a call back also for how many threads its bodies are compiled."""
    return f"{threads} {step}" if isinstance(step, HostCall) else repr(step)


def _normal(step: Step) -> Step:
    """The form that steps of the same work share."""
    if isinstance(step, Chain):
        return step._replace(steps=tuple(normalise(s, 1) if isinstance(s, LoopNest) else s for s in step.steps))
    return normalise(step) if isinstance(step, LoopNest) else step


def _emitted(steps: Sequence[tuple[str, Step, int]], sgemm: Sgemm | None) -> ir.Module:
    """A module of the kernels of shared steps, given by name and number of pointers."""
    module = new_module("kernels")
    for name, step, count in steps:
        _emit(module, name, step, count, sgemm)
    return module


def _emit(module: ir.Module, name: str, step: Step, count: int, sgemm: Sgemm | None) -> None:
    """Add the kernel `name` of a shared step, which is given `count` pointers."""
    function = ir.Function(module, KERNEL, name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    given, *part = function.args
    pointers = [builder.load(builder.gep(given, [i64(n)])) for n in range(count)]
    if isinstance(step, LoopNest):
        builder.call(emit_loop(module, f"{name}.loop", step, count), [*pointers, *part])
    elif isinstance(step, Chain):
        builder.call(emit_chain(module, f"{name}.chain", step, count), [*pointers, *part])
    elif isinstance(step, Contraction):
        builder.call(emit_contraction(module, f"{name}.product", step, count), [*pointers, *part])
    elif isinstance(step, IndexedStep):
        builder.call(emit_indexed(module, f"{name}.places", step, count), pointers)
    else:
        assert isinstance(step, Gemm)
        assert sgemm is not None
        _emit_gemm(builder, step, [pointers[w.buffer] for w in (step.a, step.b, step.out)], sgemm)
    builder.ret_void()


_SGEMM = "weft_sgemm"
"""What code calls the product of the BLAS, wherever it lies in a process."""


def _external(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Value:
    return module.globals.get(name) or ir.Function(module, kind, name)


def _emit_gemm(b: ir.IRBuilder, gemm: Gemm, bases: Sequence[ir.Value], sgemm: Sgemm) -> None:
    """Calls of sgemm, one for each element of the batch dimensions."""
    windows = (gemm.a, gemm.b, gemm.out)
    readings = [reading for w in windows if (reading := orientation(w))]
    assert len(readings) == 3, f"lowering made a window that BLAS cannot read: {gemm}"
    assert readings[2][0] is False, f"lowering made a transposed result: {gemm}"
    m, n = gemm.out.shape[-2:]
    k = gemm.a.shape[-1]
    integer, enum = ir.IntType(sgemm.integer_bits), ir.IntType(32)
    floats = F32.as_pointer()
    kinds = [enum] * 3 + [integer] * 3 + [F32, floats, integer, floats, integer, F32, floats, integer]
    function = _external(b.module, _SGEMM, ir.FunctionType(ir.VoidType(), kinds))
    batch = gemm.out.shape[:-2]

    def call(counters: list[ir.Value]) -> None:
        if len(counters) < len(batch):
            with counted(b, batch[len(counters)]) as counter:
                call([*counters, counter])
            return
        places = []
        for base, window in zip(bases, windows, strict=True):
            index: ir.Value = i64(window.offset)
            for counter, stride in zip(counters, window.strides, strict=False):
                index = b.add(index, b.mul(counter, i64(stride)))
            places.append(b.gep(b.bitcast(base, floats), [index]))
        (ta, lda), (tb, ldb), (_, ldc) = readings
        flag = [ir.Constant(enum, TRANSPOSE if t else NO_TRANSPOSE) for t in (ta, tb)]
        sizes = [ir.Constant(integer, v) for v in (m, n, k)]
        lda, ldb, ldc = (ir.Constant(integer, v) for v in (lda, ldb, ldc))
        one, zero = ir.Constant(F32, 1.0), ir.Constant(F32, 0.0)
        b.call(
            function,
            [ir.Constant(enum, ROW_MAJOR), *flag, *sizes, one, places[0], lda, places[1], ldb, zero, places[2], ldc],
        )

    if math.prod(gemm.out.shape):
        call([])
