"""Muon: momentum whose matrix is made nearly orthogonal before it becomes the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from weft.framework.dtypes import bfloat16
from weft.framework.errors import OptionError
from weft.framework.functional import maximum
from weft.framework.lazy import apply
from weft.framework.optim.groups import ParamGroup
from weft.framework.optim.optimizer import Given, Optimizer, State
from weft.framework.optim.sgd import MOMENTUM
from weft.framework.optim.terms import mean, shrunk
from weft.framework.origin import user_line
from weft.framework.primitives.contraction import ACCUMULATION
from weft.framework.tensor import Tensor

ADJUSTMENTS: Mapping[str, Callable[[int, int], float]] = {
    "original": lambda rows, columns: math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * math.sqrt(max(rows, columns)),
}
"""What the learning rate is multiplied with, by the matrix's extents: Jordan's, and that of Liu et al. 2025."""


class Muon(Optimizer):
    """Jordan et al. 2024, for matrices: m = momentum·m + (1-momentum)·g, p -= lr·weight_decay·p + lr'·orthogonal(m).

    nesterov: the step is that of momentum·m + (1-momentum)·g. The orthogonal factor is approximated in bfloat16 by
    ``ns_steps`` steps of the Newton-Schulz iteration x = a·x + (b·xxᵀ + c·(xxᵀ)²)·x. lr' is lr adjusted to the shape,
    see ``ADJUSTMENTS``. Other parameters belong into another optimiser. Raises FrameworkError.
    """

    def __init__(
        self,
        params: Given,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def check(self, group: ParamGroup) -> None:
        """Matrices only, and a known adjustment."""
        other = next((p for p in group.params if p.ndim != 2), None)
        if other is not None:
            raise OptionError(
                f"{user_line()}: Muon takes matrices, not {list(other.shape)}; give other parameters to another "
                "optimiser"
            )
        if group["adjust_lr_fn"] not in (None, *ADJUSTMENTS):
            raise OptionError(
                f"{user_line()}: adjust_lr_fn is {', '.join(map(repr, ADJUSTMENTS))} or None, not "
                f"{group['adjust_lr_fn']!r}"
            )
        if not 0 <= group["ns_steps"] < 100 or len(group["ns_coefficients"]) != 3:
            raise OptionError(f"{user_line()}: Muon takes three ns_coefficients and fewer than 100 ns_steps")

    def slots(self, group: ParamGroup) -> Mapping[str, float]:
        """The momenta."""
        return {MOMENTUM: 0.0}

    def update(self, parameter: Tensor, gradient: Tensor, state: State, group: ParamGroup, prepared: None) -> None:
        """One parameter's step."""
        momentum = group.decay("momentum")
        buffer = mean(state[MOMENTUM], gradient, momentum)
        state[MOMENTUM].assign(buffer)
        direction = mean(buffer, gradient, momentum) if group["nesterov"] else buffer
        rows, columns = parameter.shape
        adjusted = group.lr * ADJUSTMENTS[group["adjust_lr_fn"] or "original"](rows, columns)
        parameter.assign(shrunk(parameter, group) - adjusted * orthogonalised(direction, group))


def orthogonalised(matrix: Tensor, group: ParamGroup) -> Tensor:
    """About the orthogonal factor of a matrix's polar decomposition, in bfloat16: singular values between ½ and 1½."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(bfloat16)
    x = x.T if tall else x
    x = x / maximum((x * x).sum().sqrt(), group.scalar("eps"))
    for _ in range(group["ns_steps"]):
        gram = _product(x, x, True).to(bfloat16)
        polynomial = (b * gram.float() + c * _product(gram, gram)).to(bfloat16)
        x = (a * x.float() + _product(polynomial, x)).to(bfloat16)
    return x.T if tall else x


def _product(x: Tensor, y: Tensor, transposed: bool = False) -> Tensor:
    """x @ y or x @ yᵀ of bfloat16 in float32, so that what is added to it is rounded once, as in torch."""
    flags = {"transpose_a": False, "transpose_b": transposed, "accumulate": ACCUMULATION["bfloat16"]}
    return Tensor._of(apply("matmul", x._read(), y._read(), **flags))
