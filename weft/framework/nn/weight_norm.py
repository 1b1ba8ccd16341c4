"""Length and direction of a weight trained apart, the parameters named as torch's older models have them."""

from __future__ import annotations

from weft.framework.errors import OptionError
from weft.framework.grad_mode import no_grad
from weft.framework.module import Module, Parameter
from weft.framework.nn.parametrizations import WeightNorm
from weft.framework.nn.parametrize import computed, uncomputed
from weft.framework.origin import user_line

__all__ = ["remove_weight_norm", "weight_norm"]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """As ``parametrizations.weight_norm``, the parameters named ``<name>_g`` and ``<name>_v`` as torch's older models
    have them. Raises FrameworkError for a name of no parameter."""
    held = vars(module).get(name)
    if not isinstance(held, Parameter):
        raise OptionError(f"{user_line()}: weight_norm: {type(module).__name__} has no parameter {name!r}")
    norm = WeightNorm(dim)
    with no_grad():
        length, direction = norm.right_inverse(held)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(direction))
    computed(module, name, lambda own: norm.forward(getattr(own, f"{name}_g"), getattr(own, f"{name}_v")))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight one parameter again, of the value that it has. Raises FrameworkError."""
    if f"{name}_g" not in vars(module):
        raise OptionError(f"{user_line()}: remove_weight_norm: {type(module).__name__} has no {name}_g")
    value = getattr(module, name).detach().clone()
    uncomputed(module, {name})
    delattr(module, f"{name}_g")
    delattr(module, f"{name}_v")
    module.register_parameter(name, Parameter(value))
    return module
