"""The checker: deadlocks name every unit's head, races name both instructions, overflow names the semaphore."""

from __future__ import annotations

from functools import partial

import pytest

from tests.work import calls
from weft.isa.assembler import assemble
from weft.isa.checker import check
from weft.isa.encoding import Instruction, make
from weft.isa.errors import DeadlockError, ProgramError
from weft.isa.machine import load
from weft.isa.program import Program
from weft.isa.stream import expand
from weft.isa.validator import validate

HEAD = ".machine nano\n.buffer x state float32 1x1024 @0x2000 pitch=4096\n"
LOAD = "load dram=0x2000 local=sp[0x0] bytes=8"
MATMUL = "matmul a=sp[0x0] w=sp[0x0] d=acc[0x0] k=4 n=1"
VECTOR = "vector x=acc[0x0] x_source=row d=acc[0x400] lanes=1"
STORE = "store dram=0x2000 local=acc[0x400] bytes=4"


def run(*lines: str) -> None:
    program = assemble(HEAD + "\n".join(lines) + "\nhalt\n", "p.s")
    validate(program)
    check(program)


@pytest.mark.smoke
def test_a_chain_of_semaphores_orders_units() -> None:
    run(f"{LOAD} post=s0", f"{MATMUL} wait=s0 post=s1", f"{VECTOR} wait=s1 post=s2", f"{STORE} wait=s2")


def test_loops_expand_in_dispatch_order() -> None:
    body = f"loop count=2\n{LOAD}\nloop count=3\n{MATMUL}\nend\n{VECTOR}\nend\n{STORE}\nhalt"
    stream = expand(assemble(HEAD + body))
    assert stream.pc.tolist() == [1, 3, 3, 3, 5, 1, 3, 3, 3, 5, 7]
    assert stream.index[6].tolist() == [1, 0, 0]
    assert stream.index[8].tolist() == [1, 2, 0]
    assert stream.iteration(8) == " in iteration (1, 2)"
    assert stream.iteration(10) == ""


def test_a_deadlock_says_what_every_unit_waits_for() -> None:
    with pytest.raises(DeadlockError) as error:
        run(f"{LOAD} wait=s1 post=s0", f"{MATMUL} wait=s0 post=s1")
    assert error.value.exit_code == 4
    assert str(error.value) == (
        "deadlock: no unit can go on\n"
        "  load: instruction 0 (load, from p.s:3) waits for s1 from matrix (0 posted, all taken)\n"
        "  matrix: instruction 1 (matmul, from p.s:4) waits for s0 from load (0 posted, all taken)\n"
        "  vector: has nothing to do\n"
        "  store: has nothing to do\n"
        "  let the missing post come earlier in the program, or take the wait away"
    )


def test_queue_depths_can_deadlock() -> None:
    def lines(loads: int) -> list[str]:
        return [f"{LOAD} wait=s1", *[LOAD] * (loads - 1), "vector d=acc[0x0] post=s1"]

    run(*lines(4))
    with pytest.raises(DeadlockError) as error:
        run(*lines(5))
    assert "dispatch: instruction 5 (vector, from p.s:8) must wait" not in str(error.value)
    assert "dispatch: instruction 4 (load, from p.s:7) must wait: the load queue is full with 4" in str(error.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [LOAD, MATMUL],
            "data race at byte 0x0 of the scratchpad: instruction 0 (load, from p.s:3) writes it, instruction 1 "
            "(matmul, from p.s:4) reads it, and no semaphore orders the two",
        ),
        ([f"{MATMUL} post=s0", f"{VECTOR} wait=s0", STORE], "data race at byte 0x400 of the accumulator"),
        ([LOAD, STORE], "data race at byte 0x2000 of the dram: instruction 0 (load"),
        # The second load is not covered by the semaphore that the first posts ...
        ([f"{LOAD} post=s0", LOAD, f"{MATMUL} wait=s0"], "instruction 1 (load, from p.s:4) writes it, instruction 2"),
        # ... nor does the matrix unit hold back the third.
        ([f"{LOAD} post=s0", f"{MATMUL} wait=s0", LOAD], "instruction 1 (matmul, from p.s:4) reads it, instruction 2"),
        (
            ["loop count=2", f"{LOAD} post=s0", f"{MATMUL} wait=s0", "end"],
            "instruction 2 (matmul, from p.s:5) reads it, instruction 1 (load, from p.s:4) in iteration (1) writes it",
        ),
        # A loop leads down to it.
        (
            ["loop count=2", f"{LOAD.replace('sp[0x0]', 'sp[0x400]')} local_inc0=-0x400", "end", MATMUL],
            "data race at byte 0x0 of the scratchpad: instruction 1 (load, from p.s:4) in iteration (1) writes it",
        ),
    ],
)
def test_a_race_names_both_instructions(lines: list[str], message: str) -> None:
    with pytest.raises(ProgramError) as error:
        run(*lines)
    assert message in str(error.value)


