"""Post-training quantisation: ranges, scales, what is refused and how the refusal reads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from weft.framework import nn
from weft.framework.data import DataLoader, TensorDataset
from weft.framework.errors import GradientError, ShapeError
from weft.framework.jit import jit
from weft.framework.quantisation import CalibrationError, quantise
from weft.framework.quantised import LARGEST, SMALLEST, QuantisedLinear, quantise_array, scale_for
from weft.framework.random import Generator, manual_seed, rand
from weft.framework.tensor import Tensor

UNCHECKED: Any = quantise
"""For arguments that a type checker would find."""


def mlp(*widths: int, seed: int = 0) -> nn.Sequential:
    """Linear layers with ReLUs between."""
    generator = Generator(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b, generator=generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def data(rows: int = 50, columns: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def layer(model: nn.Sequential, index: int) -> QuantisedLinear:
    found = model[index]
    assert isinstance(found, QuantisedLinear)
    return found


def test_minmax_takes_the_largest_magnitude_and_percentile_less() -> None:
    x = data()
    widest = layer(quantise(mlp(6, 4), x), 0)
    assert widest.input_scale.item() == np.float32(np.abs(x).max() / 127)
    narrower = layer(quantise(mlp(6, 4), x, "percentile", 90), 0)
    assert narrower.input_scale.item() == np.float32(np.percentile(np.abs(x), 90) / 127)
    assert narrower.input_multiplier.item() == np.float32(1) / np.float32(narrower.input_scale.item())


def test_percentile_of_hardly_anything_but_zeros_takes_the_largest() -> None:
    x = np.zeros((50, 6), np.float32)
    x[7, 3] = -2.5
    assert layer(quantise(mlp(6, 4), x, "percentile", 99), 0).input_scale.item() == np.float32(2.5 / 127)


def test_weights_are_scaled_for_each_output_channel() -> None:
    model = mlp(6, 4)
    weight = np.arange(24, dtype=np.float32).reshape(4, 6) * np.array([[1], [10], [0], [-0.1]], np.float32)
    first = model[0]
    assert isinstance(first, nn.Linear)
    first.weight.assign(Tensor(weight))
    made = layer(quantise(model, data()), 0)
    integers = made.weight.numpy()
    assert integers.dtype == np.int8
    assert np.abs(integers).max(axis=1).tolist() == [127, 127, 0, 127]
    steps = made.weight_scale.numpy()
    assert np.all(np.abs(integers * steps[:, None] - weight) <= steps[:, None] / 2 * 1.0001)
    assert steps[2] > 0


@pytest.mark.parametrize("factor", [1.0, 1e4, 1e9])
def test_a_bias_far_beyond_the_weights_still_fits(factor: float) -> None:
    model = mlp(6, 4)
    first = model[0]
    assert isinstance(first, nn.Linear)
    assert first.bias is not None
    first.bias.assign(Tensor(np.array([0, 0.5, -1, 2], np.float32) * np.float32(factor)))
    made = layer(quantise(model, data()), 0)
    assert made.bias is not None
    assert np.abs(made.bias.numpy()).max() <= 2**30
    back = made.bias.numpy() * made.input_scale.item() * made.weight_scale.numpy().astype(np.float64)
    np.testing.assert_allclose(back, first.bias.numpy(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("largest", "expected"), [(127.0, 1.0), (0.0, 1.0), (1e-30, SMALLEST), (1e30, LARGEST), (1.0, np.float32(1 / 127))]
)
def test_scales(largest: float, expected: float) -> None:
    assert scale_for(np.asarray(largest)) == np.float32(expected)


def test_rounding_on_the_host_is_to_even_and_saturates() -> None:
    assert quantise_array(np.asarray([0.5, 1.5, -2.5, 300, -300]), np.asarray(1.0)).tolist() == [0, 2, -2, 127, -127]


@pytest.mark.parametrize("value", [0.0, 3.25, -7.0])
def test_a_constant_activation(value: float) -> None:
    model, x = mlp(6, 5, 3), np.full((20, 6), value, np.float32)
    expected, got = model(Tensor(x)).numpy(), quantise(model, x)(Tensor(x)).numpy()
    np.testing.assert_allclose(got, expected, atol=0.02 * max(1, abs(value)))


def test_the_model_stays_as_it_is_and_the_copy_is_close() -> None:
    model, x = mlp(6, 20, 20, 3), data()
    before = model.state_dict()
    quantised = quantise(model, x)
    assert [type(m).__name__ for m in quantised._modules.values()] == [
        "QuantisedLinear", "ReLU", "QuantisedLinear", "ReLU", "QuantisedLinear"
    ]  # fmt: skip
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert isinstance(model[0], nn.Linear)
    expected = model(Tensor(x)).numpy()
    np.testing.assert_allclose(quantised(Tensor(x)).numpy(), expected, atol=0.03 * np.abs(expected).max())


def test_state_can_be_saved_and_loaded() -> None:
    x = data()
    one, other = quantise(mlp(6, 4, 2, seed=1), x), quantise(mlp(6, 4, 2, seed=2), x * 3)
    other.load_state_dict(one.state_dict())
    assert np.array_equal(one(Tensor(x)).numpy(), other(Tensor(x)).numpy())


@pytest.mark.parametrize(
    "form",
    [
        lambda x: Tensor(x),
        lambda x: x.astype(np.float64),
        lambda x: [x[:20], x[20:]],
        lambda x: x.tolist(),
        lambda x: [(x, np.zeros(len(x)))],
        lambda x: DataLoader(TensorDataset(x, np.arange(len(x))), batch_size=7),
    ],
)
def test_forms_of_data(form: Callable[[np.ndarray], Any]) -> None:
    x = data()
    assert layer(quantise(mlp(6, 4), form(x)), 0).input_scale.item() == np.float32(np.abs(x).max() / 127)


def test_more_than_two_axes_and_modules_of_ones_own() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 6, generator=Generator(1))

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = x + self.inner(x).sigmoid()
            return result

    model = nn.Sequential(Residual(), nn.Linear(6, 2, bias=False, generator=Generator(2)))
    x = data(24).reshape(4, 6, 6)
    quantised = quantise(model, x)
    assert [name for name, m in quantised.named_modules() if isinstance(m, QuantisedLinear)] == ["0.inner", "1"]
    np.testing.assert_allclose(quantised(Tensor(x)).numpy(), model(Tensor(x)).numpy(), atol=0.05)


def test_a_layer_used_twice_is_one() -> None:
    shared = nn.Linear(6, 6, generator=Generator(1))
    quantised = quantise(nn.Sequential(shared, nn.ReLU(), shared), data())
    assert quantised[0] is quantised[2]


def test_one_layer_alone() -> None:
    made: nn.Module = quantise(nn.Linear(6, 2, generator=Generator(0)), data())
    assert repr(made) == "QuantisedLinear(in_features=6, out_features=2, bias=True)"


def test_a_jitted_method_is_compiled_anew_for_the_copy() -> None:
    class Jitted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 3, generator=Generator(1))

        @jit
        def forward(self, x: Tensor) -> Any:
            return self.inner(x).relu()

    model, x = Jitted(), data()
    expected = model(Tensor(x)).numpy()
    quantised = quantise(model, x)
    got = quantised(Tensor(x)).numpy()
    assert isinstance(quantised.inner, QuantisedLinear)
    assert not np.array_equal(got, expected)
    np.testing.assert_allclose(got, expected, atol=0.05)
    assert np.array_equal(model(Tensor(x)).numpy(), expected)


def test_jitted_methods_under_another_name_or_overridden_by_a_plain_one() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(6, 3, generator=Generator(1))

        def forward(self, x: Tensor) -> Any:
            return self.inner(x)

        fast = jit(forward)
        shown: Any = jit(forward)

    class Overridden(Plain):
        def shown(self, x: Tensor) -> Any:
            return self.forward(x)

    model, x = Overridden(), data()
    expected = model.fast(Tensor(x)).numpy()
    quantised = quantise(model, x)
    got = quantised(Tensor(x)).numpy()
    assert not np.array_equal(got, expected)
    np.testing.assert_allclose(got, expected, atol=0.05)
    np.testing.assert_array_equal(quantised.fast(Tensor(x)).numpy(), got)
    np.testing.assert_array_equal(model.fast(Tensor(x)).numpy(), expected)


def test_the_default_generator_is_left_alone() -> None:
    model = mlp(6, 4)
    manual_seed(3)
    expected = rand(4).numpy()
    manual_seed(3)
    quantise(model, data())
    assert np.array_equal(rand(4).numpy(), expected)


class Scaled(nn.Module):
    """A module with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(np.ones(6, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x * self.factor
        return result


class Peeking(nn.Module):
    """A module that reads an attribute of its layer."""

    def __init__(self, attribute: str) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6, generator=Generator(1))
        self.attribute = attribute

    def forward(self, x: Tensor) -> Any:
        return self.inner(x) + getattr(self.inner, self.attribute)


def scaled(weights: float = 1, bias: float = 0) -> nn.Linear:
    """A Linear of such a weight and bias throughout."""
    model = nn.Linear(6, 4)
    assert model.bias is not None
    model.load_state_dict({"weight": np.full((4, 6), weights), "bias": np.full(4, bias)})
    return model


def broken() -> nn.Sequential:
    model = mlp(6, 4)
    first = model[0]
    assert isinstance(first, nn.Linear)
    first.weight.assign(Tensor(np.full((4, 6), np.nan, np.float32)))
    return model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantise(mlp(6, 4), data(), "entropy"),
         "unknown calibration method 'entropy'; there are: minmax, percentile"),
        (lambda: UNCHECKED(mlp(6, 4), data(), ["minmax"]),
         r"unknown calibration method \['minmax'\]; there are: minmax"),
        (lambda: quantise(mlp(6, 4), data(), "percentile", np.float32(101)), "at most 100, not .*101"),
        (lambda: UNCHECKED(mlp(6, 4), data(), "percentile", "99"), "at most 100, not '99'"),
        (lambda: quantise(Peeking("weight"), data()),
         r"the model reads .weight of layer 'inner' \(Linear\), which has no such float value once it is quantised"),
        (lambda: quantise(Peeking("bias"), data()), "the model reads .bias of layer 'inner'"),
        (lambda: quantise(mlp(6, 4), data() * 1e18),
         r"layer '0' \(Linear\) cannot be quantised: its inputs reach .*e\+18 in magnitude, and int8 represents what "
         r"reaches between 1.2e-10 and 1.4e\+14 \(the scale is within 2\^-40..2\^40\); scale the data or the model"),
        (lambda: quantise(mlp(6, 4), data() * 1e-12), r"layer '0' \(Linear\) .*its inputs reach .*e-12"),
        (lambda: quantise(mlp(6, 4), data() * 1e-12, "percentile"), r"layer '0' \(Linear\) .*its inputs reach .*e-12"),
        (lambda: quantise(scaled(1e-12), data()), r"the model \(Linear\) cannot .*its weights reach 1e-12 in"),
        (lambda: quantise(scaled(1e16), data()), r"the model \(Linear\) cannot .*its weights reach 1e\+16 in"),
        (lambda: quantise(scaled(1, 1e30), data() * 1e-8), r"its bias reaches 1e\+30 in magnitude; beside its inputs"),
        (lambda: quantise(mlp(6, 4), data(), "percentile", 0), "percentile is above 0 and at most 100, not 0"),
        (lambda: quantise(mlp(6, 4), data(), "percentile", 100.5), "at most 100, not 100.5"),
        (lambda: quantise(mlp(6, 4), data(0)), "calibration data is empty; give some typical inputs"),
        (lambda: quantise(mlp(6, 4), []), "calibration data is empty"),
        (lambda: quantise(mlp(6, 4), 3), "calibration data is an array, a tensor or batches of them, not int"),
        (lambda: quantise(mlp(6, 4), np.ones((), np.float32)), r"calibration data is \[samples, ...\], not one"),
        (lambda: quantise(mlp(6, 4), np.where(np.arange(12).reshape(2, 6) == 8, np.nan, 1)),
         r"calibration data is not finite: batch 0 holds nan at \[1, 2\]"),
        (lambda: quantise(nn.Sequential(nn.Linear(6, 6), Scaled()), data()),
         r"layer '1' \(Scaled\) cannot be quantised: it has parameters \(factor\) and is no nn.Linear"),
        (lambda: quantise(quantise(mlp(6, 4, 2), data()), data()),
         r"layer '0' \(QuantisedLinear\) cannot be quantised: it is quantised already"),
        (lambda: quantise(broken(), data()), r"layer '0' \(Linear\) cannot be quantised: it has parameters that are"),
        (lambda: quantise(nn.Sequential(nn.ReLU()), data()), r"the model \(Sequential\) has no nn.Linear layer"),
        (lambda: UNCHECKED(nn.ReLU, data()), "quantise takes a Module, not a type"),
        (lambda: quantise(nn.Linear((1 << 16) + 1, 1), data()), "more than 65,536 inputs"),
    ],
)  # fmt: skip
def test_refusals(call: Callable[[], object], message: str) -> None:
    with pytest.raises(CalibrationError, match=rf"test_quantisation.py:\d+: .*{message}"):
        call()


