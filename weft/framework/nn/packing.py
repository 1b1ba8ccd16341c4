"""Sequences of several lengths as one tensor: the steps of all that have a first one, then of all with a second one, …

As ``torch.nn.utils.rnn`` has it: longer sequences come first, so that every step is of the first so many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from weft.framework.axes import real, whole
from weft.framework.device import host
from weft.framework.dtypes import int64
from weft.framework.errors import OptionError, ShapeError, TraceError
from weft.framework.nn.functional.taking import stacked, taken
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences packed.

    data: [steps, …] of all. batch_sizes: int64 [length], how many sequences have each step. sorted_indices: the
    sequences from the longest on, None if they are as they were given. unsorted_indices: its inverse.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *target: Any, **options: Any) -> PackedSequence:
        """The data as another element type or on another device."""
        return self._replace(data=self.data.to(*target, **options))


def known(what: str, numbers: Any) -> Array:
    """int64 [n] of a list or a tensor. Raises ShapeError, and TraceError for numbers that a step computes or is given.
    """
    if isinstance(numbers, Tensor):
        value = numbers._expr.value
        if value is None and numbers._expr.trace is not None:
            raise TraceError(
                f"{user_line()}: {what} decide about shapes, so a jitted function is given them as Python numbers; or "
                "pack before it is called, and give it padded sequences with a mask"
            )
        numbers = numbers.numpy() if value is None else host(value)
    found = np.asarray(numbers)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ShapeError(f"{user_line()}: {what} are integers, one for each sequence, not {list(found.shape)}")
    return found.astype(np.int64)


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences [length, …] as one: [longest, sequences, …], or the sequences first, with padding behind (or before)
    the shorter ones. Raises ShapeError for sequences that differ beyond their lengths."""
    given, value = _listed("pad_sequence", sequences), real(padding_value, "padding_value")
    if padding_side not in ("right", "left"):
        raise OptionError(f"{user_line()}: padding_side is 'right' or 'left', not {padding_side!r}")
    from weft.framework.nn.functional.padding import pad

    longest, rest = max(x.shape[0] for x in given), (0, 0) * (given[0].ndim - 1)

    def padded(x: Tensor) -> Tensor:
        more = longest - x.shape[0]
        return pad(x, (*rest, *((0, more) if padding_side == "right" else (more, 0))), value=value)

    return stacked([padded(x) if x.shape[0] < longest else x for x in given], 0 if batch_first else 1)


def _listed(name: str, sequences: Any) -> list[Tensor]:
    given = list(sequences) if isinstance(sequences, list | tuple) else []
    if not given or not all(isinstance(x, Tensor) and x.ndim for x in given):
        raise OptionError(f"{user_line()}: {name} takes a list of one sequence or more, tensors [length, ...]")
    if len({(x.shape[1:], x.dtype.name) for x in given}) > 1:
        shown = ", ".join(f"{x.dtype}{list(x.shape)}" for x in given)
        raise ShapeError(f"{user_line()}: {name}: sequences differ in their first extent alone, not {shown}")
    return given


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences that ``pad_sequence`` made one of, given their lengths."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [rows[i, : int(n)] for i, n in enumerate(_fitting("unpad_sequence", lengths, rows))]


