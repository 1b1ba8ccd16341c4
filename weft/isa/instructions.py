"""The instruction table: every instruction of the machine, its fields, meaning and timing rule."""

from __future__ import annotations

from weft.isa.elements import ELEMENTS
from weft.isa.fields import LOOP_LEVELS, Field, FieldKind, Spec
from weft.isa.vector_ops import PLACES, SOURCES

UNITS = ("load", "matrix", "vector", "store")
"""Units with an instruction queue. ``dispatch`` executes control instructions itself."""

MATMUL_TYPES = ("bf16", "int8")
LOCAL_BITS = 25
ACCUMULATOR_BIT = 1 << (LOCAL_BITS - 1)
"""Set in a local address that points into the accumulator; the lower bits are the byte address there."""


def _local(name: str, doc: str) -> Field:
    return Field(name, LOCAL_BITS, doc, FieldKind.LOCAL)


def _stride(name: str, width: int, doc: str) -> Field:
    return Field(name, width, doc, FieldKind.STRIDE, signed=True, default=0)


def _count(name: str, width: int, doc: str, high: int | None = None) -> Field:
    return Field(name, width, doc, low=1, high=high, default=1, bias=1)


def _increments(name: str, width: int) -> tuple[Field, ...]:
    return tuple(
        _stride(f"{name}_inc{level}", width, f"added to {name} per iteration of the loop at depth {level}")
        for level in range(LOOP_LEVELS)
    )


def _choice(name: str, width: int, choices: tuple[str, ...], doc: str, default: int | None = 0) -> Field:
    return Field(name, width, doc, FieldKind.CHOICE, default=default, choices=choices)


def _operation(name: str, width: int, doc: str) -> Field:
    return _choice(name, width, tuple(op.name for op in PLACES[name]), doc)


_TRANSFER = (
    Field("dram", 32, "first DRAM byte; a multiple of the bus width", FieldKind.DRAM),
    _local("local", "first on-chip byte; a multiple of the bus width"),
    Field("bytes", 16, "contiguous bytes of a row", low=1, bias=1),
    *(_count(f"count{i}", 16, f"iterations of level {i}; level 0 is innermost") for i in range(3)),
    *(_stride(f"dram_stride{i}", 28, f"DRAM step of level {i}") for i in range(3)),
    *(_stride(f"local_stride{i}", 20, f"on-chip step of level {i}") for i in range(3)),
    *_increments("dram", 28),
    *_increments("local", 22),
)

_MATMUL = (
    _choice("type", 3, MATMUL_TYPES, "element type of a and w"),
    _choice("accumulate", 1, ("no", "yes"), "add to the destination instead of overwriting it"),
    _choice("transpose_a", 1, ("no", "yes"), "a is stored [k, rows]; needs count1 = count2 = 1"),
    _choice("transpose_w", 1, ("no", "yes"), "w is stored [n, k]"),
    _count("count0", 12, "rows of level 0 (innermost)"),
    _count("count1", 8, "iterations of level 1"),
    _count("count2", 8, "iterations of level 2"),
    _count("k", 8, "depth of the product, at most DIM", high=128),
    _count("n", 8, "columns of the product, at most DIM", high=128),
    _local("a", "streamed operand, in the scratchpad"),
    *(_stride(f"a_stride{i}", 20, f"step of a at row level {i} (transposed: stride0 steps k)") for i in range(3)),
    _local("w", "stationary operand, in the scratchpad"),
    _stride("w_stride", 20, "step between stored rows of w"),
    _local("d", "destination, in the accumulator, row aligned"),
    *(_stride(f"d_stride{i}", 20, f"step of d at row level {i}") for i in range(3)),
    *_increments("a", 22),
    *_increments("w", 22),
    *_increments("d", 22),
)


def _operand(name: str, doc: str) -> tuple[Field, ...]:
    return (
        _local(name, doc),
        _stride(f"{name}_stride0", 20, f"step of {name} at level 0"),
        _stride(f"{name}_stride1", 20, f"step of {name} at level 1"),
        _stride(f"{name}_inc", 22, f"added to {name} per iteration of the loop at depth {name}_level"),
        Field(f"{name}_level", 2, f"the loop depth that moves {name}", high=LOOP_LEVELS - 1, default=0),
    )