def test_data_of_another_shape() -> None:
    with pytest.raises(ShapeError, match=r"does not take the calibration data: .*Linear\(6, 4\) takes .*, not \[9, 5"):
        quantise(mlp(6, 4), data(9, 5))


def test_a_layer_that_no_data_reached() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(6, 2), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Any:
            return self.used(x)

    with pytest.raises(CalibrationError, match=r"no calibration data reached layer 'spare' \(Linear\)"):
        quantise(Unused(), data())


def test_use_that_a_quantised_layer_refuses() -> None:
    model = quantise(mlp(6, 4), data())
    with pytest.raises(GradientError, match="has no gradient, rounding is flat; train the float model"):
        model(Tensor(data(), requires_grad=True))
    with pytest.raises(ShapeError, match=r"QuantisedLinear\(in_features=6, .*\) takes \[..., 6\], not \[50, 5\]"):
        model(Tensor(data(50, 5)))


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_activations_that_overflow_are_told_by_layer(method: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Sequential(Doubling(), nn.Linear(6, 4)))
    with pytest.raises(CalibrationError, match=r"layer '1.1' \(Linear\) cannot .*: its inputs reach inf, which is not"):
        quantise(model, np.full((4, 6), 3e38, np.float32), method)


class Doubling(nn.Module):
    """x / 0.5 without warnings of the host."""

    def forward(self, x: Tensor) -> Any:
        with np.errstate(over="ignore"):
            return Tensor(x.numpy() * np.float32(2))


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1e12])
def test_data_within_the_range_of_scales_is_quantised_well(factor: float) -> None:
    model, x = nn.Linear(6, 4, bias=False, generator=Generator(0)), data() * np.float32(factor)
    expected = model(Tensor(x)).numpy()
    np.testing.assert_allclose(quantise(model, x)(Tensor(x)).numpy(), expected, atol=0.02 * np.abs(expected).max())


