"""Every function and class that torch has too takes the same arguments, in the same order, with the same defaults."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

PARTS = ("nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn", "optim", "optim.lr_scheduler", "utils.data")
torch = pytest.importorskip("torch")

LEFT_OUT = {
    "foreach": "how gradients are clipped is the compiler's affair", "_stacklevel": "warnings name the user's line",
    "out": "results are new tensors", "antialias": "images are not filtered before they shrink",
    "min_value": "an older name of min_val", "max_value": "an older name of max_val",
    "pin_memory_device": "memory is pinned nowhere", "in_order": "batches come in order",
    "error_if_nonfinite": "the norm is looked at where it is clipped",
    "tensors": "it takes several, whatever they are called", "weight": "older losses of one shape take none",
}  # fmt: skip
"""Argument of torch's that is not here → why."""
OTHER_DEFAULTS = {
    "generator": "torch shows its own generator", "activation": "a name stands for the function",
    "modules": "an empty list", "parameters": "an empty list", "values": "an empty list",
    "drop_last": "False, as of a loader", "data": "a parameter has a value",
    "batch_sizes": "packed data has sizes", "margin": "0.0 is 0", "p": "2.0 is 2",
}  # fmt: skip
"""Argument with another default → why."""


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """What both have, by name: ours and torch's."""
    for part in PARTS:
        ours, theirs = (importlib.import_module(f"{root}.{part}") for root in ("weft", "torch"))
        for name in ours.__all__:
            other = getattr(theirs, name, None)
            if callable(other) and not inspect.ismodule(other):
                yield f"{part}.{name}", getattr(ours, name), other


def parameters(of: Any) -> dict[str, inspect.Parameter] | None:
    """By name; None for what tells nothing: C functions, and what takes whatever comes."""
    try:
        found = inspect.signature(of).parameters
    except (TypeError, ValueError):
        return None
    loose = any(p.kind is p.VAR_POSITIONAL for p in found.values()) and list(found)[:1] == ["args"]
    return None if loose else dict(found)


PAIRS = {name: both for name, *both in pairs()}


@pytest.mark.parametrize("name", PAIRS)
def test_arguments_are_torchs(name: str) -> None:
    ours, theirs = map(parameters, PAIRS[name])
    if ours is None or theirs is None:
        pytest.skip("it tells no arguments")
    left = {p for p in theirs if p not in ours and p not in LEFT_OUT}
    if any(p.kind is p.VAR_KEYWORD for p in ours.values()):
        left -= {"foreach", "fused", "capturable", "differentiable"}
    assert not left, f"{name} does not take {', '.join(sorted(left))}"
    orders = [
        [k for k, p in own.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and k in other]
        for own, other in ((ours, theirs), (theirs, ours))
    ]
    shared = min(map(len, orders))
    assert orders[0][:shared] == orders[1][:shared], f"{name} takes them in another order"
    for key in ours.keys() & theirs.keys() - OTHER_DEFAULTS.keys():
        mine, its = ours[key].default, theirs[key].default
        assert repr(mine) == repr(its) or mine == its, f"{name}: {key} is {mine!r}, in torch {its!r}"


def test_there_are_many() -> None:
    assert len(PAIRS) > 250
