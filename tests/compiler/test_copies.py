"""Programs that compute nothing: they copy an input, a state or a constant to an output, on every device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from weft.compiler.errors import CompileError
from weft.compiler.targets.accel.device import AccelDevice
from weft.compiler.targets.cpu.device import CpuDevice
from weft.framework import functional as F
from weft.framework.device import Device, use_device
from weft.framework.jit import jit
from weft.framework.tensor import Tensor
from weft.isa.checker import check
from weft.isa.validator import validate

ACCELERATOR, PROCESSOR = AccelDevice("nano", tune=False), CpuDevice()
VALUES = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array([True, False, True]),
    np.array([[-128], [5], [127]], np.int8),
    np.array(7, np.int32),
    np.arange(24, dtype=np.float32).reshape(2, 3, 4),
]


@pytest.fixture(params=[ACCELERATOR, PROCESSOR], ids=["accel", "cpu"])
def device(request: pytest.FixtureRequest) -> Device:
    found: Device = request.param
    return found


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v.dtype}{list(v.shape)}")
@pytest.mark.parametrize(
    ("step", "count"),
    [(lambda a: a, 1), (lambda a: (a, a), 2), (lambda a: (a, F.ones(2), a), 3)],
    ids=["one", "twice", "beside a constant"],
)
def test_an_input_is_an_output(device: Device, step: Callable[[Tensor], Any], count: int, value: np.ndarray) -> None:
    result = jit(step)(Tensor(value, device=device))
    results = result if isinstance(result, tuple) else (result,)
    assert len(results) == count
    for found in (results[0], results[-1]):
        assert found.numpy().dtype == value.dtype
        np.testing.assert_array_equal(found.numpy(), value)


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{v.dtype}{list(v.shape)}")
def test_a_state_or_a_constant_is_an_output(device: Device, value: np.ndarray) -> None:
    kept = Tensor(value, device=device)
    constant = F.full((2, 3), 1.5)
    with use_device(device):
        for step, expected in ((lambda: kept, value), (lambda: constant, np.full((2, 3), 1.5, np.float32))):
            np.testing.assert_array_equal(jit(step)().numpy(), expected)
        made = jit(lambda: F.full((2, 3), -2.0))()
    np.testing.assert_array_equal(made.numpy(), np.full((2, 3), -2, np.float32))


def test_operations_that_cancel_out_leave_a_copy(device: Device) -> None:
    x = Tensor(VALUES[0], device=device)
    np.testing.assert_array_equal(jit(lambda a: a.T.T)(x).numpy(), VALUES[0])


def test_a_step_without_results_runs(device: Device) -> None:
    x = Tensor(VALUES[0], device=device)
    assert jit(lambda a: None)(x) is None


def test_the_accelerators_program_copies() -> None:
    """One load, one pass, one store: the output is another place than the input."""
    graph = jit(lambda a: a).lower(VALUES[0])
    program = ACCELERATOR.compile(graph).program
    validate(program)
    check(program)
    (source,) = (b for b in program.buffers if b.kind == "input")
    (target,) = (b for b in program.buffers if b.kind == "output")
    assert source.address != target.address
    assert [i.spec.unit for i in program.instructions][:-1] == ["load", "vector", "store"]


def test_nothing_at_all_cannot_be_copied_by_the_accelerator() -> None:
    with pytest.raises(CompileError, match=r"output output: .*it has no elements; nearest: extents of at least 1"):
        jit(lambda a: a)(Tensor(np.zeros((0, 3), np.float32), device=ACCELERATOR))
