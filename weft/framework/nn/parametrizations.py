"""Parametrizations that are there already: a weight as length and direction, and one divided by its largest singular
value, as ``torch.nn.utils`` has them."""

from __future__ import annotations

from typing import Any

from weft.framework.axes import axis, count, real
from weft.framework.errors import OptionError, ShapeError
from weft.framework.grad_mode import no_grad
from weft.framework.module import Module
from weft.framework.nn.functional.distance import normalize
from weft.framework.nn.parametrize import register_parametrization
from weft.framework.origin import user_line
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor

__all__ = ["spectral_norm", "weight_norm"]


def _lengths(weight: Tensor, dim: int | None) -> Tensor:
    """The norm of each part along ``dim``, of the rank of the weight; of all of it, without axes, for None or -1."""
    if dim is None or dim == -1:
        return (weight * weight).sum().sqrt()
    kept = axis(dim, weight.shape)
    others = [d for d in range(weight.ndim) if d != kept]
    return (weight * weight).sum(others, keepdim=True).sqrt() if others else abs(weight)


class WeightNorm(Module):
    """g · v / ‖v‖ (Salimans and Kingma 2016)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """The weight."""
        return v * (g / _lengths(v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of a weight."""
        return _lengths(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train length and direction of a weight apart: of each part along ``dim``, of all of it for None. The module."""
    return register_parametrization(module, name, WeightNorm(dim))


class SpectralNorm(Module):
    """W / σ(W), the largest singular value being followed by the power method (Miyato and others 2018).

    ``_u`` and ``_v``, its vectors, are state: every call in training makes ``n_power_iterations`` steps.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        self.n_power_iterations = count(n_power_iterations, "n_power_iterations", 1)
        self.dim, self.eps = axis(dim, weight.shape), real(eps, "eps")
        if not weight.ndim:
            raise ShapeError(f"{user_line()}: spectral_norm takes a weight with axes, not []")
        if weight.ndim > 1:
            matrix, source = self._matrix(weight.detach()), default_generator()
            for name, extent in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
                self.register_buffer(name, normalize(Tensor(source.normal((extent,))), dim=0, eps=self.eps))
            with no_grad():
                self._follow(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        moved = weight if self.dim == 0 else weight.permute(
            self.dim, *(d for d in range(weight.ndim) if d != self.dim)
        )
        return moved.reshape(moved.shape[0], moved.numel() // max(moved.shape[0], 1))

    def _follow(self, matrix: Tensor, steps: int) -> None:
        for _ in range(steps):
            self._u.assign(normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.assign(normalize(matrix.T @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, divided."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            with no_grad():
                self._follow(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / (u * (matrix @ v)).sum()

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weight as it is."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, as a matrix of rows along ``dim``. The module.

    dim: 0 by default, 1 for transposed convolutions. Raises FrameworkError for a name of no parameter.
    """
    held: Any = getattr(module, name, None)
    if not isinstance(held, Tensor):
        raise OptionError(f"{user_line()}: spectral_norm: {type(module).__name__} has no parameter {name!r}")
    along = (1 if type(module).__name__.startswith("ConvTranspose") else 0) if dim is None else dim
    return register_parametrization(module, name, SpectralNorm(held, n_power_iterations, along, eps))
