"""What a program computes: its instructions one after the other by start cycle, bit-exact (``docs/arithmetic.md``).

In a program without data races an instruction that needs another's result starts after it retired, so that this order
has the effect of the machine's overlapped execution.
"""

from __future__ import annotations

from weft.isa.elements import ELEMENT, ELEMENTS
from weft.isa.encoding import columns
from weft.isa.instructions import ACCUMULATOR_BIT, MATMUL_TYPES
from weft.sim.fast.calls import ADD, READ, TILE
from weft.sim.fast.jit import inline, kernel
from weft.sim.fast.passes import run_pass
from weft.sim.fast.places import ACCUMULATOR, DRAM, LINE, PITCH, SCRATCHPAD, SUMS, TILE_ROWS, A, W
from weft.sim.fast.raw import call, copy, load, put
from weft.sim.fast.records import Ints
from weft.sim.fast.stream import LOAD, MATMUL, STORE, VECTOR

_T, _M = columns("load"), columns("matmul")
_BYTES, _COUNT0, _COUNT1, _COUNT2 = (_T[name] for name in ("bytes", "count0", "count1", "count2"))
_DRAM_STRIDE, _LOCAL_STRIDE = _T["dram_stride0"], _T["local_stride0"]
_TYPE, _ACCUMULATE, _TRANSPOSE_A, _TRANSPOSE_W, _ROWS0, _ROWS1, _ROWS2, _K, _N, _A_STRIDE, _W_STRIDE, _D_STRIDE = (
    _M[name]
    for name in (
        "type", "accumulate", "transpose_a", "transpose_w", "count0", "count1", "count2", "k", "n",
        "a_stride0", "w_stride", "d_stride0",
    )
)  # fmt: skip
_ELEMENT = tuple(ELEMENTS.index(name) for name in MATMUL_TYPES)
_BYTES_OF = tuple(ELEMENT[name].bytes for name in MATMUL_TYPES)


@inline
def _transfer(places: Ints, fields: Ints, dram: int, local: int, load: bool) -> None:
    chip = places[ACCUMULATOR] if local & ACCUMULATOR_BIT else places[SCRATCHPAD]
    chip += local & (ACCUMULATOR_BIT - 1)
    dram += places[DRAM]
    for i2 in range(fields[_COUNT2]):
        for i1 in range(fields[_COUNT1]):
            for i0 in range(fields[_COUNT0]):
                far = dram + i0 * fields[_DRAM_STRIDE] + i1 * fields[_DRAM_STRIDE + 1] + i2 * fields[_DRAM_STRIDE + 2]
                near = chip + i0 * fields[_LOCAL_STRIDE] + i1 * fields[_LOCAL_STRIDE + 1]
                near += i2 * fields[_LOCAL_STRIDE + 2]
                copy(near if load else far, far if load else near, fields[_BYTES])


@inline
def _column(read: int, places: Ints, source: int, count: int, target: int) -> None:
    """``count`` elements in a row at ``source`` become a column of words at ``target``."""
    line, pitch = places[LINE], places[PITCH]
    call(read, (line, source, count))
    for i in range(count):
        put(target + i * pitch, load(line + 4 * i))


@inline
def _row(fields: Ints, strides: Ints, row: int) -> int:
    """Byte offset of a tile's row; ``strides``: fields from the innermost of its three strides on."""
    outer = row // fields[_ROWS0]
    offset: int = (
        row % fields[_ROWS0] * strides[0] + outer % fields[_ROWS1] * strides[1] + outer // fields[_ROWS1] * strides[2]
    )
    return offset


@inline
def _operands(read: int, places: Ints, fields: Ints, a: int, w: int, row: int, rows: int, size: int) -> None:
    """Rows ``row`` to ``row + rows`` of the operand at ``a`` and, with the first, the weights at ``w``, as words."""
    pitch, n, k = places[PITCH], fields[_N], fields[_K]
    if row == 0:
        for line in range(n if fields[_TRANSPOSE_W] else k):
            source = w + line * fields[_W_STRIDE]
            if fields[_TRANSPOSE_W]:
                _column(read, places, source, k, places[W] + 4 * line)
            else:
                call(read, (places[W] + line * pitch, source, n))
    if fields[_TRANSPOSE_A]:
        for i in range(k):
            _column(read, places, a + i * fields[_A_STRIDE] + size * row, rows, places[A] + 4 * i)
    else:
        for r in range(rows):
            call(read, (places[A] + r * pitch, a + _row(fields, fields[_A_STRIDE:], row + r), k))


@inline
def _tile(calls: Ints, places: Ints, fields: Ints, a: int, w: int, d: int) -> None:
    """One matrix instruction; ``a``, ``w``, ``d``: byte offsets in their memories."""
    kind, n, pitch = fields[_TYPE], fields[_N], places[PITCH]
    total = fields[_ROWS0] * fields[_ROWS1] * fields[_ROWS2]
    a, w, d = a + places[SCRATCHPAD], w + places[SCRATCHPAD], d + places[ACCUMULATOR]
    for row in range(0, total, TILE_ROWS):
        rows = min(TILE_ROWS, total - row)
        _operands(calls[READ + _ELEMENT[kind]], places, fields, a, w, row, rows, _BYTES_OF[kind])
        call(calls[TILE + kind], (places[A], places[W], places[SUMS], pitch, rows, n, fields[_K]))
        for r in range(rows):
            target, sums = d + _row(fields, fields[_D_STRIDE:], row + r), places[SUMS] + r * pitch
            if fields[_ACCUMULATE]:
                call(calls[ADD + kind], (target, sums, n))
            else:
                copy(target, sums, 4 * n)


@kernel
def execute(
    calls: Ints, places: Ints, dim: int, table: Ints, pc: Ints, address: Ints, order: Ints, offset: Ints
) -> None:
    """Execute the instructions ``order``, positions in the dynamic stream (``sim.fast.stream``).

    ``calls``: ``sim.fast.calls.calls_of`` the program; ``places``: ``sim.fast.places``; ``offset``: room for 4. The
    program must be valid: nothing here checks where operands lie.
    """
    for n in order:
        fields = table[pc[n]]
        opcode = fields[0]
        if opcode == LOAD or opcode == STORE:  # noqa: SIM109 (`in` takes longer to compile)
            _transfer(places, fields, address[n, 0], address[n, 1], opcode == LOAD)
            continue
        for slot in range(4):
            offset[slot] = address[n, slot] & (ACCUMULATOR_BIT - 1)
        if opcode == MATMUL:
            _tile(calls, places, fields, offset[0], offset[1], offset[2])
        elif opcode == VECTOR:
            run_pass(calls, places, dim, fields, offset)
