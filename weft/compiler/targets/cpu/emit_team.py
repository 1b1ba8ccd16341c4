"""LLVM IR by which threads share a kernel: how its parts are handed out, how workers wait, and how they sleep.

A team is a block of words that all threads see. Who shares a kernel writes it down with the number of its parts; every
thread, that one too, takes one part after the other until none is left. Nobody waits for a worker that sleeps or that
the system has stopped: its parts are taken by the others, so that a busy machine costs little. Parts are the same
whoever takes them, and so are the results.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.binding as llvm
from llvmlite import ir

I32, I64, BYTES = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
WORDS = I64.as_pointer()
KERNEL = ir.FunctionType(ir.VoidType(), [BYTES.as_pointer(), I64, I64])
"""A kernel: its arguments, which part of its work is wanted, and of how many."""

# Words that different threads write lie in different cache lines (and in different pairs of them).
OWNER, UNCLAIMED, PENDING, SLEEPERS, STOPPING, JOB, PIPE = (16 * n for n in range(7))
"""Places in a team: whether a kernel is being shared; its parts that nobody has taken, and those that are not done; how
many workers sleep; whether they shall end; the kernel, its arguments and the number of its parts; the pipe on which
workers sleep, reading end and writing end."""
TEAM_WORDS = 112

_SPINS = 1500
"""Looks for work before a worker goes to sleep: some 30 microseconds, longer than what stays serial inside a step."""
_IMPATIENCE = 64
"""Looks for the last part's end before a thread offers its core to whoever has that part."""
_WOKEN_AT_ONCE = 64
_PAUSES = {"x86_64": ("llvm.x86.sse2.pause", []), "i686": ("llvm.x86.sse2.pause", []),
           "aarch64": ("llvm.aarch64.hint", [1]), "arm64": ("llvm.aarch64.hint", [1])}  # fmt: skip
"""By the triple's first part, the instruction that tells a processor that this is a waiting loop."""


def define_team(module: ir.Module) -> ir.Function:
    """Add the functions of a team to `module`; gives ``share(team, kernel, arguments, parts)``.

    ``work(team)`` is a worker's life, ``stop(team)`` ends those of all.
    """
    claim, wake = _claim(module), _wake(module)
    _work(module, claim)
    stop, b = _begun(module, "stop", [WORDS])
    b.store_atomic(_i64(1), _word(b, stop.args[0], STOPPING), "seq_cst", 8)
    b.call(wake, [stop.args[0], _i64(_WOKEN_AT_ONCE)])
    b.ret_void()
    return _share(module, claim, wake)


def _i64(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _word(b: ir.IRBuilder, team: ir.Value, place: int) -> ir.Value:
    return b.gep(team, [_i64(place)])


def _begun(
    module: ir.Module, name: str, kinds: list[ir.Type], result: ir.Type | None = None
) -> tuple[ir.Function, ir.IRBuilder]:
    function = ir.Function(module, ir.FunctionType(result or ir.VoidType(), kinds), name)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def _external(module: ir.Module, name: str, result: ir.Type, kinds: list[ir.Type]) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, kinds), name)


@contextmanager
def _forever(b: ir.IRBuilder) -> Iterator[ir.Block]:
    """A loop around what the `with` block emits; it is left by branching to the block that is given, where the builder
    stands afterwards."""
    body, after = b.append_basic_block("again"), b.append_basic_block("left")
    b.branch(body)
    b.position_at_end(body)
    yield after
    b.branch(body)
    b.position_at_end(after)


def _leave_if(b: ir.IRBuilder, condition: ir.Value, to: ir.Block) -> None:
    following = b.append_basic_block("on")
    b.cbranch(condition, to, following)
    b.position_at_end(following)


def _pause(b: ir.IRBuilder) -> None:
    name, numbers = _PAUSES.get(llvm.get_process_triple().split("-")[0], (None, []))
    if name is not None:
        function = _external(b.module, name, ir.VoidType(), [I32] * len(numbers))
        b.call(function, [ir.Constant(I32, n) for n in numbers])


def _give_way(b: ir.IRBuilder) -> None:
    b.call(_external(b.module, "sched_yield", I32, []), [])


def _is(b: ir.IRBuilder, relation: str, value: ir.Value, number: int) -> ir.Value:
    return b.icmp_signed(relation, value, _i64(number))


def _look(b: ir.IRBuilder, team: ir.Value, place: int) -> ir.Value:
    return b.load_atomic(_word(b, team, place), "seq_cst", 8)


def _claim(module: ir.Module) -> ir.Function:
    """``claim(team)``: take a part that nobody has and do it; whether there was one.

    What is taken can only belong to the kernel that is written down: it stays there until all its parts are done.
    """
    claim, b = _begun(module, "claim", [WORDS], I64)
    claim.linkage = "internal"
    (team,) = claim.args
    place = _word(b, team, UNCLAIMED)
    with _forever(b) as none:
        left = _look(b, team, UNCLAIMED)
        _leave_if(b, _is(b, "<=", left, 0), none)
        part = b.sub(left, _i64(1))
        taken = b.extract_value(b.cmpxchg(place, left, part, "seq_cst", "seq_cst"), 1)
        with b.if_then(taken):
            kernel, arguments, parts = (b.load(_word(b, team, JOB + n)) for n in range(3))
            b.call(b.inttoptr(kernel, KERNEL.as_pointer()), [b.inttoptr(arguments, BYTES.as_pointer()), part, parts])
            b.atomic_rmw("sub", _word(b, team, PENDING), _i64(1), "seq_cst")
            b.ret(_i64(1))
            b.position_at_end(b.append_basic_block("unreached"))
    b.ret(_i64(0))
    return claim


