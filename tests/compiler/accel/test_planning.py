"""Tests of planning: packing of passes, space on chip, residency, order of kernels, and what a step costs."""

from __future__ import annotations

import random

import pytest

from tests.compiler.models import mlp_step
from weft.compiler.targets.accel.compile import compile
from weft.compiler.targets.accel.kernel import TileKernel
from weft.compiler.targets.accel.layout import DramAllocator
from weft.compiler.targets.accel.memory import Allocation, AllocationFailure, Arena
from weft.compiler.targets.accel.micro import FULL, ONE, MicroOp, passes
from weft.compiler.targets.accel.order import ordered
from weft.compiler.targets.accel.residency import ResidentCandidate, leases
from weft.framework.builder import GraphBuilder
from weft.isa.machine import load
from weft.sim.fast.plan import timing

EDU = load("edu")


def _leaf(value: int) -> MicroOp:
    return MicroOp("leaf", "", (), FULL, "float32", value=value)


def _do(kind: str, op: str, *args: int, dtype: str = "float32") -> MicroOp:
    return MicroOp(kind, op, args, FULL, dtype)


def _imm(bits: int) -> MicroOp:
    return MicroOp("imm", "", (), ONE, "int32", imm=bits)


def _packed(*micros: MicroOp) -> list[tuple[str, str, str, tuple[int, ...]]]:
    return [(p.pre, p.f, p.then, p.operands) for p in passes(micros, {len(micros) - 1})]


def test_a_chain_of_three_operations_is_one_pass() -> None:
    made = _packed(_leaf(1), _leaf(2), _do("bin", "fmul", 0, 1), _do("un", "exp2", 2), _do("bin", "fadd", 3, 0))
    assert made == [("fmul", "exp2", "fadd", (0, 1, 0))]


def test_a_chain_in_the_second_place_takes_the_swapped_operation() -> None:
    made = _packed(_leaf(1), _leaf(2), _do("bin", "fmul", 0, 1), _do("bin", "fsub", 0, 2))
    assert made == [("fmul", "identity", "frsub", (0, 1, 0))]


def test_a_comparison_has_no_swapped_form_and_takes_a_pass_of_its_own() -> None:
    made = _packed(_leaf(1), _leaf(2), _do("bin", "fmul", 0, 1), _do("bin", "flt", 0, 2, dtype="bool"))
    assert [m[:3] for m in made] == [("fmul", "identity", "first"), ("flt", "identity", "first")]


def test_an_instruction_has_one_immediate() -> None:
    two = _packed(_leaf(1), _imm(1), _do("bin", "fmul", 0, 1), _imm(2), _do("bin", "fadd", 2, 3))
    same = _packed(_leaf(1), _imm(1), _do("bin", "fmul", 0, 1), _imm(1), _do("bin", "fadd", 2, 3))
    assert (len(two), len(same)) == (2, 1)


def test_a_value_used_twice_is_computed_once_and_a_narrow_one_is_stored() -> None:
    twice = _packed(_leaf(1), _do("un", "exp2", 0), _do("bin", "fmul", 1, 1))
    narrow = _packed(_leaf(1), _do("un", "exp2", 0, dtype="bfloat16"), _do("bin", "fadd", 1, 0))
    assert (len(twice), len(narrow)) == (2, 2)


def test_a_conversion_is_part_of_the_pass_before_it() -> None:
    rounded = _do("un", "identity", 3, dtype="bfloat16")
    made = _packed(_leaf(1), _leaf(2), _do("bin", "fadd", 0, 1), _do("un", "relu", 2), rounded)
    assert made == [("fadd", "relu", "first", (0, 1))]


@pytest.mark.parametrize("seed", range(4))
def test_spaces_in_use_never_overlap(seed: int) -> None:
    rng = random.Random(seed)
    arena = Arena("accumulator", EDU)
    held: list[Allocation] = []
    for when in range(300):
        if held and rng.random() < 0.5:
            arena.release(held.pop(rng.randrange(len(held))), when)
        else:
            try:
                space = arena.allocate(rng.choice((4, 32, 500, 4096)), [rng.randrange(4)], rng.random() < 0.5)
            except AllocationFailure:
                continue
            assert space.base // arena.bank_bytes == (space.base + space.size - 1) // arena.bank_bytes == space.bank
            assert all(s.base + s.size <= space.base or space.base + space.size <= s.base for s in held)
            held.append(space)
    for space in held:
        arena.release(space, 1000)
    whole = [arena.allocate(arena.bank_bytes) for _ in range(arena.banks)]
    assert sorted(space.bank for space in whole) == list(range(arena.banks)), "all of it is free again"