_VECTOR = (
    _operation("pre", 5, "operation between x and y"),
    _operation("f", 4, "function of its result"),
    _operation("then", 5, "operation between that and z"),
    _operation("reduce", 3, "reduction of the rows that result"),
    *(_choice(f"{o}_source", 2, SOURCES, f"where {o} comes from") for o in "xyz"),
    *(_choice(f"{o}_type", 2, ELEMENTS, f"how {o} lies in memory") for o in "xyzd"),
    Field("imm", 32, "the bits of the immediate operand", default=0),
    _count("count0", 12, "rows of a block (innermost)"),
    _count("count1", 12, "blocks"),
    _count("lanes", 8, "active lanes, at most DIM", high=128),
    *(
        Field(f.name, f.width, f.doc, f.kind, f.signed, f.low, f.high, 0)
        for o in "xyz"
        for f in _operand(o, f"operand {o}")
    ),
    *_operand("d", "destination"),
)

_NOT_BUILT = "Specified, not built: every tool refuses it."

INSTRUCTIONS = (
    Spec("halt", 0, "dispatch", "Stop the machine.", "Waits until every unit is idle, then halts.",
         "Halts in the first cycle in which it is at dispatch and no unit has an instruction queued or in flight."),
    Spec("loop", 1, "dispatch", "Begin a loop.",
         "The instructions up to the matching `end` run `count` times. Loops nest to depth 3; depth 0 is outermost.",
         "One dispatch cycle.", (Field("count", 16, "iterations", low=1, bias=1),)),
    Spec("end", 2, "dispatch", "End a loop body.", "Next iteration of the innermost open loop, or on past it.",
         "One dispatch cycle, in every iteration."),
    Spec("load", 3, "load", "Copy from DRAM to on-chip memory.",
         "for i2, i1, i0 (i0 fastest): copy `bytes` bytes from dram + sum(i*dram_stride) to "
         "local + sum(i*local_stride).",
         "One burst address a cycle; retires with the write of its last beat.", _TRANSFER),
    Spec("store", 4, "store", "Copy from on-chip memory to DRAM.",
         "for i2, i1, i0 (i0 fastest): copy `bytes` bytes from local + sum(i*local_stride) to "
         "dram + sum(i*dram_stride).",
         "Reads one beat a cycle into two burst buffers; retires on the last response.", _TRANSFER),
    Spec("matmul", 5, "matrix", "One tile of a matrix product.",
         "For each row r = (i2, i1, i0), i0 fastest, and column j < n: s = +0; for i ascending below k: "
         "s = a[r, i] * w[i, j] + s (one rounding); d[r, j] = d[r, j] + s if accumulate else s. "
         "a[r, i] is element i at a + sum(i*a_stride), or transposed element r at a + i*a_stride0; "
         "w[i, j] is element j at w + i*w_stride, or transposed element i at w + j*w_stride.",
         "Occupies the unit for max(rows, DIM) cycles (rows rounded up to DIM when a is transposed).", _MATMUL),
    Spec("vector", 6, "vector", "One pass over rows of lanes.",
         "For each block i1, row i0 (fastest) and lane: reduce(f(x pre y) then z), written to d. "
         "Addresses are base + i0*stride0 + i1*stride1. Reduced over lanes: one element per row at d; "
         "over rows: one row per block at d + i1*d_stride1.",
         "One row every n cycles, n the most operands that read one bank; one pass at a time.", _VECTOR),
    Spec("load_convert", 16, "load", "Load with type conversion and padding.", _NOT_BUILT, "", built=False),
    Spec("load_gather", 17, "load", "Load rows by an index list.", _NOT_BUILT, "", built=False),
    Spec("scatter_add", 18, "load", "Add rows on chip by an index list, in index order.", _NOT_BUILT, "", built=False),
    Spec("store_convert", 19, "store", "Store with requantisation.", _NOT_BUILT, "", built=False),
    Spec("store_scatter", 20, "store", "Store rows by an index list.", _NOT_BUILT, "", built=False),
    Spec("random", 21, "vector", "Threefry-2x32-20 bits by logical index.", _NOT_BUILT, "", built=False),
)

BY_NAME = {spec.name: spec for spec in INSTRUCTIONS}
BY_OPCODE = {spec.opcode: spec for spec in INSTRUCTIONS}
UNITS_OF_CONTROL = "dispatch"
TABLE_COLUMNS = max(len(spec.layout) for spec in INSTRUCTIONS)
"""Width of a decoded instruction table (see ``isa.encoding.decode_table``)."""
