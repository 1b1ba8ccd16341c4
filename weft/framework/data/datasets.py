"""Sets of examples: by number, as a stream, or as the rows of arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from weft.framework.dtypes import as_dtype
from weft.framework.errors import AbstractError, AxisError, ShapeError
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor, stored

if TYPE_CHECKING:
    from weft.framework.data.combining import ChainDataset, ConcatDataset

T_co = TypeVar("T_co", covariant=True)
Take = Callable[[Array], tuple[Any, ...]]
"""The examples with these indices (int64), stacked: one array or tensor for each field."""


class Dataset(Generic[T_co]):
    """Examples by number: subclasses define ``__getitem__``, and ``__len__`` for samplers that need it.

    A subclass may also have ``take(indices)``, which gives many examples at once, stacked: a tuple with one array or
    tensor for each field. A loader without a ``collate_fn`` calls it instead of ``__getitem__``. Or it has
    ``__getitems__(indices)``, which gives a list of examples.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no __getitem__(); define what an example is")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        """The examples of both, one set after the other."""
        from weft.framework.data.combining import ConcatDataset

        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Examples as a stream: subclasses define ``__iter__``, and ``__len__`` if it is known.

    In a loader with workers each worker goes through a copy of its own; ``get_worker_info`` says which share is its.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no __iter__(); define what the examples are")

    def __add__(self, other: Dataset[Any]) -> ChainDataset[Any]:  # type: ignore[override]  # as torch has it
        """The examples of both, one stream after the other."""
        from weft.framework.data.combining import ChainDataset

        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Arrays or tensors with equally many rows; example i is row i of each. Raises ShapeError."""

    def __init__(self, *fields: Any) -> None:
        self.fields = tuple(f.numpy() if isinstance(f, Tensor) else stored(f, None) for f in fields)
        shapes = [f.shape for f in self.fields]
        if not shapes or any(not s or s[0] != shapes[0][0] for s in shapes):
            raise ShapeError(f"{user_line()}: the fields need equally many rows, not {list(map(list, shapes))}")

    def __len__(self) -> int:
        return len(self.fields[0])

    def __repr__(self) -> str:
        fields = ", ".join(f"{f.dtype.name}{list(f.shape[1:])}" for f in self.fields)
        return f"TensorDataset({len(self):,} examples of {fields})"

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        """The row of each field, or the rows of a slice, list or array of numbers. Raises AxisError."""
        try:
            if hasattr(index, "__index__") and not isinstance(index, Tensor | np.ndarray):
                return tuple(field[0] for field in self.take(np.array([operator.index(index)])))
            if isinstance(index, slice):
                return self.take(index)
            places = np.asarray(index.numpy() if isinstance(index, Tensor) else index)
            return self.take(places if places.size else places.astype(np.int64))
        except (IndexError, ValueError, TypeError):
            rows = len(self)
            raise AxisError(f"{user_line()}: a dataset of {rows} rows is indexed by their numbers") from None

    def take(self, indices: Any) -> tuple[Tensor, ...]:
        """The rows with these indices of each field, of its element type."""
        return tuple(Tensor(f[indices], dtype=as_dtype(f.dtype)) for f in self.fields)


def taker(dataset: Any) -> Take | None:
    """How to take many examples of a data set at once; None if it gives them one by one only.

    A subclass that changes ``__getitem__`` alone is asked through that, not through the ``take`` that it inherits; and
    what is called ``take`` elsewhere may mean something else.
    """
    kinds = type(dataset).__mro__
    where = {name: next((i for i, k in enumerate(kinds) if name in vars(k)), None) for name in ("take", "__getitem__")}
    take, item = where["take"], where["__getitem__"]
    if take is None or (item is not None and (item < take or not isinstance(dataset, Dataset))):
        return None
    found: Take | None = dataset.take
    return found


def many(dataset: Any, indices: list[Any]) -> list[Any] | None:
    """The examples with these indices by ``__getitems__``; None for a data set that has no such method."""
    method = getattr(dataset, "__getitems__", None)
    if method is None:
        return None
    found: list[Any] = method(indices)
    return found


def is_stream(dataset: Any) -> bool:
    """Whether a data set is one that is gone through, not asked by number."""
    return isinstance(dataset, IterableDataset)


def title(dataset: Any) -> str:
    """What messages call a data set: ``Subset of Squares``."""
    name, inner = type(dataset).__name__, getattr(dataset, "dataset", None)
    return f"{name} of {title(inner)}" if isinstance(inner, Dataset) else name


def listed(datasets: Iterable[Any], what: str) -> list[Any]:
    """Data sets as a list. Raises ShapeError for none, and for what is no collection of them."""
    try:
        found = list(datasets)
    except TypeError:
        raise ShapeError(f"{user_line()}: {what} takes a list of data sets, not a {type(datasets).__name__}") from None
    if not found:
        raise ShapeError(f"{user_line()}: {what} needs at least one data set")
    return found
