"""Linear algebra against torch's: values, gradients and gradients of gradients in float64, jitted, and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework.errors import FrameworkError

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(2, 4, 4)), RNG.normal(size=(2, 4, 3)), RNG.normal(size=(5, 3))
POSITIVE = A @ A.transpose(0, 2, 1) + 4 * np.eye(4)
PIVOTS = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [4.0, -3.0, 8.0]])
ONE, NONE = np.array([[-2.0]]), np.zeros((0, 0))
Call = Callable[..., Any]

CASES: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "solve": (lambda L, a, b: L.solve(a, b), (A, B)),
    "solve of vectors": (lambda L, a, b: L.solve(a, b), (A[0], B[0, :, 0])),
    "solve of batches of vectors": (lambda L, a, b: L.solve(a, b), (A, B[:, :, 0])),
    "solve from the right": (lambda L, a, b: L.solve(a, b, left=False), (A, np.ascontiguousarray(B.swapaxes(1, 2)))),
    "solve, broadcast": (lambda L, a, b: L.solve(a, b), (A[0], B)),
    "solve with zeros in the way": (lambda L, a, b: L.solve(a, b), (PIVOTS, np.arange(6.0).reshape(3, 2))),
    "solve of one": (lambda L, a, b: L.solve(a, b), (ONE, np.ones((1, 2)))),
    "solve of nothing": (lambda L, a, b: L.solve(a, b), (NONE, np.ones((0, 2)))),
    "inv": (lambda L, a: L.inv(a), (A,)), "inv with zeros in the way": (lambda L, a: L.inv(a), (PIVOTS,)),
    "det": (lambda L, a: L.det(a), (A,)), "det with swaps": (lambda L, a: L.det(a), (PIVOTS,)),
    "det of one": (lambda L, a: L.det(a), (ONE,)), "det of nothing": (lambda L, a: L.det(a), (NONE,)),
    "slogdet": (lambda L, a: tuple(L.slogdet(a)), (A,)),
    "cholesky": (lambda L, a: L.cholesky(a), (POSITIVE,)),
    "cholesky, upper": (lambda L, a: L.cholesky(a, upper=True), (POSITIVE,)),
    **{
        f"solve_triangular {upper} {unit} {left}": (
            lambda L, a, b, upper=upper, unit=unit, left=left: L.solve_triangular(
                a, b if left else b.transpose(-1, -2), upper=upper, unitriangular=unit, left=left),
            (A, B),
        )
        for upper in (True, False) for unit in (True, False) for left in (True, False)
    },
    "qr": (lambda L, a: tuple(L.qr(a)), (A,)), "qr of tall ones": (lambda L, a: tuple(L.qr(a)), (C,)),
    "qr of wide ones": (lambda L, a: tuple(L.qr(a)), (np.ascontiguousarray(C.T),)),
    "qr of one": (lambda L, a: tuple(L.qr(a)), (ONE,)),
    "power 0": (lambda L, a: L.matrix_power(a, 0), (A,)), "power 5": (lambda L, a: L.matrix_power(a, 5), (A,)),
    "power -2": (lambda L, a: L.matrix_power(a, -2), (A,)),
    **{f"matrix_norm {o}": (lambda L, a, o=o: L.matrix_norm(a, o), (A,)) for o in ("fro", 1, -1, np.inf, -np.inf)},
    "matrix_norm of other axes": (lambda L, a: L.matrix_norm(a, 1, dim=(0, 2), keepdim=True), (A,)),
    **{f"vector_norm {o}": (lambda L, a, o=o: L.vector_norm(a, o, dim=1), (A,)) for o in (1, 2, 3.5, np.inf, -np.inf)},
    "vector_norm of all": (lambda L, a: L.vector_norm(a, 3, keepdim=True), (A,)),
    "norm": (lambda L, a: (L.norm(a), L.norm(a[0], 1), L.norm(a, 2, dim=0), L.norm(a, np.inf, dim=(1, 2))), (A,)),
    "multi_dot": (lambda L, a, b, c: L.multi_dot([a, b, c]), (C[0], C.T, C)),
    "vecdot": (lambda L, a, b: (L.vecdot(a, b), L.vecdot(a, b, dim=0)), (C, C + 1)),
    "cross": (lambda L, a, b: L.cross(a, b), (C, C[:1] + 1)),
    "diagonal": (lambda L, a: (L.diagonal(a), L.diagonal(a, offset=1)), (A,)),
    "matmul": (lambda L, a, b: L.matmul(a, b), (A, B)),
}  # fmt: skip
"""Name → a call of either linalg, and what it is called with."""


def several(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)


def learned(of: Any, call: Call, arrays: tuple[Any, ...]) -> list[list[Any]]:
    """Results, their gradients, and the gradients of the squares of these."""
    given = [of.tensor(a, dtype=of.float64, requires_grad=True) for a in arrays]
    made, rng = several(call(of.linalg, *given)), np.random.default_rng(1)
    loss = sum((part * of.tensor(rng.normal(size=tuple(part.shape)), dtype=of.float64)).sum() for part in made)
    loss = loss + sum((x * 0).sum() for x in given)  # also of what does not depend on its operands
    found = of.autograd.grad(loss, given, create_graph=True)
    square = sum((part * part * 0.5).sum() for part in found)
    second = of.autograd.grad(square, given, allow_unused=True) if getattr(square, "requires_grad", False) else []
    nothing = [np.zeros(a.shape) for a in arrays]
    twice = [zero if part is None else part.detach() + 0 for zero, part in zip(nothing, second, strict=False)]
    once = [np.asarray(part.detach() + 0) for part in found]
    return [[np.asarray(part.detach()) for part in made], once, twice or nothing]


@pytest.mark.parametrize("name", CASES)
def test_as_in_torch(name: str) -> None:
    theirs, ours = (learned(of, *CASES[name]) for of in (torch, weft))
    for order, (expected, found) in enumerate(zip(theirs, ours, strict=True)):
        for a, b in zip(expected, found, strict=True):
            a, b = np.asarray(a), np.asarray(b)
            np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-7 * (1 + abs(a).max(initial=0)), err_msg=str(order))


@pytest.mark.parametrize("name", [name for name in CASES if "nothing" not in name])
def test_jitted(name: str) -> None:
    call, arrays = CASES[name]
    given = [weft.tensor(a, dtype="float32") for a in arrays]
    plain, step = several(call(weft.linalg, *given)), weft.jit(lambda *given: call(weft.linalg, *given))
    for a, b in zip(plain, several(step(*given)), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-4)


def test_a_large_system_in_float32() -> None:
    """As far off as torch's is, within a few times."""
    a, b = RNG.normal(size=(120, 120)).astype(np.float32), RNG.normal(size=(120, 3)).astype(np.float32)
    exact = np.linalg.solve(a.astype(np.float64), b.astype(np.float64))
    theirs = abs(torch.linalg.solve(torch.tensor(a), torch.tensor(b)).numpy() - exact).max()
    assert abs(weft.linalg.solve(weft.tensor(a), weft.tensor(b)).numpy() - exact).max() < 10 * theirs