def test_a_channel_that_is_nothing_beside_the_others_counts_as_zeros() -> None:
    model = nn.Linear(6, 2, bias=False)
    model.load_state_dict({"weight": np.array([[1] * 6, [1e-20] * 6], np.float32)})
    x = data()
    np.testing.assert_allclose(quantise(model, x)(Tensor(x)).numpy(), model(Tensor(x)).numpy(), atol=0.1)


@pytest.mark.parametrize("percentile", [np.float32(99), np.int64(99), np.float64(99), Fraction(99)])
def test_any_real_number_is_a_percentile(percentile: Any) -> None:
    made, expected = (quantise(mlp(6, 4), data(), "percentile", p) for p in (percentile, 99))
    assert layer(made, 0).input_scale.item() == layer(expected, 0).input_scale.item()


def test_extents_of_a_layer_may_be_read() -> None:
    model, x = Peeking("in_features"), data()
    quantised = quantise(model, x)
    np.testing.assert_allclose(quantised(Tensor(x)).numpy(), model(Tensor(x)).numpy(), atol=0.05)


def test_a_deep_copy_computes_the_same_and_is_its_own() -> None:
    x = data()
    model = quantise(mlp(6, 4, 2), x)
    twin = copy.deepcopy(model)
    before = model(Tensor(x)).numpy()
    np.testing.assert_array_equal(twin(Tensor(x)).numpy(), before)
    twin.load_state_dict({name: value * 0 for name, value in twin.state_dict().items()})
    np.testing.assert_array_equal(model(Tensor(x)).numpy(), before)


def test_numbers_that_are_none_become_ordinary_ones() -> None:
    """docs/arithmetic.md, Quantisation: what is no ordinary number."""
    model = quantise(mlp(6, 4), data())
    step = layer(model, 0).input_scale.item()
    odd = np.array([[np.nan] * 6, [np.inf] * 6, [-np.inf] * 6], np.float32)
    ordinary = np.array([[127 * step] * 6, [127 * step] * 6, [-128 * step] * 6], np.float32)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(model(Tensor(odd)).numpy(), model(Tensor(ordinary)).numpy())
