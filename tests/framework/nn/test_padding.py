"""Padding and resizing modules against torch: values, gradients, reprs, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.framework.nn.against_torch import Case, check, check_jitted, ids, normal
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.nn import functional as F
from weft.framework.tensor import tensor

LINE, IMAGE, VOLUME = normal(2, 3, 5), normal(2, 3, 4, 5), normal(1, 2, 3, 4, 3)
DRAWN = {1: LINE, 2: IMAGE, 3: VOLUME}
SIDES = {1: (2, 1), 2: (1, 2, 0, 1), 3: (1, 1, 0, 2, 1, 0)}
CASES = [
    *[
        Case(f"{kind}Pad{n}d", (padding,), inputs=(DRAWN[n],))
        for kind in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3) for padding in (1, SIDES[n])
    ],
    *[Case(f"ConstantPad{n}d", (SIDES[n], 1.5), inputs=(DRAWN[n],)) for n in (1, 2, 3)],
    Case("ZeroPad2d", ((-1, 2, 1, -1),), inputs=(IMAGE,)),
    Case("ReflectionPad1d", (2,), inputs=(normal(3, 5),)),
    Case("Upsample", options={"scale_factor": 2}, inputs=(LINE,)),
    Case("Upsample", options={"scale_factor": 2}, inputs=(IMAGE,)),
    Case("Upsample", options={"scale_factor": (1.6, 0.7)}, inputs=(IMAGE,)),
    Case("Upsample", options={"size": (7, 3)}, inputs=(IMAGE,)),
    Case("Upsample", options={"size": 6, "mode": "nearest-exact"}, inputs=(IMAGE,)),
    Case("Upsample", options={"size": 2}, inputs=(VOLUME,)),
    *[
        Case("Upsample", options={**how, "mode": mode, "align_corners": aligned}, inputs=(drawn,))
        for mode, drawn in (("linear", LINE), ("bilinear", IMAGE), ("trilinear", VOLUME))
        for how in ({"size": 7}, {"size": 1}, {"size": 2}, {"scale_factor": 2}, {"scale_factor": 1.7})
        for aligned in (None, False, True)
    ],
    Case("Upsample", options={"scale_factor": 1.7, "recompute_scale_factor": True, "mode": "bilinear"}, inputs=[IMAGE]),
    Case("UpsamplingNearest2d", options={"scale_factor": 3}, inputs=(IMAGE,)),
    Case("UpsamplingBilinear2d", options={"size": (3, 9)}, inputs=(IMAGE,)),
]  # fmt: skip


@pytest.mark.parametrize("case", ids(CASES))
def test_padding_and_resizing_are_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids(CASES[::7]))
def test_jit_changes_nothing(case: Case) -> None:
    check_jitted(case)


def test_integers_are_padded_and_resized() -> None:
    x = tensor(np.arange(4).reshape(1, 1, 4))
    assert nn.ZeroPad1d(1)(x).numpy().tolist() == [[[0, 0, 1, 2, 3, 0]]]
    assert F.interpolate(x, 2).numpy().tolist() == [[[0, 2]]]


FRACTION: Any = 1.5  # what a type checker would refuse


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.ZeroPad2d((1, 2)), "ZeroPad2d: padding is one number or 4, not 2"),
        (lambda: nn.ReflectionPad1d(FRACTION), "padding is an integer, not 1.5"),
        (lambda: nn.ReflectionPad2d(1)(weft.zeros(3, 4)), r"ReflectionPad2d takes 3 or 4 axes, not \[3, 4\]"),
        (lambda: nn.ReflectionPad1d(3)(weft.zeros(1, 1, 3)), r"pad: 3 and 3 around axis 2 of \[1, 1, 3\] \(reflect\)"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3)), "takes size or scale_factor, one of them"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), 3, 2.0), "takes size or scale_factor, one of them"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), (3, 4)), "takes one number or 1, not 2"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), 0), "size is at least 1"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), scale_factor=0.1), r"\[1, 1, 3\] to \[0\]: no size may be zero"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), scale_factor=-1), "scale_factor is above zero and finite"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), 2, mode="bicubic"), "mode is one of nearest, .*, not 'bicubic'"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), 2, mode="bilinear"), r"bilinear takes 4 axes, not \[1, 1, 3\]"),
        (lambda: F.interpolate(weft.zeros(3), 2), r"mode nearest takes 3 to 5 axes, not \[3\]"),
        (lambda: F.interpolate(weft.zeros(1, 1, 3), 2, align_corners=True), "align_corners is for linear, bilinear"),
        (lambda: F.interpolate(tensor([[[1, 2]]]), 3, mode="linear"), "mode linear mixes floats, not int32"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_padding.py:\d+: .*{message}"):
        call()
