"""Gradients against finite differences: ``gradcheck`` for first ones, ``gradgradcheck`` for second ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.framework.autograd import grad
from weft.framework.dtypes import float64
from weft.framework.errors import GradientError
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

Doubles = npt.NDArray[np.float64]


class GradcheckError(GradientError):
    """A gradient that is not what finite differences say."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of ``func(*inputs)`` are those that central differences give: True, else GradcheckError.

    inputs: a tensor or a tuple of anything; the float64 tensors among it that require a gradient are checked by.
    eps: how far each element is moved. atol, rtol: the difference allowed, and per size of the one found numerically.
    raise_exception: False returns False instead of raising. Raises GradientError for inputs of which none can be
    checked, or that are no float64, where differences of 1e-6 are lost in rounding.
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    checked = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise GradientError(f"{user_line()}: gradcheck: no input requires a gradient; call requires_grad_() on one")
    for k in checked:
        if given[k].dtype is not float64:
            raise GradientError(
                f"{user_line()}: gradcheck: input {k} is {given[k].dtype}; give float64, in which a difference of "
                f"{eps:g} can be seen"
            )
    outputs = _outputs(func(*given))
    if not any(y.requires_grad for y in outputs):
        raise GradientError(f"{user_line()}: gradcheck: no result of the function depends on an input")
    numeric = [_numeric(func, given, k, eps) for k in checked]
    problem = ""
    for n, y in enumerate(outputs):
        analytic = _analytic(y, [given[k] for k in checked])
        for i, k in enumerate(checked):
            problem = problem or _difference(n, y, k, given[k], analytic[i], numeric[i][n], atol, rtol)
    if problem and raise_exception:
        raise GradcheckError(f"{user_line()}: gradcheck: {problem}")
    return not problem


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
) -> bool:
    """``gradcheck`` of the gradients of ``func(*inputs)``, by the inputs and by the cotangents ``grad_outputs``.

    grad_outputs: a tensor for each result, or a tuple of them; numbers between -1 and 1 if they are not given.
    """
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    checked = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
    outputs = _outputs(func(*given))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        cotangents = [Tensor(rng.uniform(-1, 1, y.shape), y.dtype, requires_grad=True) for y in outputs]
    else:
        several = grad_outputs if isinstance(grad_outputs, tuple) else (grad_outputs,)
        cotangents = [g.detach().requires_grad_() for g in several]

    def slopes(*parts: Any) -> tuple[Tensor, ...]:
        own, along = parts[: len(given)], parts[len(given) :]
        pairs = [(y, g) for y, g in zip(_outputs(func(*own)), along, strict=True) if y.requires_grad]
        found = grad(
            [y for y, _ in pairs], [own[k] for k in checked], [g for _, g in pairs], create_graph=True,
            allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        return tuple(g for g in found if g.requires_grad)

    return gradcheck(
        slopes, (*given, *cotangents), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception
    )


def _outputs(made: Any) -> list[Tensor]:
    """The float tensors that a function gave. Raises GradientError for none."""
    several = made if isinstance(made, tuple | list) else (made,)
    found = [y for y in several if isinstance(y, Tensor) and y.dtype.is_float]
    if not found:
        raise GradientError(f"{user_line()}: gradcheck: the function gives no tensor of floats")
    return found


def _numeric(func: Callable[..., Any], given: Sequence[Any], k: int, eps: float) -> list[Doubles]:
    """For each result [*input k, *result]: how it changes when an element of the input does."""
    value = given[k].numpy()
    sides: list[list[list[Doubles]]] = []
    for at in np.ndindex(value.shape):
        moved: list[list[Doubles]] = []
        for step in (eps, -eps):
            changed = value.copy()
            changed[at] += step
            arguments = [Tensor(x).requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in given]
            arguments[k] = Tensor(changed, float64, requires_grad=True)
            moved.append([y.numpy().astype(np.float64) for y in _outputs(func(*arguments))])
        sides.append(moved)
    if not sides:
        return [np.zeros((*value.shape, *y.shape)) for y in _outputs(func(*given))]
    several = range(len(sides[0][0]))
    slopes = [np.stack([(up[n] - down[n]) / (2 * eps) for up, down in sides]) for n in several]
    return [slope.reshape(*value.shape, *slope.shape[1:]) for slope in slopes]


def _analytic(y: Tensor, inputs: Sequence[Tensor]) -> list[Doubles]:
    """For each input [*input, *result]: what passes back give, one for each element of the result."""
    found = [np.zeros((y.numel(), *x.shape)) for x in inputs]
    for element in range(y.numel() if y.requires_grad else 0):
        basis = np.zeros(y.numel())
        basis[element] = 1
        seed = Tensor(basis.reshape(y.shape), y.dtype)
        gradients: Sequence[Any] = grad(y, inputs, seed, retain_graph=True, allow_unused=True)
        for i, gradient in enumerate(gradients):
            if gradient is not None:
                found[i][element] = gradient.numpy()
    return [np.moveaxis(rows, 0, -1).reshape(*x.shape, *y.shape) for rows, x in zip(found, inputs, strict=True)]


def _difference(
    n: int, y: Tensor, k: int, x: Tensor, analytic: Doubles, numeric: Doubles, atol: float, rtol: float
) -> str:
    """What is wrong with the derivatives of result ``n`` by input ``k``, told of the worst element; "" for nothing."""
    allowed = atol + rtol * np.abs(numeric)
    both = (np.isnan(analytic) & np.isnan(numeric)) | (analytic == numeric)
    with np.errstate(invalid="ignore"):
        beyond = np.where(both, 0.0, np.abs(analytic - numeric) / allowed)
    beyond = np.where(np.isnan(beyond), np.inf, beyond)
    wrong = int((beyond > 1).sum())
    if not wrong:
        return ""
    at = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
    of_x, of_y = [int(p) for p in at[: x.ndim]], [int(p) for p in at[x.ndim :]]
    return (
        f"the derivative of result {n}, {y.dtype}{list(y.shape)}, by input {k}, {x.dtype}{list(x.shape)}, is wrong in "
        f"{wrong} of {beyond.size} elements; worst is element {of_y} of the result by element {of_x} of the input: "
        f"{analytic[at]:g}, by finite differences {numeric[at]:g}"
    )
