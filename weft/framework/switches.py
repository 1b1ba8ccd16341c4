"""What scripts ask and set about machines that are not here: CUDA, back ends of its, how exact products may be.

A script that runs on a GPU where there is one asks first, and gets "no". What only chooses between ways to the same
result, of which there is one here, is taken and kept.
"""

from __future__ import annotations

from typing import Any

from weft.framework.errors import OptionError
from weft.framework.origin import user_line
from weft.framework.refusals import UnknownNameError

PRECISIONS = ("highest", "high", "medium")


class AbsentDevices:
    """Devices of a kind that this machine may have and weft does not run on: as ``torch.cuda`` is without any."""

    def is_available(self) -> bool:
        """False."""
        return False

    is_built = is_initialized = is_bf16_supported = is_available

    def device_count(self) -> int:
        """0."""
        return 0

    def manual_seed(self, seed: int) -> None:
        """Nothing: there is no generator there."""

    manual_seed_all = manual_seed

    def empty_cache(self) -> None:
        """Nothing: nothing is kept there."""

    synchronize = empty_cache


class Backend(AbsentDevices):
    """A library that computes for such devices, as ``torch.backends.cudnn``: its settings are attributes, and kept."""

    def __init__(self, **settings: Any) -> None:
        for name, value in settings.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise UnknownNameError("this backend", name, dir(self))


cuda, mps = AbsentDevices(), AbsentDevices()
backends = Backend(
    cuda=Backend(matmul=Backend(allow_tf32=False)),
    cudnn=Backend(enabled=False, benchmark=False, deterministic=False, allow_tf32=False),
    mps=Backend(),
)


class _Precision:
    chosen = PRECISIONS[0]


def set_float32_matmul_precision(precision: str) -> None:
    """How float32 products may be computed: "highest", "high" or "medium". They are float32 in any case.

    Raises FrameworkError for another word.
    """
    if precision not in PRECISIONS:
        told = ", ".join(map(repr, PRECISIONS))
        raise OptionError(f"{user_line()}: a precision of products is one of {told}, not {precision!r}")
    _Precision.chosen = precision


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was given; "highest" at first."""
    return _Precision.chosen


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing to choose: every operation gives the same bits at each run, whatever ``mode`` is."""