def _wake(module: ir.Module) -> ir.Function:
    """``wake(team, most)``: as many workers as sleep, or `most`. Each byte in the pipe wakes one."""
    wake, b = _begun(module, "wake", [WORDS, I64])
    wake.linkage = "internal"
    team, most = wake.args
    bytes_ = ir.GlobalVariable(module, ir.ArrayType(ir.IntType(8), _WOKEN_AT_ONCE), "bytes")
    bytes_.initializer, bytes_.global_constant, bytes_.linkage = ir.Constant(bytes_.value_type, None), True, "internal"
    write = _external(module, "write", I64, [I32, BYTES, I64])
    with _forever(b) as done:
        asleep = _look(b, team, SLEEPERS)
        _leave_if(b, _is(b, "<=", asleep, 0), done)
        count = b.select(b.icmp_signed("<", asleep, most), asleep, most)
        count = b.select(_is(b, "<", count, _WOKEN_AT_ONCE), count, _i64(_WOKEN_AT_ONCE))
        pair = b.cmpxchg(_word(b, team, SLEEPERS), asleep, b.sub(asleep, count), "seq_cst", "seq_cst")
        with b.if_then(b.extract_value(pair, 1)):
            pipe = b.trunc(b.load(_word(b, team, PIPE + 1)), I32)
            b.call(write, [pipe, b.bitcast(bytes_, BYTES), count])
            b.branch(done)
            b.position_at_end(b.append_basic_block("unreached"))
    b.ret_void()
    return wake


def _share(module: ir.Module, claim: ir.Function, wake: ir.Function) -> ir.Function:
    """``share(team, kernel, arguments, parts)``: run a kernel in parts on all threads of a team that is free, else here
    and whole."""
    share, b = _begun(module, "share", [WORDS, I64, BYTES.as_pointer(), I64])
    team, kernel, arguments, parts = share.args
    owner = _word(b, team, OWNER)
    mine = b.extract_value(b.cmpxchg(owner, _i64(0), _i64(1), "seq_cst", "seq_cst"), 1)
    with b.if_else(mine) as (free, busy):
        with busy:
            b.call(b.inttoptr(kernel, KERNEL.as_pointer()), [arguments, _i64(0), _i64(1)])
        with free:
            for n, word in enumerate((kernel, b.ptrtoint(arguments, I64), parts)):
                b.store(word, _word(b, team, JOB + n))
            b.store_atomic(parts, _word(b, team, PENDING), "seq_cst", 8)
            b.store_atomic(parts, _word(b, team, UNCLAIMED), "seq_cst", 8)
            b.call(wake, [team, b.sub(parts, _i64(1))])
            with _forever(b) as taken:
                _leave_if(b, _is(b, "==", b.call(claim, [team]), 0), taken)
            looks = b.alloca(I64)
            b.store(_i64(0), looks)
            with _forever(b) as done:
                _leave_if(b, _is(b, "==", _look(b, team, PENDING), 0), done)
                _pause(b)
                b.store(b.add(b.load(looks), _i64(1)), looks)
                with b.if_then(_is(b, ">", b.load(looks), _IMPATIENCE)):
                    b.store(_i64(0), looks)
                    _give_way(b)
            b.store_atomic(_i64(0), owner, "seq_cst", 8)
    b.ret_void()
    return share


def _work(module: ir.Module, claim: ir.Function) -> None:
    """``work(team)``: take parts as they come, sleep where none comes, return when the team stops."""
    work, b = _begun(module, "work", [WORDS])
    (team,) = work.args
    looks, byte = b.alloca(I64), b.alloca(ir.IntType(8))
    read = _external(module, "read", I64, [I32, BYTES, I64])
    b.store(_i64(0), looks)
    with _forever(b) as end:
        _leave_if(b, _is(b, "!=", _look(b, team, STOPPING), 0), end)
        with b.if_else(_is(b, ">", _look(b, team, UNCLAIMED), 0)) as (some, none):
            with some:
                b.call(claim, [team])
                b.store(_i64(0), looks)
            with none:
                _pause(b)
                b.store(b.add(b.load(looks), _i64(1)), looks)
        with b.if_then(_is(b, ">", b.load(looks), _SPINS)):
            b.store(_i64(0), looks)
            _sleep(b, team, read, byte)
    b.ret_void()


def _sleep(b: ir.IRBuilder, team: ir.Value, read: ir.Function, byte: ir.Value) -> None:
    """Be counted as asleep, look once more, and sleep until somebody has taken this worker off the count."""
    sleepers = _word(b, team, SLEEPERS)
    b.atomic_rmw("add", sleepers, _i64(1), "seq_cst")
    with _forever(b) as awake:
        # Work that came since: off the count again, unless a waker was quicker, whose byte is on its way then.
        wanted = b.or_(_is(b, ">", _look(b, team, UNCLAIMED), 0), _is(b, "!=", _look(b, team, STOPPING), 0))
        asleep = _look(b, team, SLEEPERS)
        with b.if_else(b.and_(wanted, _is(b, ">", asleep, 0))) as (cancel, block):
            with cancel:
                pair = b.cmpxchg(sleepers, asleep, b.sub(asleep, _i64(1)), "seq_cst", "seq_cst")
                _leave_if(b, b.extract_value(pair, 1), awake)
            with block:
                got = b.call(read, [b.trunc(b.load(_word(b, team, PIPE)), I32), byte, _i64(1)])
                _leave_if(b, _is(b, "==", got, 1), awake)
                _give_way(b)  # interrupted, or the pipe is gone
