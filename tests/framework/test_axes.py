"""Every method that takes axes or extents, on good and bad ones, against torch: the same value, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.framework import functional
from weft.framework.errors import AxisError, DTypeError, FrameworkError, ShapeError
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor

SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3), (2, 1, 3), (1, 1), (0, 2)]
AXES = [0, 1, -1, -2, 2, 3, -3, -4, 9, -10]
LISTS: list[tuple[int, ...]] = [(), (0,), (0, 1), (1, 0), (-1, 0), (0, 0), (0, -2), (0, 3), (2, 1, 0), (0, 1, 1)]
EXTENTS: list[tuple[int, ...]] = [
    (), (3,), (-1,), (-1, 3), (3, -1), (2, 3), (6,), (-1, -1), (-2, 3), (4, 2), (0, -1), (2, 2, 3), (2, -1, 3),
]  # fmt: skip

ONE_AXIS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, d: x.sum(d),
    "sum, kept": lambda x, d: x.sum(d, keepdim=True),
    "mean": lambda x, d: x.mean(d),
    "amax": lambda x, d: x.amax(d),
    "max": lambda x, d: x.max(d)[0],
    "argmax": lambda x, d: x.argmax(d),
    "unsqueeze": lambda x, d: x.unsqueeze(d),
    "squeeze": lambda x, d: x.squeeze(d),
    "flatten": lambda x, d: x.flatten(d),
    "flatten to": lambda x, d: x.flatten(0, d),
    "transpose": lambda x, d: x.transpose(0, d),
    "size": lambda x, d: x.size(d),
    "softmax": lambda x, d: x.softmax(d) if not isinstance(x, Tensor) else F.softmax(x, d),
    "log_softmax": lambda x, d: x.log_softmax(d) if not isinstance(x, Tensor) else F.log_softmax(x, d),
    "index": lambda x, d: x[d],
}
AXIS_LISTS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, d: x.sum(d),
    "mean": lambda x, d: x.mean(d),
    "amax": lambda x, d: x.amax(d),
    "squeeze": lambda x, d: x.squeeze(d),
    "permute": lambda x, d: x.permute(*d) if d else x.permute(()),
    "permute a list": lambda x, d: x.permute(list(d)),
}
SHAPED: dict[str, Callable[[Any, Any], Any]] = {
    "expand": lambda x, s: x.expand(*s) if s else x.expand(()),
    "expand to a list": lambda x, s: x.expand(list(s)),
    "reshape": lambda x, s: x.reshape(*s) if s else x.reshape(()),
    "reshape to a list": lambda x, s: x.reshape(list(s)),
}
CASES = [
    (f"{name} {argument} of {shape}", method, shape, argument)
    for methods, arguments in ((ONE_AXIS, AXES), (AXIS_LISTS, LISTS), (SHAPED, EXTENTS))
    for name, method in methods.items()
    for shape in SHAPES
    for argument in arguments
    if not (name.startswith("expand") and (shape, argument) == ((), (0, -1)))  # torch makes a shape of [0, -1]
]

UNCHECKED: Any = functional.full
"""For arguments that a type checker would find."""


def test_every_method_on_every_axis_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    wrong = []
    for title, method, shape, argument in CASES:
        values = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
        try:
            expected: Any = method(torch.tensor(values), argument)
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            expected = error
        try:
            found: Any = method(tensor(values), argument)
            found = found.numpy() if isinstance(found, Tensor) else found
        except FrameworkError as error:
            found = error
            if "test_axes.py:" not in str(error):
                wrong.append(f"{title}: no line in: {error}")
        if isinstance(expected, Exception) != isinstance(found, Exception):
            wrong.append(f"{title}: torch {expected!r}, weft {found!r}")
        elif "out of range" in str(expected):
            if not isinstance(found, IndexError):
                wrong.append(f"{title}: torch raises IndexError, weft {found!r}")
        elif not isinstance(expected, Exception):
            want = np.asarray(expected)
            if np.shape(found) != want.shape or not np.allclose(found, want, rtol=1e-5, equal_nan=True):
                wrong.append(f"{title}: torch {want!r}, weft {found!r}")
    assert len(CASES) > 1_000
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: x.unsqueeze(9), AxisError, r"axis 9 is outside shape \[2, 3\]: a new axis is from -3 to 2"),
        (lambda x: x.sum(2), AxisError, r"axis 2 is outside shape \[2, 3\]: axes are from -2 to 1"),
        (lambda x: x.sum((0, -2)), ShapeError, r"axis 0 of \[2, 3\] is named twice"),
        (lambda x: x.permute(0, 3), AxisError, r"axis 3 is outside shape"),
        (lambda x: x.permute(0), ShapeError, r"permute needs each of the 2 axes of \[2, 3\] once, not 1 axes"),
        (lambda x: x.expand(-1, 2, 3), ShapeError, r"-1 keeps an extent, but in \[-1, 2, 3\] it stands for a new axis"),
        (lambda x: x.sum("0"), DTypeError, "an axis is an integer, not '0'"),
        (lambda x: x.sum(1.0), DTypeError, r"an axis is an integer, not 1\.0"),
        (lambda x: x.sum(True), DTypeError, "an axis is an integer, not True"),
        (lambda x: x.reshape(2.0, 3), DTypeError, r"an extent of the shape is an integer, not 2\.0"),
        (lambda x: x.reshape(None), DTypeError, "an extent of the shape is an integer, not None"),
        (lambda x: x[::0], DTypeError, "a slice has whole numbers and a step above 0, not None:None:0"),
        (lambda x: x["a":], DTypeError, "a slice has whole numbers"),
        (lambda x: functional.zeros(-1), ShapeError, r"the shape \[-1\] has a negative extent"),
        (lambda x: functional.arange(-1), FrameworkError, "arange from 0 to -1 needs a step towards it, not 1"),
        (lambda x: UNCHECKED((2.5,), 1), DTypeError, r"an extent of the shape is an integer, not 2\.5"),
    ],
)  # fmt: skip
def test_what_a_bad_axis_is_told(wrong: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"test_axes.py:\d+: .*{message}"):
        wrong(functional.ones(2, 3))


def test_integers_of_numpy_are_axes() -> None:
    x = tensor([[1.0, 2.0]])
    assert x.sum(np.int64(1)).tolist() == [3]
    assert x.reshape(np.int32(2), 1).shape == (2, 1)
    assert functional.zeros(np.int64(2)).shape == (2,)
