"""The matrix unit, driven directly, equals a plain model of the tile in every byte and every cycle."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Sequence

import pytest

from tests import oracle_arith as oracle
from tests.rtl.unit_bench import Memories, Run, drive
from weft.isa import timing
from weft.isa.encoding import Instruction, make
from weft.isa.instructions import ACCUMULATOR_BIT, MATMUL_TYPES
from weft.isa.machine import Machine, Pipeline, load
from weft.rtl.matrix import DESTINATION, ROWS, WEIGHTS, MatrixUnit

NANO = load("nano")
BFLOAT = MATMUL_TYPES.index("bf16")
MACHINES = {
    "nano": NANO,
    "deep": dataclasses.replace(NANO, pipeline=Pipeline(mac=3, accumulate=7)),
    "int8 only": dataclasses.replace(NANO, types=("int8",)),
    "bf16 only": dataclasses.replace(NANO, dim=2, types=("bf16",), pipeline=Pipeline(mac=2, accumulate=4)),
}


def rows_of(tile: Instruction) -> int:
    return tile["count0"] * tile["count1"] * tile["count2"]


def walk(tile: Instruction, operand: str) -> list[int]:
    """Byte addresses of the rows of an operand, in order."""
    return [
        tile[operand] + sum(i * tile[f"{operand}_stride{level}"] for level, i in enumerate((i0, i1, i2)))
        for i2 in range(tile["count2"])
        for i1 in range(tile["count1"])
        for i0 in range(tile["count0"])
    ]


def interpret(tile: Instruction, memories: Memories) -> None:
    """Execute a tile, element by element."""
    size = 2 if tile["type"] == BFLOAT else 1

    def element(address: int) -> int:
        return int.from_bytes(memories.scratchpad[address : address + size], "little")

    for row, (a, d) in enumerate(zip(walk(tile, "a"), walk(tile, "d"), strict=True)):
        for j in range(tile["n"]):
            total = 0
            for i in range(tile["k"]):
                left = tile["a"] + i * tile["a_stride0"] + row * size if tile["transpose_a"] else a + i * size
                stored, within = (j, i) if tile["transpose_w"] else (i, j)
                x, w = element(left), element(tile["w"] + stored * tile["w_stride"] + within * size)
                if size == 2:
                    total = oracle.fma_bf16(x, w, total)
                else:
                    total = (oracle.signed(x, 8) * oracle.signed(w, 8) + total) & 0xFFFFFFFF
            at = d - ACCUMULATOR_BIT + 4 * j
            if tile["accumulate"]:
                before = int.from_bytes(memories.accumulator[at : at + 4], "little")
                total = oracle.fadd(before, total) if size == 2 else (before + total) & 0xFFFFFFFF
            memories.accumulator[at : at + 4] = total.to_bytes(4, "little")


def random_memories(machine: Machine, rng: random.Random) -> Memories:
    """Scratchpad of small bf16 numbers with some specials among them, accumulator of fp32 words."""
    halves = [oracle.f2bf(w) if rng.random() < 0.9 else w >> 16 for w in _words(rng, machine.scratchpad.bytes // 2)]
    words = _words(rng, machine.accumulator.bytes // 4)
    return Memories(
        machine,
        bytearray(b"".join(h.to_bytes(2, "little") for h in halves)),
        bytearray(b"".join(w.to_bytes(4, "little") for w in words)),
    )


def _words(rng: random.Random, count: int) -> list[int]:
    return [
        rng.choice(oracle.SPECIAL) if rng.random() < 0.03 else rng.getrandbits(1) << 31 | rng.randint(120, 134) << 23
        | rng.getrandbits(23)
        for _ in range(count)
    ]  # fmt: skip


def random_tile(machine: Machine, rng: random.Random, destination: int | None = None, **fixed: int) -> Instruction:
    """A tile of random shape whose operands lie in random banks, and whose destination rows are distinct."""
    dim, row = machine.dim, machine.row_bytes
    bank = machine.scratchpad.bank_bytes
    transpose_a = fixed.get("transpose_a", rng.randint(0, 1))
    counts = (rng.randint(1, 3 * dim), 1, 1)
    if not transpose_a:
        counts = (rng.randint(1, dim), rng.randint(1, 3), rng.randint(1, 2))
    # Mixed radix: rows of the destination follow each other in the order of a random permutation of the levels.
    steps, span = [0, 0, 0], 1
    for level in rng.sample(range(3), 3):
        steps[level] = span
        span *= counts[level]
    acc_bank = machine.accumulator.bank_bytes // row
    if destination is None:
        destination = rng.randrange(machine.accumulator.banks) * acc_bank
    values: dict[str, int] = {
        "type": MATMUL_TYPES.index(rng.choice(machine.types)),
        "accumulate": rng.randint(0, 1),
        "transpose_a": transpose_a,
        "transpose_w": rng.randint(0, 1),
        "k": rng.randint(1, dim),
        "n": rng.randint(1, dim),
        **{f"count{i}": counts[i] for i in range(3)},
        "a": rng.randrange(machine.scratchpad.banks) * bank + bank // 2 + rng.randrange(4) * 2,
        **{f"a_stride{i}": rng.randint(-40, 40) for i in range(3)},
        "w": rng.randrange(machine.scratchpad.banks) * bank + bank // 2 + rng.randrange(32),
        "w_stride": rng.randint(-33, 33),
        "d": ACCUMULATOR_BIT + destination * row,
        **{f"d_stride{i}": steps[i] * row for i in range(3)},
        "post": rng.getrandbits(16),
    }
    return make("matmul", **{**values, **fixed})


def check_timing(machine: Machine, tiles: Sequence[Instruction], run: Run, memories: Memories) -> None:
    """Starts, occupancy, accesses, releases and retirements are the closed forms of ``isa.timing``."""
    dim, mac, adder = machine.dim, machine.pipeline.mac, machine.pipeline.accumulate
    reads: list[tuple[int, str, int]] = []
    writes: list[tuple[int, str, int]] = []
    releases: list[tuple[int, int, str, int]] = []
    for tile, start, claims in zip(tiles, run.starts, run.claims, strict=True):
        rows, transposed = rows_of(tile), tile["transpose_a"]
        for j in range(tile["n"] if tile["transpose_w"] else tile["k"]):
            reads.append((start + 1 + j, "sp_read_weights", tile["w"] + j * tile["w_stride"]))
        size = 2 if tile["type"] == BFLOAT else 1
        for slot in range(timing.streamed_rows(rows, dim, transposed)):
            cycle = start + 1 + dim + slot
            if not transposed:
                reads.append((cycle, "sp_read_rows", walk(tile, "a")[slot]))
            elif slot % dim < tile["k"]:
                address = tile["a"] + slot % dim * tile["a_stride0"] + slot // dim * dim * size
                reads.append((cycle, "sp_read_rows", address))
        retire = timing.matmul_retire(start, rows, dim, mac, adder)
        for m, d in enumerate(walk(tile, "d")):
            writes.append((retire - rows + 1 + m, "acc_write", d - ACCUMULATOR_BIT))
            if tile["accumulate"]:
                reads.append((retire - rows - adder + m, "acc_read", d - ACCUMULATOR_BIT))
        releases.append((timing.matmul_weights_last_read(start, dim), WEIGHTS, "sp_read", claims[WEIGHTS]["sp_read"]))
        last = timing.matmul_stream_last_read(start, rows, dim, transposed)
        releases.append((last, ROWS, "sp_read", claims[ROWS]["sp_read"]))
        if tile["accumulate"]:
            last = timing.matmul_last_accumulator_read(start, rows, dim, mac)
            releases.append((last, DESTINATION, "acc_read", claims[DESTINATION]["acc_read"]))
        releases.append((retire, DESTINATION, "acc_write", claims[DESTINATION]["acc_write"]))
        assert claims[WEIGHTS] == {"sp_read": 1 << tile["w"] // machine.scratchpad.bank_bytes}
        assert claims[ROWS] == {"sp_read": 1 << tile["a"] // machine.scratchpad.bank_bytes}
        bank = 1 << (tile["d"] - ACCUMULATOR_BIT) // machine.accumulator.bank_bytes
        wanted = ("acc_read", "acc_write") if tile["accumulate"] else ("acc_write",)
        assert claims[DESTINATION] == dict.fromkeys(wanted, bank)
    assert sorted(memories.reads) == sorted(reads)
    assert sorted(memories.writes) == sorted(writes)
    assert sorted(run.releases) == sorted(releases)
    assert run.retires == [
        timing.matmul_retire(s, rows_of(t), dim, mac, adder) for t, s in zip(tiles, run.starts, strict=True)
    ]
    assert run.posts == [tile["post"] for tile in tiles]
    busy: set[int] = set()
    for tile, start in zip(tiles, run.starts, strict=True):
        busy |= set(range(start + 1, start + timing.matmul_occupancy(rows_of(tile), dim, tile["transpose_a"])))
    assert {cycle for cycle in run.occupied if cycle not in run.starts} == busy


def intervals(machine: Machine, tiles: Sequence[Instruction]) -> list[int]:
    """Cycles from each tile's start to the next one's, back to back."""
    keys = ("d", "d_stride0", "d_stride1", "d_stride2", "count0", "count1")
    return [
        timing.matmul_interval(
            rows_of(one), machine.dim, one["transpose_a"], machine.pipeline.accumulate, other["accumulate"],
            int(all(one[key] == other[key] for key in keys)),
        )
        for one, other in itertools.pairwise(tiles)
    ]  # fmt: skip


def run_tiles(machine: Machine, tiles: Sequence[Instruction], seed: int, pause: int = 0) -> tuple[Run, Memories]:
    """Run tiles on the unit, and compare accumulators with the plain model's."""
    rng = random.Random(seed)
    memories = random_memories(machine, rng)
    model = Memories(machine, bytearray(memories.scratchpad), bytearray(memories.accumulator))
    run = drive(MatrixUnit(machine), 3, memories, tiles, lambda _: rng.randint(0, pause))
    for tile in tiles:
        interpret(tile, model)
    assert memories.accumulator == model.accumulator
    check_timing(machine, tiles, run, memories)
    return run, memories


