"""Products over chosen axes, and the sums that are made with them: values are torch's, what does not fit is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from weft.framework.errors import DTypeError, FrameworkError, ShapeError

torch = pytest.importorskip("torch", reason="torch is the oracle of products")

A, B = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4) / 7, np.arange(60.0, dtype=np.float32).reshape(3, 4, 5) / 9
M, N = A[0, :, :3], A[1, :, :3]


@pytest.mark.parametrize(
    ("name", "operands", "options"),
    [
        ("tensordot", (A, B), {}),
        ("tensordot", (A, B), {"dims": 2}),
        ("tensordot", (A[..., :3], B), {"dims": 1}),
        ("tensordot", (M, N), {"dims": 0}),
        ("tensordot", (A, B), {"dims": ([1, 2], [0, 1])}),
        ("tensordot", (A, B), {"dims": ([-1, -2], [1, 0])}),
        ("tensordot", (A, B), {"dims": ([], [])}),
        ("bmm", (A, np.swapaxes(A, 1, 2)), {}),
        ("mm", (M, N), {}),
        ("addmv", (M[0], M, N[0]), {"beta": 2, "alpha": 3}),
        ("addmv", (M[0], M, N[0]), {"beta": 0}),
        ("diag_embed", (A,), {"offset": -2}),
        ("diag_embed", (A[..., :0],), {"offset": 1}),
        ("diag_embed", (A > 1,), {"offset": 1}),
    ],
)  # fmt: skip
def test_values_are_torchs(name: str, operands: tuple[Any, ...], options: dict[str, Any]) -> None:
    theirs = getattr(torch, name)(*map(torch.tensor, operands), **options)
    ours = getattr(weft, name)(*map(weft.tensor, operands), **options)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a, b: weft.tensordot(a, b, 3), ShapeError, r"tensordot: axes \[0, 1, 2\] of \[2, 3, 4\] and .* differ"),
        (lambda a, b: weft.tensordot(a, b, 4), ShapeError, r"\[2, 3, 4\] and \[3, 4, 5\] have not 4 axes each"),
        (lambda a, b: weft.tensordot(a, b, -1), ShapeError, r"have not -1 axes each"),
        (lambda a, b: weft.tensordot(a, b, ([1, 2], [0])), ShapeError, "2 axes of one operand and 1 of the other"),
        (lambda a, b: weft.tensordot(a, b, ([1], 7)), FrameworkError, "axis 7"),
        (lambda a, b: weft.tensordot(a, b, 1.5), DTypeError, "the number of axes is an integer, not 1.5"),
        (lambda a, b: weft.bmm(a, b), ShapeError, "are batches of two sizes"),
        (lambda a, b: weft.diag_embed(a.sum()), ShapeError, r"diag_embed takes vectors, not shape \[\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(weft.tensor(A), weft.tensor(B))


@pytest.mark.parametrize("what", ["mean", "variance", "stddev"])
def test_a_distribution_says_what_it_has_not(what: str) -> None:
    from weft.distributions import Distribution

    with pytest.raises(FrameworkError, match=r"Distribution has no (mean|variance)"):
        getattr(Distribution(), what)


@pytest.mark.parametrize("call", ["rsample", "entropy"])
def test_a_distribution_says_what_it_cannot(call: str) -> None:
    from weft.distributions import Distribution

    with pytest.raises(FrameworkError, match=rf"Distribution has no {call}"):
        getattr(Distribution(), call)()
    with pytest.raises(FrameworkError, match=r"Distribution has no (log_prob|cdf)"):
        (Distribution().log_prob if call == "rsample" else Distribution().cdf)(1.0)
