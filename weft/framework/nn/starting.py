"""The values that a layer's own parameters start with, drawn or set anew: ``reset_parameters``."""

from __future__ import annotations

import math
from typing import Any

from weft.framework.module import Module
from weft.framework.nn import init


class UniformStart(Module):
    """A layer whose parameters are uniform in ±1/√(inputs of an output) at the start."""

    weight: Any

    def _bound(self) -> float:
        return 1 / math.sqrt(math.prod(self.weight.shape[1:]))

    def reset_parameters(self) -> None:
        """Draw its own parameters anew, in place."""
        bound = self._bound()
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)


class UnitStart(Module):
    """A layer whose weight is one and whose bias is zero at the start."""

    def reset_parameters(self) -> None:
        """Set its own parameters, and statistics that it keeps, as they were at the start, in place."""
        for name, parameter in self.named_parameters(recurse=False):
            init.constant_(parameter, 1.0 if name == "weight" else 0.0)
        self.reset_running_stats()

    def reset_running_stats(self) -> None:
        """Forget what was seen of the data, if anything is kept of it."""
