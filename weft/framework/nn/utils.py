"""What is done to all parameters of a model at once: gradients clipped, parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from weft.framework.axes import real
from weft.framework.dtypes import float64
from weft.framework.errors import DTypeError, OptionError, ShapeError
from weft.framework.functional import maximum, minimum, zeros
from weft.framework.lazy import no_grad
from weft.framework.nn.functional.taking import joined
from weft.framework.origin import part_of, user_line
from weft.framework.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector", "vector_to_parameters"]


def _tensors(name: str, given: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One tensor or several as a list. Raises DTypeError for anything else."""
    one: Any = given
    try:
        found = [one] if isinstance(one, Tensor) else list(one)
    except TypeError:
        found = [one]
    wrong = [type(x).__name__ for x in found if not isinstance(x, Tensor)]
    if wrong:
        raise DTypeError(f"{user_line()}: {name} takes tensors, such as model.parameters(), not a {wrong[0]}")
    return found


def get_total_norm(tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The norm of all elements of all tensors as of one vector, a float32 scalar (float64 if one of them is).

    norm_type: 1, 2 or infinity. Raises FrameworkError for another.
    """
    given, kind = _tensors("get_total_norm", tensors), real(norm_type, "norm_type")
    if not given:
        return zeros(())
    parts = [t if t.dtype is float64 else t.float() for t in given]
    if kind == 2:
        return _added([(t * t).sum() for t in parts]).sqrt()
    if kind == 1:
        return _added([abs(t).sum() for t in parts])
    if kind == math.inf:
        most = abs(parts[0]).amax()
        for part in parts[1:]:
            most = maximum(most, abs(part).amax())
        return most
    raise OptionError(f"{user_line()}: norm_type is 1, 2 or infinity, not {norm_type}")


def _added(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients by max_norm / (norm + 1e-6) if that is below 1; the norm as it was.

    The norm is that of all gradients as one vector; norm_type: 1, 2 or infinity. error_if_nonfinite: read the norm, and
    raise FrameworkError if it is infinite or NaN. As ``torch.nn.utils.clip_grad_norm_``.
    """
    given, most = _tensors("clip_grad_norm_", parameters), real(max_norm, "max_norm")
    gradients = [p.grad for p in given if p.grad is not None]
    with no_grad(), part_of("", "gradient clipping"):
        norm = get_total_norm(gradients, norm_type)
        if error_if_nonfinite and not math.isfinite(norm.item()):
            raise OptionError(
                f"{user_line()}: the gradients' norm is {norm.item()}, so they cannot be clipped; look for what made "
                "it so, or leave error_if_nonfinite out"
            )
        scale = minimum(most / (norm + 1e-6), 1.0)
        for gradient in gradients:
            gradient.copy_(gradient * scale.to(gradient.dtype))
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]."""
    given, most = _tensors("clip_grad_value_", parameters), real(clip_value, "clip_value")
    with no_grad(), part_of("", "gradient clipping"):
        for parameter in given:
            if parameter.grad is not None:
                parameter.grad.copy_(maximum(minimum(parameter.grad, most), -most))


def parameters_to_vector(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one behind the other: [n]. Gradients flow back to each.

    Raises FrameworkError without a parameter, and DTypeError for parameters of several element types.
    """
    given = _tensors("parameters_to_vector", parameters)
    if not given:
        raise OptionError(f"{user_line()}: parameters_to_vector takes one parameter or more")
    kinds = list(dict.fromkeys(str(p.dtype) for p in given))
    if len(kinds) > 1:
        raise DTypeError(
            f"{user_line()}: parameters_to_vector takes parameters of one element type, not {' and '.join(kinds)}"
        )
    return joined([p.reshape(p.numel()) for p in given], 0)


def vector_to_parameters(vec: Tensor, parameters: Tensor | Iterable[Tensor]) -> None:
    """Write the elements of ``vec`` [n] into the parameters, in the order of ``parameters_to_vector``.

    Raises ShapeError unless there are as many as the parameters have together, DTypeError for what is no tensor.
    """
    given, (vector,) = _tensors("vector_to_parameters", parameters), _tensors("vector_to_parameters", vec)
    wanted = sum(p.numel() for p in given)
    if vector.shape != (wanted,):
        raise ShapeError(
            f"{user_line()}: vector_to_parameters: the parameters have {wanted} elements together, so vec is "
            f"{[wanted]}, not {list(vector.shape)}"
        )
    at = 0
    with no_grad():
        for parameter in given:
            parameter.copy_(vector[at : at + parameter.numel()].reshape(parameter.shape))
            at += parameter.numel()