@pytest.mark.parametrize("name", MACHINES)
def test_tiles_back_to_back(name: str) -> None:
    machine, rng = MACHINES[name], random.Random(name)
    tiles = [random_tile(machine, rng) for _ in range(8)]
    run, _ = run_tiles(machine, tiles, 1)
    assert [b - a for a, b in itertools.pairwise(run.starts)] == intervals(machine, tiles)


def test_every_transposition_of_both_types() -> None:
    rng = random.Random(2)
    kinds = list(itertools.product((0, 1), repeat=3))
    rng.shuffle(kinds)
    run_tiles(NANO, [random_tile(NANO, rng, transpose_a=a, transpose_w=w, type=t) for a, w, t in kinds], 5)


def test_pauses_between_tiles() -> None:
    rng = random.Random(9)
    run_tiles(NANO, [random_tile(NANO, rng) for _ in range(8)], 9, pause=30)


@pytest.mark.smoke
def test_accumulating_over_and_over() -> None:
    """Sums over a long depth: tiles with one destination, as short as they may be."""
    machine = dataclasses.replace(NANO, pipeline=Pipeline(mac=1, accumulate=9))
    rng = random.Random(4)
    shape = {"count0": 3, "count1": 1, "count2": 1, "transpose_a": 0}
    shape |= {"d_stride0": machine.row_bytes, "d_stride1": 0, "d_stride2": 0}
    tiles = [random_tile(machine, rng, 0, accumulate=int(i > 0), type=i % 2, **shape) for i in range(5)]
    run, _ = run_tiles(machine, tiles, 4)
    assert [b - a for a, b in itertools.pairwise(run.starts)] == [11] * 4
    assert len(run.hazards) == 4 * (11 - machine.dim)
