"""The tensor's movements: the same elements under other axes, as views of the tensor that they are taken from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from weft.framework import choosing
from weft.framework.axes import Dims, Extent, axes, axis, extents, permutation, sizes
from weft.framework.errors import ShapeError
from weft.framework.indexing import Index, movements
from weft.framework.origin import user_line
from weft.framework.size import Size

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Movement:
    """What a tensor can do that computes nothing. Every result is a view, which sees later changes of the tensor."""

    shape: Any
    _view: Callable[..., Tensor]

    def reshape(self, *shape: Extent) -> Tensor:
        """The same elements under another shape; one extent may be -1."""
        wanted = list(extents(shape))
        if wanted.count(-1) == 1:
            known, have = -math.prod(wanted), math.prod(self.shape)
            if not known and not have:
                raise ShapeError(f"{user_line()}: reshape: -1 could be any number in {wanted}, which has no elements")
            wanted[wanted.index(-1)] = have // known if known else 0
        return self._view("reshape", shape=tuple(wanted))

    view = reshape

    def flatten(self, start_dim: SupportsIndex = 0, end_dim: SupportsIndex = -1) -> Tensor:
        """Axes from ``start_dim`` to ``end_dim``, both included, as one."""
        first, last = axis(start_dim, self.shape), axis(end_dim, self.shape)
        if first > last:
            raise ShapeError(f"{user_line()}: flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
        kept, rest = self.shape[:first], self.shape[last + 1 :]
        return self.reshape(*kept, math.prod(self.shape[first : last + 1]), *rest)

    def permute(self, *order: Extent) -> Tensor:
        """Axes in another order."""
        return self._view("permute", order=permutation(extents(order, "order"), self.shape))

    def transpose(self, dim0: SupportsIndex, dim1: SupportsIndex) -> Tensor:
        """Two axes exchanged."""
        order, a, b = list(range(len(self.shape))), axis(dim0, self.shape), axis(dim1, self.shape)
        if order:
            order[a], order[b] = b, a
        return self._view("permute", order=tuple(order))

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return self._view("permute", order=tuple(reversed(range(len(self.shape)))))

    def expand(self, *shape: Extent) -> Tensor:
        """Repeated to a shape, by broadcasting; -1 keeps an extent."""
        wanted = extents(shape)
        new = len(wanted) - len(self.shape)
        if any(extent == -1 for extent in wanted[: max(new, 0)]):
            raise ShapeError(
                f"{user_line()}: expand: -1 keeps an extent, but in {list(wanted)} it stands for a new axis in front "
                f"of {list(self.shape)}"
            )
        full = tuple(self.shape[d - new] if extent == -1 and d >= new else extent for d, extent in enumerate(wanted))
        return self._view("broadcast_to", shape=sizes((full,)))

    def unsqueeze(self, dim: SupportsIndex) -> Tensor:
        """An axis of extent 1 put in front of axis ``dim``."""
        at = axis(dim, self.shape, new=True)
        return self._view("reshape", shape=(*self.shape[:at], 1, *self.shape[at:]))

    def squeeze(self, dim: Dims = None) -> Tensor:
        """Without axes of extent 1 (all, or those of ``dim``)."""
        chosen = () if dim is not None and isinstance(dim, list | tuple) and not dim else axes(dim, self.shape)
        return self._view("reshape", shape=tuple(n for d, n in enumerate(self.shape) if n != 1 or d not in chosen))

    @overload
    def size(self, dim: None = None) -> Size: ...
    @overload
    def size(self, dim: SupportsIndex) -> int: ...
    def size(self, dim: SupportsIndex | None = None) -> Size | int:
        """The shape, or the extent of one axis."""
        if dim is not None and not self.shape:
            raise ShapeError(f"{user_line()}: a tensor of shape [] has no axis {dim}")
        shape: Size = self.shape
        return shape if dim is None else shape[axis(dim, shape)]

    def __getitem__(self, key: Index | tuple[Index, ...]) -> Tensor:
        """Numbers, slices with positive step, ``...`` and None, as a view; index tensors, lists, masks, as a copy."""
        seen: Any = self
        if choosing.is_advanced(key):
            return choosing.read(choosing.chosen(seen, key), seen._of)
        for op, attrs in movements(self.shape, key):
            seen = seen._view(op, **attrs)
        chosen: Tensor = seen
        return chosen
