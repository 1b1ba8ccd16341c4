"""Padding as modules: ``functional.pad`` in each of its modes around the last one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence

from weft.framework.axes import real, whole
from weft.framework.errors import ShapeError
from weft.framework.module import Module
from weft.framework.nn import functional as F
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """``functional.pad`` of one mode around the last ``_axes`` axes of [N, C, …] or [C, …].

    padding: one number for every side, or two an axis, the last axis first. Raises ShapeError for another count.
    """

    _axes: int
    _mode: str

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sides = 2 * self._axes
        given = list(padding) if isinstance(padding, list | tuple) else [padding] * sides
        if len(given) != sides:
            raise ShapeError(
                f"{user_line()}: {type(self).__name__}: padding is one number or {sides}, not {len(given)}"
            )
        self.padding = tuple(whole(n, "padding") for n in given)

    def forward(self, input: Tensor) -> Tensor:
        """[…, d + both sides]. Raises ShapeError for an input of other axes, and as ``pad`` does."""
        if input.ndim not in (self._axes + 1, self._axes + 2):
            raise ShapeError(
                f"{user_line()}: {type(self).__name__} takes {self._axes + 1} or {self._axes + 2} axes, not "
                f"{list(input.shape)}"
            )
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """As ``_Pad``, of a value, and of an input of any axes more."""

    _mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = real(value, "value")

    def forward(self, input: Tensor) -> Tensor:
        """[…, d + both sides]. Raises ShapeError as ``pad`` does."""
        return F.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """As ``_ConstantPad``, of zeros."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros around the last axis."""

    _axes = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two axes."""

    _axes = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three axes."""

    _axes = 3


class ConstantPad1d(_ConstantPad):
    """``value`` around the last axis."""

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """``value`` around the last two axes."""

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """``value`` around the last three axes."""

    _axes = 3


class ReflectionPad1d(_Pad):
    """The last axis mirrored at both ends, the edge itself not repeated."""

    _axes, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The last two axes mirrored at both ends, the edge itself not repeated."""

    _axes, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The last three axes mirrored at both ends, the edge itself not repeated."""

    _axes, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The edge repeated around the last axis."""

    _axes, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edge repeated around the last two axes."""

    _axes, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The edge repeated around the last three axes."""

    _axes, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """Around the last axis, what is at the other end."""

    _axes, _mode = 1, "circular"


class CircularPad2d(_Pad):
    """Around the last two axes, what is at the other end."""

    _axes, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """Around the last three axes, what is at the other end."""

    _axes, _mode = 3, "circular"
