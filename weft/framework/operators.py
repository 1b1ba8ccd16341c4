"""The tensor's operators and methods: promotion and broadcasting made explicit, then one primitive each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weft.framework.autocast import casting
from weft.framework.dtypes import (
    DType,
    Rank,
    bfloat16,
    bool_,
    float32,
    int8,
    python_dtype,
    result_type,
)
from weft.framework.errors import DTypeError, ShapeError
from weft.framework.lazy import Expr, applied, apply, constant
from weft.framework.movement import Movement
from weft.framework.operations import MOST
from weft.framework.origin import here, user_line
from weft.framework.primitives.base import Shape
from weft.framework.primitives.contraction import ACCUMULATION
from weft.framework.versions import keeps_result, version_of
from weft.framework.writing import Operand, Writing

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def broadcast(op: str, shapes: Sequence[Shape]) -> Shape:
    """The shape that all ``shapes`` broadcast to. Raises ShapeError at the user's line, naming them."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(str(list(s)) for s in shapes)
        raise ShapeError(
            f"{user_line()}: {op}: shapes {shown} do not broadcast: from the right, extents must be equal or 1"
        ) from None


def expand(e: Expr, shape: Shape) -> Expr:
    """``e`` repeated to ``shape``."""
    if e.shape == shape:
        return e
    made = apply("broadcast_to", e, shape=shape)
    made.version = version_of(e)
    return made


def cast(e: Expr, dtype: DType) -> Expr:
    """``e`` as ``dtype``."""
    return e if e.dtype == dtype else apply("cast", e, dtype=dtype.name)


def elementwise(
    op: str, first: TensorOperators, *operands: Any, floats: bool = False, leading: Sequence[Tensor] = ()
) -> Tensor:
    """``op`` on tensors and numbers, promoted and broadcast together.

    A number, or a zero-dimensional float32, is not rounded to the bfloat16 of the result: what computes (rather than
    chooses or compares) does so in float32 and rounds once. Of bools, + is or and * is and, as in torch.

    floats: integers become float32. leading: operands put in front that are broadcast but not promoted.
    """
    given: list[Any] = [
        x._read() if isinstance(x, TensorOperators) else x if type(x) in _NUMBERS else first._operand_read(x)
        for x in operands
    ]
    ahead = [t._read() for t in leading]
    key = op, floats, *[e.type for e in ahead], *[e.type if isinstance(e, Expr) else type(e) for e in given]
    way = _WAYS.get(key)
    if way is None:
        way = _way(op, floats, ahead, given)
        if len(_WAYS) >= MOST:
            _WAYS.clear()
        _WAYS[key] = way
    where, taken, shape = here(), way.taken, way.shape
    expressions = ahead
    for e in given:
        if not isinstance(e, Expr):
            e = constant(e, taken)
        elif e.dtype is not taken:
            e = applied("cast", (e,), {"dtype": taken.name}, where)
        expressions.append(e)
    for k, e in enumerate(expressions):
        if e.shape != shape:
            expressions[k] = applied("broadcast_to", (e,), {"shape": shape}, where)
    result = applied(way.op, tuple(expressions), {}, where)
    return first._of(result if way.rounded is None else cast(result, way.rounded))


class _Way(NamedTuple):
    """How an elementwise operation goes: on operands of one dtype and shape, the result rounded to another, if any."""

    op: str
    taken: DType
    shape: Shape
    rounded: DType | None


_WAYS: dict[tuple[Any, ...], _Way] = {}
"""By op, whether it makes floats, and the operands' types: at most as many as ``MOST``."""
_NUMBERS = frozenset({bool, int, float})


def _way(op: str, floats: bool, leading: Sequence[Expr], given: Sequence[Any]) -> _Way:
    ranked: list[tuple[DType, Rank]] = [
        (x.dtype, "dimensioned" if x.shape else "zero-dimensional") if isinstance(x, Expr)
        else (python_dtype(x), "python")
        for x in given
    ]
    dtype = result_type(ranked)
    dtype = float32 if floats and not dtype.is_float else dtype
    wide = dtype is bfloat16 and op in _COMPUTES and any(r == "python" or d is float32 for d, r in ranked)
    name, taken = _on_bools(op) if dtype is bool_ else (op, float32 if wide else dtype)
    shape = broadcast(name, [e.shape if isinstance(e, Expr) else () for e in (*leading, *given)])
    return _Way(name, taken, shape, dtype if wide else None)


