"""LLVM IR of steps that are walked together: a loop over blocks of rows, and in it a call of each step's function."""

from __future__ import annotations

from llvmlite import ir

from weft.compiler.targets.cpu.chain import FIRST_LOCAL, Chain, link_windows, with_link_windows
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.emit import counted_to, emit_rows, i64
from weft.compiler.targets.cpu.emit_contraction import emit_contraction
from weft.compiler.targets.cpu.loops import Argument, LoopNest, renumber
from weft.compiler.targets.cpu.scalars import I64

_BYTES = ir.IntType(8).as_pointer()


def emit_chain(module: ir.Module, name: str, chain: Chain, buffers: int) -> ir.Function:
    """Add the function `name`: it takes the pointers of its buffers, which part of the work is its own, and of how
    many; no more than there are blocks. `chain` is renumbered, its loops are normalised."""
    steps: list[tuple[ir.Function, tuple[Argument, ...], bool]] = []
    for n, step in enumerate(chain.steps):
        windows, arguments = renumber(link_windows(step))
        inner = with_link_windows(step, windows)
        if isinstance(inner, LoopNest):
            steps.append((emit_rows(module, f"{name}.{n}", inner, len(arguments)), arguments, True))
        else:
            steps.append((emit_contraction(module, f"{name}.{n}", inner, len(arguments)), arguments, False))
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [*[_BYTES] * buffers, I64, I64]), name)
    function.linkage = "internal"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    *pointers, part, parts = function.args
    own = b.gep(pointers[chain.scratch.buffer], [b.mul(part, i64(chain.scratch.shape[0]))])
    first, last = (b.sdiv(b.mul(i64(chain.blocks), n), parts) for n in (part, b.add(part, i64(1))))
    panels = _panel_bytes(chain)
    with b.if_then(b.icmp_signed("<", first, last)), counted_to(b, b.sub(last, first)) as counter:
        block = b.add(first, counter)
        start, stop = (
            b.sdiv(b.mul(i64(chain.rows), n), i64(chain.blocks)) for n in (block, b.add(block, i64(1)))
        )

        def place(argument: Argument) -> ir.Value:
            """Where a step finds row 0, be it there or not: it only looks at the block's."""
            if argument.buffer >= 0:
                return b.gep(pointers[argument.buffer], [i64(argument.offset)])
            number = FIRST_LOCAL - argument.buffer
            local = chain.locals[number]
            # A product takes the block for its part of the work, and moves on to the memory of that part.
            before = b.mul(start, i64(local.step)) if local.step else b.mul(block, i64(panels[number]))
            return b.gep(own, [b.sub(i64(local.offset + argument.offset), before)])

        for called, arguments, by_rows in steps:
            given = [place(argument) for argument in arguments]
            b.call(called, [*given, *((start, stop) if by_rows else (block, i64(chain.blocks)))])
    b.ret_void()
    return function


def _panel_bytes(chain: Chain) -> dict[int, int]:
    """Of locals that are a product's own memory, the bytes of a part."""
    return {
        FIRST_LOCAL - step.scratch.buffer: 4 * step.scratch.shape[0]
        for step in chain.steps
        if isinstance(step, Contraction)
    }