def test_what_has_no_solution_is_no_number() -> None:
    singular = weft.tensor([[1.0, 2.0], [2.0, 4.0]])
    assert not np.isfinite(weft.linalg.inv(singular).numpy()).all()
    assert weft.linalg.det(singular).item() == 0
    assert weft.linalg.slogdet(singular).logabsdet.item() == -np.inf
    assert np.isnan(weft.linalg.cholesky(weft.tensor([[1.0, 2.0], [2.0, 1.0]])).numpy()).any()


X = weft.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weft.linalg.inv(X), r"linalg.inv takes square matrices \[..., n, n\], not \[2, 3\]"),
        (lambda: weft.linalg.det(weft.zeros(2, 2, dtype="int32")), "linalg.det takes float32 or float64, not int32"),
        (lambda: weft.linalg.solve(weft.eye(2), weft.zeros(3, 1)), r"solve takes .*\[2, 2\] and .*\[3, 1\]"),
        (lambda: weft.linalg.qr(X, "r"), "mode is 'reduced' or 'complete', not 'r'"),
        (lambda: weft.linalg.matrix_norm(X, "nuc"), "ord is 'fro', ±1 or ±inf, not 'nuc'; norms of singular"),
        (lambda: weft.linalg.cross(X[:, :2], X[:, :2]), r"cross takes vectors of 3, not \[2, 2\] and \[2, 2\]"),
        (lambda: weft.linalg.multi_dot([X]), "multi_dot takes two matrices or more, not 1"),
        (lambda: getattr(weft.linalg, "eigh"), "linalg has no eigh"),  # noqa: B009  # no checker would let it pass
    ],
)
def test_mistakes(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_matrices.py:\d+: .*{message}"):
        call()
