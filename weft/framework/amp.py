"""Mixed precision: a model that computes in bfloat16 while its weights stay float32, and scaling of the loss.

What computes in which type is said where functions are called (``autocast``) or where the model is made. bfloat16 has
float32's range, so that its gradients need no scaling; ``GradScaler`` is there for scripts that have one, and to leave
out steps whose gradients are not finite. All work in jitted functions: nothing is decided in Python from a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.framework.checkpoint import fitted
from weft.framework.dtypes import DType, as_dtype, bfloat16, float32
from weft.framework.errors import CheckpointError, DTypeError, OptionError
from weft.framework.functional import where
from weft.framework.lazy import no_grad
from weft.framework.module import Module
from weft.framework.optim.groups import number, scalar_state
from weft.framework.optim.optimizer import Optimizer
from weft.framework.origin import part_of, user_line
from weft.framework.refusals import FrameworkObject, unknown_name
from weft.framework.stateless import lent
from weft.framework.tensor import Tensor
from weft.framework.tree import map_leaves

__all__ = ["GradScaler", "MixedPrecision"]


class MixedPrecision(Module):
    """``module``, which computes in ``dtype`` (bfloat16) and gives float32.

    Its parameters stay float32, and so do their gradients and what an optimiser keeps: they are cast for each call, and
    so are float32 arguments. Raises DTypeError for a type that has no gradients.
    """

    def __init__(self, module: Module, dtype: DType | str = bfloat16) -> None:
        super().__init__()
        self.module: Any = module
        self.dtype = as_dtype(dtype)
        if not self.dtype.is_float:
            raise DTypeError(f"{user_line()}: a model computes in a float type, not in {self.dtype}")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes, in float32."""
        given, named = map_leaves((args, kwargs), lambda path, x: _cast(x, float32, self.dtype))
        parameters = [parameter for parameter in self.module.parameters() if parameter.dtype is float32]
        with lent((parameter, parameter.to(self.dtype)) for parameter in parameters):
            found = self.module(*given, **named)
        return map_leaves(found, lambda path, x: _cast(x, self.dtype, float32))


def _cast(value: Any, source: DType, target: DType) -> Any:
    return value.to(target) if isinstance(value, Tensor) and value.dtype is source else value


class GradScaler(FrameworkObject):
    """Multiplies a loss so that small gradients do not vanish, and leaves out steps whose gradients are not finite.

    As torch's: ``scaler.scale(loss).backward()``, ``scaler.step(optimizer)``, ``scaler.update()``. The scale is halved
    (backoff_factor) after a step that was left out, and doubled (growth_factor) after ``growth_interval`` good ones on
    end. All of it is state, and is chosen with ``where``: no value is looked at, so that it compiles. device is taken
    for torch's sake. Raises FrameworkError.
    """

    READ_BY_TRACES = True
    STORED = "scaler.state_dict()"

    def __init__(
        self,
        device: str = "cpu",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not growth_factor > 1 or not 0 < backoff_factor < 1:
            raise OptionError(
                f"{user_line()}: growth_factor is above 1 and backoff_factor between 0 and 1, not {growth_factor} and "
                f"{backoff_factor}"
            )
        self._enabled = enabled
        self.growth_factor, self.backoff_factor, self.growth_interval = growth_factor, backoff_factor, growth_interval
        self._scale, self._good = scalar_state(init_scale), scalar_state(0)
        self._unscaled: dict[int, Tensor] = {}

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale; 1 if it does nothing."""
        return float(self._scale.item()) if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A loss, or a nest of them, times the scale."""
        if not self._enabled:
            return outputs
        return map_leaves(outputs, lambda path, x: x * self._scale if isinstance(x, Tensor) else x)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimiser by the scale, to clip them before ``step``, say.

        Raises FrameworkError if that was done since the last ``update``.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._unscaled:
            raise OptionError(f"{user_line()}: unscale_() of this optimizer a second time since the last update()")
        with no_grad(), part_of("", "GradScaler", "unscaling"):
            bad = Tensor(False)
            inverse = self._scale.reciprocal()
            for parameter in (p for group in optimizer.param_groups for p in group.params):
                if parameter.grad is not None:
                    finite = abs(parameter.grad) < np.inf
                    bad = bad | (~finite).amax()
                    parameter.grad.copy_(parameter.grad * inverse)
        self._unscaled[id(optimizer)] = bad

    def step(self, optimizer: Optimizer) -> None:
        """``optimizer.step()`` with gradients divided by the scale, unless one of them is infinite or NaN."""
        if not self._enabled:
            optimizer.step()
            return
        if id(optimizer) not in self._unscaled:
            self.unscale_(optimizer)
        optimizer.step_unless(self._unscaled[id(optimizer)])

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Choose the next scale by what the steps since the last ``update`` found, or take ``new_scale``.

        Raises FrameworkError if there was no step.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale.assign(new_scale if isinstance(new_scale, Tensor) else number("the scale", new_scale))
            self._unscaled.clear()
            return
        if not self._unscaled:
            raise OptionError(f"{user_line()}: update() comes after step(), once for all optimizers")
        with no_grad(), part_of("", "GradScaler", "update"):
            first, *others = self._unscaled.values()
            bad = first
            for other in others:
                bad = bad | other
            good = self._good + 1
            grown = good == self.growth_interval
            raised = where(grown, self._scale * self.growth_factor, self._scale)
            raised = where(abs(raised) < np.inf, raised, self._scale)
            self._scale.assign(where(bad, self._scale * self.backoff_factor, raised))
            self._good.assign(where(bad | grown, 0.0, good))
        self._unscaled.clear()

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """The scale, and the good steps in a row."""
        yield "scale", self._scale
        yield "_growth_tracker", self._good

    def state_dict(self) -> dict[str, Any]:
        """Settings and state by torch's names; nothing if it does nothing."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self.growth_factor,
            "backoff_factor": self.backoff_factor,
            "growth_interval": self.growth_interval,
            "_growth_tracker": int(self._good.item()),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was called. Raises CheckpointError for other names."""
        own = self.state_dict()
        if not isinstance(state_dict, Mapping) or own.keys() != state_dict.keys():
            raise CheckpointError(f"{user_line()}: the state of this GradScaler is {', '.join(own) or 'empty'}")
        if not self._enabled:
            return
        new = {name: fitted(name, state_dict[name], tensor) for name, tensor in self.named_state()}
        self.growth_factor, self.backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self.growth_interval = state_dict["growth_interval"]
        for name, tensor in self.named_state():
            tensor.assign(new[name])


if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("amp", globals())