def test_rows_that_interleave_do_not_race() -> None:
    rows = "count0=4 {d}_stride0=16 local_stride0=4 bytes=4"
    load = "load dram=0x2000 local=sp[0x0] " + rows.format(d="dram")
    run(load, "store dram=0x2004 local=acc[0x0] " + rows.format(d="dram"))
    with pytest.raises(ProgramError, match="data race at byte 0x2010 of the dram"):
        run(load, "store dram=0x2010 local=acc[0x0] " + rows.format(d="dram"))


def test_order_is_transitive() -> None:
    run(f"{LOAD} post=s0", f"{VECTOR} wait=s0 post=s1", f"{MATMUL} wait=s1")


def test_a_semaphore_that_can_overflow() -> None:
    vector = "vector d=acc[0x400]"
    run("loop count=255", f"{vector} post=s0", "end", "loop count=255", f"{MATMUL} wait=s0", "end")
    with pytest.raises(ProgramError) as error:
        run("loop count=256", f"{vector} post=s0", "end", "loop count=256", f"{MATMUL} wait=s0", "end")
    assert str(error.value).startswith(
        "semaphore s0 can reach 256 while instruction 4 (matmul, from p.s:7) has not started; it counts to 255: post"
    )
    # Fine if the matrix unit cannot fall behind: its queue is short.
    run("loop count=300", f"{vector} post=s0", f"{MATMUL} wait=s0", "end")
    with pytest.raises(ProgramError, match="semaphore s0 can reach 300 and nothing waits for it"):
        run("loop count=300", f"{vector} post=s0", "end")


@pytest.mark.parametrize(("posts", "reached"), [(251, 0), (252, 256)])
def test_waits_that_are_put_off_count(posts: int, reached: int) -> None:
    """The matrix queue holds four that wait, so four posts of the loop before can still be untaken."""
    vector = "vector d=acc[0x400] post=s0"
    lines = ["loop count=100", vector, f"{MATMUL} wait=s0", "end", f"loop count={posts}", vector, "end"]
    lines += [f"loop count={posts}", f"{MATMUL} wait=s0", "end"]
    if not reached:
        run(*lines)
        return
    with pytest.raises(ProgramError, match=r"^semaphore s0 can reach 256 while instruction 2 \(matmul, from p\.s:5\)"):
        run(*lines)


def test_the_first_instruction_of_all_can_be_the_one_that_is_put_off() -> None:
    vector = "vector d=acc[0x400] post=s0"
    with pytest.raises(ProgramError, match=r"^semaphore s0 can reach 256 while instruction 0 \(matmul, from p\.s:3\)"):
        run(f"{MATMUL} wait=s0", "loop count=256", vector, "end", "loop count=255", f"{MATMUL} wait=s0", "end")
    # Nothing goes on until it has started, and only then it gets too much.
    first = f"{MATMUL} wait=s0 post=s1", vector, "vector d=acc[0x400] wait=s1"
    run(*first, "loop count=255", vector, "end", "loop count=255", f"{MATMUL} wait=s0", "end")
    with pytest.raises(ProgramError, match=r"^semaphore s0 can reach 256 while instruction 7 \(matmul, from p\.s:10\)"):
        run(*first, "loop count=256", vector, "end", "loop count=256", f"{MATMUL} wait=s0", "end")


def long_program(rounds: int) -> Program:
    """Three instructions a round, each unit waiting for the one before it."""
    acc = 1 << 24
    body: list[Instruction] = []
    for i in range(rounds):
        row = 16 * (i % 32)
        body += [
            make("load", dram=0x100000 + 32 * i, local=8 * (i % 64), bytes=8, count0=4, dram_stride0=8, post=1,
                 wait=4 if i >= 4 else 0),
            make("matmul", a=8 * (i % 64), w=0x800, d=acc | row, k=4, n=4, wait=1, post=2),
            make("vector", x=acc | row, x_source="row", d=acc | 0x400 | row, lanes=4, wait=2, post=4),
        ]  # fmt: skip
    return Program(load("nano"), (*body, make("halt")), data={0x100000: bytes(64000)})


def test_three_thousand_instructions_are_checked() -> None:
    check(long_program(1000))


def test_work_grows_with_the_instructions_and_no_faster() -> None:
    one, two = (calls(partial(check, long_program(rounds))) for rounds in (300, 600))  # semaphores over 255
    assert 1.5 * one < two < 2.1 * one


def test_a_program_without_work_is_fine() -> None:
    run()
    run("loop count=3", "end")