_COMPUTES = frozenset({"add", "sub", "mul", "div", "pow", "atan2", "rem"})
"""Operations whose result need not be one of their operands."""
_LOGIC = {"add": "or", "mul": "and", "maximum": "or", "minimum": "and"}


def _on_bools(op: str) -> tuple[str, DType]:
    """What ``op`` on bools is, and the type that it takes them as. Raises DTypeError for a difference."""
    if op in ("sub", "neg"):
        instead = "a != b" if op == "sub" else "~a"
        raise DTypeError(f"{user_line()}: {op}: there is no {op} of bools; write {instead}, or .int() first")
    return _LOGIC.get(op, op), int8 if op in ("lt", "le", "gt", "ge") else bool_


def operand(function: str, value: Operand) -> Tensor:
    """``value`` as the tensor that ``function`` takes; arrays become one. Raises DTypeError naming the function."""
    given: Any = value
    if not isinstance(given, TensorOperators):
        if given is None or not isinstance(given, np.ndarray | np.generic | list | tuple | bool | int | float):
            shown = "None" if given is None else f"a {type(given).__name__}"
            raise DTypeError(f"{user_line()}: {function} was given {shown}; give a tensor or an array")
        given = TensorOperators._tensor(given)
    tensor: Tensor = given
    return tensor


def _binary(op: str, floats: bool = False) -> Callable[[Any, Operand], Tensor]:
    """A method, and a function of which one operand at least is a tensor or an array."""

    def method(self: Any, other: Operand) -> Tensor:
        first: Any = self if isinstance(self, TensorOperators) else other
        first = first if isinstance(first, TensorOperators) else operand(op, self)
        return elementwise(op, first, self, other, floats=floats)

    return method


_product = _binary("mul")


def _scaled(op: str) -> Callable[..., Tensor]:
    """As ``_binary``, the second operand first multiplied by ``alpha``."""
    plain = _binary(op)

    def method(self: Any, other: Operand, *, alpha: float = 1) -> Tensor:
        scaled: Any = other if isinstance(alpha, int) and alpha == 1 else _product(other, alpha)
        return plain(self, scaled)

    return method


def _reflected(op: str, floats: bool = False) -> Callable[[Any, Operand], Tensor]:
    def method(self: Any, other: Operand) -> Tensor:
        return elementwise(op, self, other, self, floats=floats)

    return method


def _unary(op: str, floats: bool = False) -> Callable[[Any], Tensor]:
    def method(self: Any) -> Tensor:
        x: TensorOperators = operand(op, self)
        return elementwise(op, x, x, floats=floats)

    return method


