"""Sums of products named by letters, ``einsum("bij,bjk->bik", a, b)``, as permutations, products and sums."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weft.framework.dtypes import result_type
from weft.framework.errors import ShapeError
from weft.framework.linalg import diagonal
from weft.framework.operators import matmul, operand
from weft.framework.origin import user_line
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

Named = tuple["Tensor", str]
"""A tensor and a letter for each of its axes."""


def einsum(equation: str, *operands: Operand) -> Tensor:
    """The sum of products over every letter that is not in the result.

    equation: letters for the axes of each operand, ``->`` and those of the result; without it the result has the
    letters that stand once, in alphabetical order. A letter that stands twice in an operand means its diagonal, and
    ``...`` all axes that have no letter, broadcast. Operands are contracted from the left. Raises ShapeError.
    """
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    tensors = [operand("einsum", value) for value in given]
    named, result = _parsed(equation, tensors)
    _check_extents(equation, named)
    terms = [_without_repeats(t, letters) for t, letters in named]
    total = _summed(*terms[0], _wanted(result, terms[1:]))
    for i, term in enumerate(terms[1:], 2):
        total = _contracted(total, term, _wanted(result, terms[i:]))
    tensor, letters = total
    return tensor.permute([letters.index(letter) for letter in result])


def _parsed(equation: str, tensors: Sequence[Tensor]) -> tuple[list[Named], str]:
    """Each tensor with letters for all its axes, and the letters of the result; dots become letters of their own."""
    if not isinstance(equation, str):
        raise ShapeError(f"{user_line()}: einsum takes an equation such as 'ij,jk->ik' first")
    left, arrow, result = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise ShapeError(f"{user_line()}: einsum: {equation!r} is of {len(parts)} operands, not {len(tensors)}")
    for part in (*parts, result):
        plain = part.replace("...", "", 1)
        if any(letter not in string.ascii_letters for letter in plain):
            raise ShapeError(f"{user_line()}: einsum: {part!r} in {equation!r} has more than letters and one '...'")
    hidden = [t.ndim - len(p.replace("...", "")) for t, p in zip(tensors, parts, strict=True)]
    most = max((n for n, p in zip(hidden, parts, strict=True) if "..." in p), default=0)
    spare = list(map(chr, range(0x3B1, 0x3B1 + max(most, 0))))  # letters that no equation has
    named = []
    for tensor, part, unnamed in zip(tensors, parts, hidden, strict=True):
        if unnamed < 0 or (unnamed and "..." not in part):
            raise ShapeError(f"{user_line()}: einsum: {part!r} names the axes of {list(tensor.shape)}")
        named.append((tensor, part.replace("...", "".join(spare[len(spare) - unnamed :]))))
    if not arrow:
        letters = "".join(p for _, p in named)
        once = sorted(letter for letter in set(letters) - set(spare) if letters.count(letter) == 1)
        return named, "".join((*spare, *once))
    result = result.replace("...", "".join(spare))
    known = {letter for _, letters in named for letter in letters}
    if len(set(result)) < len(result) or not set(result) <= known:
        raise ShapeError(
            f"{user_line()}: einsum: the result of {equation!r} takes each letter of the operands at most once"
        )
    return named, result


def _check_extents(equation: str, named: Sequence[Named]) -> None:
    extents: dict[str, int] = {}
    for tensor, letters in named:
        for letter, extent in zip(letters, tensor.shape, strict=True):
            have = extents.get(letter, 1)
            if 1 not in (have, extent) and have != extent:
                raise ShapeError(f"{user_line()}: einsum: {letter!r} in {equation!r} is {have} and {extent}")
            extents[letter] = max(have, extent) if 0 not in (have, extent) else 0


def _without_repeats(tensor: Tensor, letters: str) -> Named:
    """The diagonal over every letter that stands twice."""
    while (twice := next((letter for letter in letters if letters.count(letter) > 1), None)) is not None:
        first = letters.index(twice)
        second = letters.index(twice, first + 1)
        tensor = diagonal(tensor, 0, first, second)
        letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + twice
    return tensor, letters


def _wanted(result: str, later: Sequence[Named]) -> set[str]:
    return {*result, *(letter for _, letters in later for letter in letters)}


def _summed(tensor: Tensor, letters: str, wanted: set[str]) -> Named:
    """Summed over every letter that nobody needs any more."""
    over = [d for d, letter in enumerate(letters) if letter not in wanted]
    if not over:
        return tensor, letters
    return tensor.sum(over, dtype=tensor.dtype), "".join(letter for letter in letters if letter in wanted)


def _contracted(first: Named, second: Named, wanted: set[str]) -> Named:
    """The product of two terms, summed over what is not ``wanted``: one matrix product for each batch."""
    a, left = _summed(*first, wanted | set(second[1]))
    b, right = _summed(*second, wanted | set(first[1]))
    a, b = _as_wide(a, left, b, right), _as_wide(b, right, a, left)
    batch = [letter for letter in left if letter in right and letter in wanted]
    inner = [letter for letter in left if letter in right and letter not in wanted]
    rows, columns = ([x for x in own if x not in other] for own, other in ((left, right), (right, left)))
    extents = dict(zip(left + right, a.shape + b.shape, strict=True))
    around, n, k, m = ([extents[x] for x in group] for group in (batch, rows, inner, columns))
    x = a.permute([left.index(letter) for letter in (*batch, *rows, *inner)])
    y = b.permute([right.index(letter) for letter in (*batch, *inner, *columns)])
    x = x.reshape((*around, math.prod(n), math.prod(k)))
    y = y.reshape((*around, math.prod(k), math.prod(m)))
    dtype = result_type([(a.dtype, "dimensioned"), (b.dtype, "dimensioned")])
    if inner and dtype.is_float:
        product = matmul(x, y)
    else:
        terms = x.unsqueeze(-1) * y.unsqueeze(-3)
        product = terms.sum(-2, dtype=dtype) if inner else terms.squeeze(-2)
    return product.reshape((*around, *n, *m)), "".join((*batch, *rows, *columns))


def _as_wide(tensor: Tensor, letters: str, other: Tensor, others: str) -> Tensor:
    """``tensor`` repeated along the axes where it has one element and ``other`` more."""
    extents = dict(zip(others, other.shape, strict=True))
    shape = tuple(extents.get(x, 1) if n == 1 else n for x, n in zip(letters, tensor.shape, strict=True))
    return tensor if shape == tensor.shape else tensor.expand(shape)
