"""Index tensors, lists and masks in brackets: reading, writing and gradients, against torch and NumPy."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from weft.framework.device import use_device
from weft.framework.errors import AxisError, DTypeError, ShapeError, TraceError
from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of indexing")
SHAPES = ((5,), (4, 3), (2, 4, 3), (3, 1, 2, 4))


def _part(rng: random.Random, extent: int, together: tuple[int, ...]) -> Any:
    kind = rng.choice(("index", "index", "index", "slice", "number", "list", "all"))
    if kind == "slice":
        return slice(rng.randrange(extent), None, rng.choice((1, 2)))
    if kind == "number":
        return rng.randrange(-extent, extent)
    if kind == "all":
        return slice(None)
    shape = together[rng.randrange(len(together)) :] if rng.random() < 0.5 else together
    drawn = np.array([rng.randrange(-extent, extent) for _ in range(int(np.prod(shape)))], np.int64).reshape(shape)
    return drawn.tolist() if kind == "list" and drawn.ndim == 1 else drawn


def _key(rng: random.Random, shape: tuple[int, ...]) -> tuple[Any, ...]:
    together = rng.choice(((2,), (3,), (2, 3), (0,), (1,)))
    parts = [_part(rng, extent, together) for extent in shape[: rng.randint(1, len(shape))]]
    if rng.random() < 0.3:
        parts.insert(rng.randint(0, len(parts)), None)
    if rng.random() < 0.2:
        parts.insert(rng.randint(0, len(parts)), ...)
    if rng.random() < 0.2 and len(parts) == 1:
        parts = [np.array([rng.random() < 0.5 for _ in range(shape[0])])]
    return tuple(parts)


def _in(key: tuple[Any, ...], make: Any) -> tuple[Any, ...]:
    return tuple(make(part) if isinstance(part, np.ndarray) else part for part in key)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize("seed", range(60))
def test_reading_writing_and_gradients_are_torchs(seed: int, device: str) -> None:
    rng = random.Random(seed)
    shape = rng.choice(SHAPES)
    key, values = _key(rng, shape), np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    theirs = torch.tensor(values, requires_grad=True)
    with use_device(device):
        ours = tensor(values, requires_grad=True)
        try:
            wanted = theirs[_in(key, torch.tensor)]
        except (IndexError, RuntimeError):
            with pytest.raises((AxisError, ShapeError)):
                _ = ours[_in(key, tensor)]
            return
        got = ours[_in(key, tensor)]
        assert got.shape == tuple(wanted.shape), key
        np.testing.assert_array_equal(got.numpy(), wanted.detach().numpy(), str(key))
        weights = np.random.default_rng(1).normal(size=got.shape).astype(np.float32)
        (got * tensor(weights)).sum().backward()
        (wanted * torch.tensor(weights)).sum().backward()
        assert ours.grad is not None
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5, atol=1e-6)
        for value in (7.0, weights):
            changed, other = tensor(values), torch.tensor(values)
            changed[_in(key, tensor)] = value if isinstance(value, float) else tensor(value)
            other[_in(key, torch.tensor)] = value if isinstance(value, float) else torch.tensor(value)
            if isinstance(value, float) or len(np.unique(key[0])) == np.size(key[0]) or len(key) == 1:
                np.testing.assert_array_equal(changed.numpy(), other.numpy(), str(key))


@pytest.mark.parametrize("device", ["numpy", "cpu"])
def test_masks(device: str) -> None:
    with use_device(device):
        x = tensor([[1.0, -2.0], [-3.0, 4.0]])
        assert x[x > 0].tolist() == [1, 4]
        x[x < 0] = 0
        assert x.tolist() == [[1, 0], [0, 4]]
        x[tensor([True, False])] = tensor([8.0, 9.0])
        assert x.tolist() == [[8, 9], [0, 4]]
        x[x > 5] = tensor([1.0, 2.0])
        assert x.tolist() == [[1, 2], [0, 4]]
        x[:, 0][tensor([False, True])] = 5
        assert x.tolist() == [[1, 2], [5, 4]]
        counts = tensor([0, 0, 0])
        counts.index_put_((tensor([2, 0, 2]),), tensor([1, 1, 1]), accumulate=True)
        assert counts.tolist() == [1, 0, 2]


def test_in_a_jitted_function() -> None:
    @jit
    def chosen(x: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        y = x * 1
        y[y < 0] = 0
        return x[i], y

    for k in range(3):
        rows, clipped = chosen(tensor([[1.0, -1.0], [k, -k]]), tensor([1, k % 2]))
        assert rows.tolist() == [[k, -k], [[1, -1], [k, -k]][k % 2]]
        assert clipped.tolist() == [[1, 0], [k, 0]]
    with pytest.raises(TraceError, match=r"test_choosing.py:\d+: a mask in brackets, which chooses as many elements"):
        jit(lambda x: x[x > 0])(tensor([1.0]))


def test_what_does_not_fit_is_said() -> None:
    x = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    with pytest.raises(AxisError, match=r"test_choosing.py:\d+: index 3 is outside axis 1 of \[2, 3\]"):
        _ = x[:, [0, 3]]
    with pytest.raises(ShapeError, match=r"index tensors \[2\] and \[3\] do not broadcast"):
        _ = x[[0, 1], [0, 1, 2]]
    with pytest.raises(ShapeError, match=r"a mask \[3\] does not fit \[2, 3\] from axis 0 on"):
        _ = x[tensor([True, False, True])]
    with pytest.raises(DTypeError, match="indices are integers or bools, not float32"):
        _ = x[tensor([1.0])]
    with pytest.raises(ShapeError, match=r"\[4\] does not fit what is chosen, \[2\]"):
        x[[0, 1], [0, 1]] = tensor([1.0, 2.0, 3.0, 4.0])


def test_data_is_the_value_without_history() -> None:
    w: Any = tensor([1.0, 2.0], requires_grad=True)
    w.data = w.data * 3
    assert w.tolist() == [3, 6]
    assert w.requires_grad
    view: Any = w.data
    view[0] = 9
    assert w.tolist() == [9, 6]
