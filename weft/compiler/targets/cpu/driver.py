"""The native function that goes through a schedule: it makes the table of arguments and calls one kernel after the
other, those that divide well with the threads of a team."""

from __future__ import annotations

import functools

from llvmlite import ir

from weft.compiler.targets.cpu.emit import counted_to, i64
from weft.compiler.targets.cpu.emit_team import BYTES, KERNEL, define_team
from weft.compiler.targets.cpu.kept import native_module
from weft.compiler.targets.cpu.native import NativeModule, new_module

DRIVER_FIELDS = (
    "table", "argument_count", "buffers", "offsets", "arguments", "kernel_count", "kernels", "starts", "parts", "team",
)  # fmt: skip
"""What the driver is given: one array of 64-bit words, addresses and numbers, in this order.

`arguments[n] = table[buffers[n]] + offsets[n]` for all arguments; then `kernels[n](&arguments[starts[n]])` for all
kernels, in `parts[n]` parts on the threads of the team, whose address is 0 where there is none.
"""


@functools.cache
def native_driver() -> NativeModule:
    """Of ``run(int64* fields)``, and what the threads of a team run (`emit_team.py`)."""
    return native_module("driver", make=_driver_module)


def _driver_module() -> ir.Module:
    module = new_module("driver")
    share = define_team(module)
    words = ir.IntType(64).as_pointer()
    run = ir.Function(module, ir.FunctionType(ir.VoidType(), [words]), "run")
    b = ir.IRBuilder(run.append_basic_block("entry"))
    fields = {name: b.load(b.gep(run.args[0], [i64(n)])) for n, name in enumerate(DRIVER_FIELDS)}

    def word(field: str, index: ir.Value) -> ir.Value:
        return b.gep(b.inttoptr(fields[field], words), [index])

    count = fields["argument_count"]
    with b.if_then(b.icmp_signed(">", count, i64(0))), counted_to(b, count) as n:
        place = b.load(word("table", b.load(word("buffers", n))))
        b.store(b.add(place, b.load(word("offsets", n))), word("arguments", n))
    count = fields["kernel_count"]
    with b.if_then(b.icmp_signed(">", count, i64(0))), counted_to(b, count) as n:
        given = b.bitcast(word("arguments", b.load(word("starts", n))), BYTES.as_pointer())
        kernel, parts = b.load(word("kernels", n)), b.load(word("parts", n))
        alone = b.or_(b.icmp_signed("==", parts, i64(1)), b.icmp_signed("==", fields["team"], i64(0)))
        with b.if_else(alone) as (here, shared):
            with here:
                b.call(b.inttoptr(kernel, KERNEL.as_pointer()), [given, i64(0), i64(1)])
            with shared:
                b.call(share, [b.inttoptr(fields["team"], words), kernel, given, parts])
    b.ret_void()
    return module
