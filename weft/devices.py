"""The devices that the command line offers, from its options."""

from __future__ import annotations

from weft.framework.device import Device, get_device
from weft.isa.machine import load


def device_of(device: str, machine: str, settings: tuple[tuple[str, int], ...], engine: str) -> Device:
    """The device for ``--device``, ``--machine``, ``--set`` and ``--engine``.

    The CPU rounds the operands of products to bf16 as the accelerator does, so that both run the same graph.
    """
    if device == "accel":
        return get_device("accel", machine=load(machine, dict(settings)), engine=engine)
    if device == "cpu":
        return get_device("cpu", precision="bf16")
    return get_device(device)
