"""A layer here and in torch, of one state: values, gradients, the repr, and what ``@jit`` makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import nn
from weft.framework.module import Module
from weft.framework.tensor import Tensor, tensor

Draw = Callable[[np.random.Generator], Any]
"""What makes an input."""


def normal(*shape: int, scale: float = 1.0) -> Draw:
    return lambda rng: (rng.normal(size=shape) * scale).astype(np.float32)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Draw:
    return lambda rng: rng.uniform(low, high, shape).astype(np.float32)


def integers(*shape: int, below: int, low: int = 0) -> Draw:
    return lambda rng: rng.integers(low, below, shape)


def signs(*shape: int) -> Draw:
    return lambda rng: rng.choice([-1.0, 1.0], shape).astype(np.float32)


def fixed(*values: Any) -> Draw:
    return lambda rng: np.array(values, np.float32)


@dataclass
class Case:
    """One layer: its class's name, its arguments, and what it is called with.

    args: as both take them; an array becomes a tensor. evaluates: called after ``eval()``. still: inputs, by place,
    that no gradient is asked of. steps: how often it is called (running statistics change). shown: whether the reprs
    are equal. call: further arguments of the call; an array becomes a tensor.
    """

    layer: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    inputs: Sequence[Draw] = (normal(3, 4),)
    evaluates: bool = False
    still: Sequence[int] = ()
    steps: int = 1
    shown: bool = True
    call: dict[str, Any] = field(default_factory=dict)
    rtol: float = 2e-5
    atol: float = 2e-6

    @property
    def name(self) -> str:
        given = [str(getattr(a, "shape", a)) for a in self.args] + [
            f"{k}={getattr(v, 'shape', v)}" for k, v in self.options.items()
        ]
        return f"{self.layer}({', '.join(given)}){'.eval()' * self.evaluates}"


def ids(cases: Sequence[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{i} {case.name}") for i, case in enumerate(cases)]


def both(case: Case) -> tuple[Module, Any]:
    """The layer here and torch's, of one random state."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)

    def made(of: Any, convert: Callable[[Any], Any]) -> Any:
        args = [converted(a, convert) for a in case.args]
        options = {k: converted(v, convert) for k, v in case.options.items()}
        return getattr(of, case.layer)(*args, **options)

    theirs = made(torch.nn, torch.tensor)
    ours: Module = made(nn, tensor)
    with torch.no_grad():
        for value in theirs.parameters():
            value.copy_(torch.tensor(rng.normal(size=tuple(value.shape)) * 0.5))
    found = ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    assert repr(found) == "<All keys matched successfully>"
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if case.evaluates:
        ours.eval()
        theirs.eval()
    return ours, theirs


def drawn(case: Case, step: int) -> list[Any]:
    rng = np.random.default_rng(100 + step)
    return [draw(rng) for draw in case.inputs]


def flat(result: Any) -> list[Any]:
    """The tensors of a result, in order."""
    if isinstance(result, tuple | list):
        return [part for one in result for part in flat(one)]
    return [] if result is None else [result]


def converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Arrays, also in tuples, as tensors."""
    if isinstance(value, tuple):
        return tuple(converted(part, convert) for part in value)
    return convert(value) if isinstance(value, np.ndarray) else value


def is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def check(case: Case) -> None:
    """Values, gradients of inputs and parameters, the state afterwards, and the repr."""
    torch = pytest.importorskip("torch")
    ours, theirs = both(case)
    assert not case.shown or repr(ours) == repr(theirs)
    for step in range(case.steps):
        arrays = drawn(case, step)
        wanted = [i for i, a in enumerate(arrays) if is_float(a) and i not in case.still]
        mine = [tensor(a, requires_grad=i in wanted) if isinstance(a, np.ndarray) else a for i, a in enumerate(arrays)]
        other = [
            torch.tensor(a, requires_grad=i in wanted) if isinstance(a, np.ndarray) else a for i, a in enumerate(arrays)
        ]
        ours.zero_grad()
        theirs.zero_grad()
        got = flat(ours(*mine, **{k: converted(v, tensor) for k, v in case.call.items()}))
        expected = flat(theirs(*other, **{k: converted(v, torch.tensor) for k, v in case.call.items()}))
        assert len(got) == len(expected)
        rng = np.random.default_rng(7)
        loss, aim = tensor(0.0), 0
        for a, b in zip(got, expected, strict=True):
            assert tuple(a.shape) == tuple(b.shape)
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=case.rtol, atol=case.atol)
            if b.requires_grad:
                cotangent = rng.normal(size=tuple(b.shape)).astype(np.float32)
                loss, aim = loss + (a * tensor(cotangent)).sum(), aim + (b * torch.tensor(cotangent)).sum()
        if isinstance(aim, int):
            continue
        loss.backward()
        aim.backward()
        for i in wanted:
            if other[i].grad is None:
                assert mine[i].grad is None
                continue
            np.testing.assert_allclose(mine[i].grad.numpy(), other[i].grad.numpy(), rtol=case.rtol * 5, atol=1e-5)
        for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert (p.grad is None) == (q.grad is None), name
            if p.grad is not None:
                np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=case.rtol * 5, atol=2e-5, err_msg=name)
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


def check_jitted(case: Case) -> None:
    """As un-jitted, state afterwards too: the same operations, so to rounding of one compiled graph."""
    plain, jitted = both(case)[0], both(case)[0]
    call = {k: converted(v, tensor) for k, v in case.call.items()}
    step: Callable[..., Any] = weft.jit(lambda *inputs: jitted(*inputs, **call))
    for i in range(case.steps + 1):
        arrays = [tensor(a) if isinstance(a, np.ndarray) else a for a in drawn(case, i)]
        for a, b in zip(flat(plain(*arrays, **call)), flat(step(*arrays)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)
    for name, value in plain.state_dict().items():
        np.testing.assert_allclose(jitted.state_dict()[name], value, rtol=1e-6, atol=1e-7)


def narrow(case: Case) -> Tensor:
    """What the layer gives in bfloat16."""
    ours, _ = both(case)
    ours.bfloat16()
    arrays = drawn(case, 0)
    result: Tensor = ours(*(tensor(a, dtype="bfloat16") if is_float(a) else a for a in arrays))
    return result