class TensorOperators(Movement, Writing):
    """Everything a tensor can do that is one primitive or a few."""

    shape: Any
    dtype: Any
    _read: Callable[[], Expr]
    to: Callable[..., Tensor]
    _of: Callable[[Expr], Tensor]

    __add__, __radd__ = _binary("add"), _reflected("add")
    __sub__, __rsub__ = _binary("sub"), _reflected("sub")
    __mul__, __rmul__ = _binary("mul"), _reflected("mul")
    __truediv__, __rtruediv__ = _binary("div", True), _reflected("div", True)
    __lt__, __le__, __gt__, __ge__ = _binary("lt"), _binary("le"), _binary("gt"), _binary("ge")
    __and__, __or__, __invert__ = _binary("and"), _binary("or"), _unary("not")
    __xor__, __rand__, __ror__, __rxor__ = _binary("xor"), _reflected("and"), _reflected("or"), _reflected("xor")
    __lshift__, __rshift__ = _binary("shift_left"), _binary("shift_right")
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = __and__, __or__, __xor__, __invert__
    __hash__ = object.__hash__
    __neg__, __abs__, maximum, minimum = _unary("neg"), _unary("abs"), _binary("maximum"), _binary("minimum")
    exp, expm1, log, log1p = (_unary(name, True) for name in ("exp", "expm1", "log", "log1p"))
    sqrt, reciprocal, erf, sin, cos = (_unary(name, True) for name in ("sqrt", "reciprocal", "erf", "sin", "cos"))
    atan2 = _binary("atan2", True)
    sigmoid, tanh, softplus = (_unary(name, True) for name in ("sigmoid", "tanh", "softplus"))
    add, sub = _scaled("add"), _scaled("sub")
    mul, div, neg, abs = __mul__, __truediv__, __neg__, __abs__
    lt, le, gt, ge = __lt__, __le__, __gt__, __ge__

    def __pos__(self) -> Any:
        """The tensor itself, as torch's ``+x``."""
        return self

    def __eq__(self, other: Operand) -> Tensor:  # type: ignore[override]  # a tensor of bools, where object has a bool
        return elementwise("eq", self, self, other)

    def __ne__(self, other: Operand) -> Tensor:  # type: ignore[override]  # as __eq__
        return elementwise("ne", self, self, other)

    eq, ne = __eq__, __ne__

    def _operand_read(self, other: Any) -> Any:
        """What ``_like`` gives, a tensor's expression for a tensor."""
        found = self._like(other)
        return found._read() if isinstance(found, TensorOperators) else found

    def _like(self, other: Any) -> Any:
        """An operand as a number or a tensor. Raises DTypeError for anything else."""
        if isinstance(other, TensorOperators | bool | int | float):
            return other
        if isinstance(other, np.ndarray | np.generic | list | tuple):
            return type(self)._tensor(other)
        raise DTypeError(f"{user_line()}: cannot compute with a {type(other).__name__}; give a tensor or a number")

    @classmethod
    def _tensor(cls, data: Any) -> Tensor:
        from weft.framework.tensor import Tensor

        return Tensor(data)

    def _apply(self, op: str, **attrs: Any) -> Tensor:
        return self._of(apply(op, self._read(), **attrs))

    @keeps_result
    def relu(self) -> Tensor:
        """max(x, 0), with derivative 0 at 0."""
        return self.maximum(0)

    # Products

    def __matmul__(self, other: Operand) -> Tensor:
        """Matrix product over the last two axes; batch axes broadcast; a vector is a row or a column."""
        return matmul(self, self._as_operand(self._like(other)))

    matmul = __matmul__

    def __rmatmul__(self, other: Operand) -> Tensor:
        return matmul(self._as_operand(self._like(other)), self)


@casting
def matmul(a: TensorOperators, b: TensorOperators) -> Tensor:
    """a @ b as torch has it; bfloat16 and int8 products are summed in float32 and int32.

    float32 and bfloat16 results have the operands' type; int8 products stay int32. Transposed views become flags of
    the product.
    """
    if not a.shape or not b.shape:
        raise ShapeError(f"{user_line()}: matmul: shapes {list(a.shape)} and {list(b.shape)}: no operand may be scalar")
    if len(a.shape) == 1:
        return matmul(a.unsqueeze(0), b).squeeze(-2 if len(b.shape) > 1 else 0)
    if len(b.shape) == 1:
        return matmul(a, b.unsqueeze(1)).squeeze(-1)
    dtype = result_type([(a.dtype, "dimensioned"), (b.dtype, "dimensioned")])
    if dtype.name not in ACCUMULATION or bool_ in (a.dtype, b.dtype):
        raise DTypeError(f"{user_line()}: matmul: no product of {a.dtype} and {b.dtype}; use .to() on one of them")
    left, right = (cast(x._read(), dtype) for x in (a, b))
    batch = broadcast("matmul", [left.shape[:-2], right.shape[:-2]])
    left, right = (expand(e, (*batch, *e.shape[-2:])) for e in (left, right))
    product = apply(
        "matmul", left, right, transpose_a=False, transpose_b=False, accumulate=ACCUMULATION[dtype.name]
    )
    return a._of(cast(product, dtype) if dtype.is_float else product)