def _fitting(name: str, lengths: Any, rows: Tensor) -> Array:
    """Lengths for padded ``rows`` [sequences, longest, …]. Raises ShapeError."""
    if rows.ndim < 2:
        raise ShapeError(f"{user_line()}: {name} takes sequences and their steps, not {list(rows.shape)}")
    numbers = known("lengths", lengths)
    if len(numbers) != rows.shape[0] or (numbers < 0).any() or (numbers > rows.shape[1]).any():
        raise ShapeError(
            f"{user_line()}: {name}: {rows.shape[0]} sequences of up to {rows.shape[1]} steps have not the lengths "
            f"{numbers.tolist()}"[:300]
        )
    return numbers


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """[longest, sequences, …] (or the sequences first), of which each has as many steps as ``lengths`` says, packed.

    enforce_sorted: they are given from the longest on; False sorts them. Raises ShapeError, and FrameworkError for an
    empty sequence and for unsorted lengths.
    """
    rows = input if batch_first else input.transpose(0, 1)
    numbers = _fitting("pack_padded_sequence", lengths, rows)
    if not numbers.size or numbers.min() < 1:
        raise OptionError(f"{user_line()}: a packed sequence has one step or more; lengths: {numbers.tolist()}")
    order = np.argsort(-numbers, kind="stable")
    if enforce_sorted and (np.diff(numbers) > 0).any():
        raise OptionError(
            f"{user_line()}: lengths do not rise from sequence to sequence ({numbers.tolist()}); sort them, or give "
            "enforce_sorted=False"
        )
    order = np.arange(len(numbers)) if enforce_sorted else order
    sizes = (numbers[None, :] > np.arange(numbers.max())[:, None]).sum(1)
    places = np.concatenate([order[:n] * rows.shape[1] + t for t, n in enumerate(sizes)])
    data = taken(rows.reshape(rows.shape[0] * rows.shape[1], *rows.shape[2:]), places, 0)
    if enforce_sorted:
        return PackedSequence(data, Tensor(sizes, int64))
    return PackedSequence(data, Tensor(sizes, int64), Tensor(order, int64), Tensor(np.argsort(order), int64))


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences [length, …] packed; see ``pack_padded_sequence``."""
    given = _listed("pack_sequence", sequences)
    return pack_padded_sequence(pad_sequence(given), [x.shape[0] for x in given], enforce_sorted=enforce_sorted)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """[longest, sequences, …] (or the sequences first) in the order that was packed, and their lengths, int64.

    total_length: of the result, at least the longest. Raises FrameworkError.
    """
    sizes = known("batch_sizes", sequence.batch_sizes)
    length = len(sizes) if total_length is None else whole(total_length, "total_length")
    if length < len(sizes):
        raise OptionError(f"{user_line()}: total_length {length} is shorter than the longest of {len(sizes)} steps")
    places, there = _places(sizes)
    order = slice(None) if sequence.unsorted_indices is None else known("indices", sequence.unsorted_indices)
    places, there = (np.pad(a, ((0, length - len(sizes)), (0, 0)))[:, order] for a in (places, there))
    padded = _spread(sequence.data, places, there, real(padding_value, "padding_value"))
    return padded.transpose(0, 1) if batch_first else padded, Tensor(there.sum(0), int64)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that ``pack_sequence`` packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number stands in a permutation of them, int64; None of None."""
    return None if permutation is None else Tensor(np.argsort(known("a permutation", permutation)), int64)


def _places(sizes: Array) -> tuple[Array, Array]:
    """[length, sequences]: where a step lies in the packed data, and whether there is such a step."""
    there = np.arange(sizes.max(initial=0))[None, :] < sizes[:, None]
    return np.where(there, (np.cumsum(sizes) - sizes)[:, None] + np.arange(there.shape[1])[None, :], 0), there


def _spread(data: Tensor, places: Array, there: Array, value: float) -> Tensor:
    from weft.framework.functional import where

    rows = taken(data, places.ravel(), 0)
    kept = Tensor(there.ravel()).reshape(there.size, *(1,) * (data.ndim - 1))
    return where(kept, rows, value).reshape(*there.shape, *data.shape[1:])


def unpacked(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """[length, sequences, …] from the longest on, and whether each has a step: bool [length, sequences]."""
    places, there = _places(known("batch_sizes", packed.batch_sizes))
    return _spread(packed.data, places, there, 0.0), Tensor(there)


def repacked(results: Tensor, like: PackedSequence) -> PackedSequence:
    """[length, sequences, …] from the longest on, packed as ``like`` is."""
    _, there = _places(known("batch_sizes", like.batch_sizes))
    flat = results.reshape(there.size, *results.shape[2:])
    return like._replace(data=taken(flat, np.flatnonzero(there.ravel()), 0))
