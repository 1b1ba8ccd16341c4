"""The tensor's movements: the same elements under other axes, as views of the tensor that they are taken from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft.framework.axes import axes, axis, extents, permutation, sizes
from weft.framework.errors import ShapeError
from weft.framework.indexing import movements
from weft.framework.origin import user_line

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


class Movement:
    """What a tensor can do that computes nothing. Every result is a view, which sees later changes of the tensor."""

    shape: Any
    _view: Callable[..., Tensor]

    def reshape(self, *shape: Any) -> Any:
        """The same elements under another shape; one extent may be -1."""
        wanted = list(extents(shape))
        if wanted.count(-1) == 1:
            known, have = -math.prod(wanted), math.prod(self.shape)
            if not known and not have:
                raise ShapeError(f"{user_line()}: reshape: -1 could be any number in {wanted}, which has no elements")
            wanted[wanted.index(-1)] = have // known if known else 0
        return self._view("reshape", shape=tuple(wanted))

    view = reshape

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """Axes from ``start_dim`` to ``end_dim``, both included, as one."""
        first, last = axis(start_dim, self.shape), axis(end_dim, self.shape)
        if first > last:
            raise ShapeError(f"{user_line()}: flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
        kept, rest = self.shape[:first], self.shape[last + 1 :]
        return self.reshape(*kept, math.prod(self.shape[first : last + 1]), *rest)

    def permute(self, *order: Any) -> Any:
        """Axes in another order."""
        return self._view("permute", order=permutation(extents(order, "order"), self.shape))

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Two axes exchanged."""
        order, a, b = list(range(len(self.shape))), axis(dim0, self.shape), axis(dim1, self.shape)
        if order:
            order[a], order[b] = b, a
        return self._view("permute", order=tuple(order))

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return self._view("permute", order=tuple(reversed(range(len(self.shape)))))

    def expand(self, *shape: Any) -> Any:
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

    def unsqueeze(self, dim: int) -> Any:
        """An axis of extent 1 put in front of axis ``dim``."""
        at = axis(dim, self.shape, new=True)
        return self._view("reshape", shape=(*self.shape[:at], 1, *self.shape[at:]))

    def squeeze(self, dim: Any = None) -> Any:
        """Without axes of extent 1 (all, or those of ``dim``)."""
        chosen = () if dim is not None and isinstance(dim, list | tuple) and not dim else axes(dim, self.shape)
        return self._view("reshape", shape=tuple(n for d, n in enumerate(self.shape) if n != 1 or d not in chosen))

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the extent of one axis."""
        if dim is not None and not self.shape:
            raise ShapeError(f"{user_line()}: a tensor of shape [] has no axis {dim}")
        return self.shape if dim is None else self.shape[axis(dim, self.shape)]

    def __getitem__(self, key: Any) -> Any:
        """Numbers, slices with positive step, ``...`` and None."""
        seen: Any = self
        for op, attrs in movements(self.shape, key):
            seen = seen._view(op, **attrs)
        return seen