def test_more_than_a_bank_is_refused_with_both_sizes() -> None:
    with pytest.raises(
        AllocationFailure, match="8224 bytes of one accumulator bank are needed at once; a bank has 8192"
    ):
        Arena("accumulator", EDU).allocate(8193)


@pytest.mark.parametrize("seed", range(4))
def test_leases_never_clash_and_leave_room(seed: int) -> None:
    rng = random.Random(seed)
    tenants = []
    for value in range(30):
        first = rng.randrange(20)
        tenants.append(ResidentCandidate(value, rng.choice((256, 2048, 8192, 16384)), first, first + rng.randrange(4)))
    granted = leases(EDU, tenants)
    assert len(granted) > 10
    for value, lease in granted.items():
        for other, more in granted.items():
            if value < other and lease.bank == more.bank:
                assert not lease.clashes(more.start, more.size, more.first, more.last)
    for time in range(24):
        assert sum(x.size for x in granted.values() if x.first <= time <= x.last) <= EDU.scratchpad.bytes * 7 // 8


def test_scratch_dram_is_used_again_after_its_last_reader() -> None:
    layout = DramAllocator(EDU)
    layout.fixed(100)
    first, second, third = layout.scratch(64, 0, 2), layout.scratch(64, 1, 3), layout.scratch(64, 3, 4)
    assert (first, second, third) == (128, 192, 128)
    assert layout.end == 256


def _kernel(reads: int, makes: int) -> TileKernel:
    return TileKernel("", 1, 1, (_leaf(reads), _do("un", "fneg", 0)), {1: makes})


def test_what_nobody_reads_runs_as_soon_as_it_can_but_not_before_readers_of_what_it_replaces() -> None:
    kernels = [_kernel(0, 10), _kernel(10, 11), _kernel(5, 13), _kernel(11, 12), _kernel(10, 14)]
    read = [*kernels[:2], _kernel(5, 13), _kernel(13, 15), _kernel(10, 14)]
    assert ordered(kernels, {}) == [0, 2, 4, 1, 3]
    # 14 replaces 5, which kernel 2 reads.
    assert ordered(read, {14: 5}) == [0, 1, 2, 3, 4]


def test_the_training_step_of_the_digits_model_is_short_and_busy() -> None:
    """Deterministic: a change of either figure is a change of the compiler."""
    program = compile(mlp_step((64, 128, 10), 64), EDU)
    cycles = timing(program).cycles
    assert program.meta["useful_macs"] == 64 * (2 * 64 * 128 + 3 * 128 * 10)
    assert cycles <= 46_000
    assert len(program.instructions) <= 420


def test_operators_cover_every_instruction_and_name_their_nodes() -> None:
    program = compile(mlp_step((64, 128, 10), 64), EDU)
    seen = sorted(pc for o in program.meta["operators"] for first, end in o["instructions"] for pc in range(first, end))
    assert seen == list(range(len(program.instructions) - 1))
    assert all(o["nodes"] for o in program.meta["operators"])
    assert sum(o["macs"] for o in program.meta["operators"]) == program.meta["useful_macs"]
    assert all(i.source for i in program.instructions if i.name in ("matmul", "vector", "load", "store"))


def test_a_short_loop_is_written_out_and_a_long_one_is_not() -> None:
    b = GraphBuilder()
    x, w = (b.input(name, (64, 64), "bfloat16") for name in "xw")
    product = b.apply("matmul", x, w, transpose_a=False, transpose_b=False, accumulate="float32")
    program = compile(b.build({"y": product}), EDU)
    names = [i.name for i in program.instructions]
    assert names.count("loop") == names.count("end") > 0
    assert names.count("matmul") < 512 / 4
