"""``@jit``: state, specialisation, retracing, and what it refuses."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pytest

from tests.framework.small_model import X, Y, make, train_step
from weft.framework import functional, nn, optim
from weft.framework.device import NumpyDevice
from weft.framework.errors import DeviceError, FrameworkError, ShapeError, TraceError
from weft.framework.jit import JitFunction, RetraceWarning, jit, trace
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor


def test_jitted_training_is_eager_training() -> None:
    (model, optimizer), (twin, twin_optimizer) = make(), make()
    twin.load_state_dict(model.state_dict())
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    for i in range(6):
        if i == 3:
            optimizer.lr = twin_optimizer.lr = 0.02
        batch = slice(0, 6 if i % 2 else 4)
        jitted = step(X[batch], Y[batch])
        eager = train_step(twin, twin_optimizer, tensor(X[batch]), tensor(Y[batch]))
        assert jitted.item() == pytest.approx(eager.item(), rel=1e-6)
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value, rtol=1e-6, atol=1e-7)
    assert step.traces == 2  # two batch sizes; the learning rate is state


def test_the_step_is_one_graph_of_inputs_and_state() -> None:
    model, optimizer = make()

    @jit
    def step(x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"loss": train_step(model, optimizer, x, y)}

    graph = step.lower(X, Y)
    kinds = {n.attr("name"): n.attr("kind") for n in graph.nodes if n.op == "input"}
    state = [f"model.{i}.{p}" for i in (0, 2) for p in ("weight", "bias")]
    state += [f"optimizer.momentum_buffer.{i}" for i in range(4)]
    assert kinds == {"x": "input", "y": "input", "optimizer.lr": "state", **dict.fromkeys(state, "state")}
    assert sorted(dict(graph.updates)) == sorted(state)
    assert [name for name, _ in graph.outputs] == ["output.loss"]
    assert graph.digest() == trace(step, X, Y).digest()
    assert str(next(n for n in graph.nodes if n.op == "matmul").origin).endswith("in 0 (Linear)")
    bound = step.bind(X, Y)
    assert set(bound) == set(kinds)
    np.testing.assert_array_equal(bound["model.0.weight"], model.state_dict()["0.weight"])
    assert model.state_dict()["0.weight"].shape == (4, 3)  # lowering runs nothing and leaves state alone


def test_floats_are_traced_and_the_rest_specialises() -> None:
    @jit
    def f(x: Tensor, scale: float, power: int, negate: bool = False) -> Tensor:
        y = x**power * scale
        return -y if negate else y

    assert f(tensor([2.0]), 0.5, 2).tolist() == [2]
    assert f(tensor([3.0]), 1.5, 2).tolist() == [13.5]
    assert f.traces == 1
    assert f(tensor([2.0]), 0.5, 3).tolist() == [4]
    assert f(tensor([2.0]), 0.5, 3, negate=True).tolist() == [-4]
    assert f.traces == 3
    assert f(tensor([2.0]), 0.5, 2).tolist() == [2]
    assert f.traces == 3


def test_the_third_retrace_warns_and_names_the_argument() -> None:
    @jit
    def f(x: Tensor, k: int) -> Tensor:
        return x * k

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(3):
            f(tensor([1.0]), k)
    message = r"test_jit.py:\d+: f is traced for the 4th time, because argument 'x' changed from float32\[1\] to"
    with pytest.warns(RetraceWarning, match=message):
        f(tensor([1.0, 2.0]), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(tensor([1.0, 2.0, 3.0]), 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda x: x.sum().item(), r"\.item\(\) needs a value"),
        (lambda x: x if x.sum() > 0 else -x, r"bool\(\) \(an if, while, and, or, not\) needs a value"),
        (lambda x: float(x.sum()), r"float\(\) needs a value"),
        (lambda x: x.numpy(), r"\.numpy\(\) needs a value"),
        (lambda x: x.tolist(), r"\.tolist\(\) needs a value"),
        (lambda x: np.asarray(x), "conversion to a NumPy array needs a value"),
    ],
)
def test_values_are_refused_while_tracing(body: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(TraceError, match=rf"test_jit.py:\d+: {message}, but <lambda> is being traced by @jit"):
        jit(body)(tensor([1.0, 2.0]))
    assert tensor([1.0]).item() == 1  # the trace is over


def test_what_is_left_over_from_a_trace_says_so() -> None:
    kept: list[Tensor] = []
    w = tensor([2.0], requires_grad=True)

    @jit
    def f(x: Tensor) -> Tensor:
        kept.append(x * 2)
        (w * x).sum().backward()
        return x

    f(tensor([1.0]))
    assert w.grad is not None
    for dead in (kept[0], w.grad):
        with pytest.raises(TraceError, match=r"was made at .*test_jit.py:\d+.* while f was traced and was not"):
            (dead + 1).item()
        with pytest.raises(TraceError, match="while f was traced"):
            dead.item()


def test_gradients_accumulate_across_calls_as_state() -> None:
    w = tensor([2.0], requires_grad=True)
    w.grad = tensor([0.0])

    @jit
    def f(x: Tensor) -> None:
        (w * x).sum().backward()

    for _ in range(3):
        f(tensor([5.0]))
    assert w.grad.tolist() == [15]


def test_an_error_in_the_function_leaves_state_alone() -> None:
    w = tensor([2.0])

    @jit
    def f(x: Tensor) -> Tensor:
        w.assign(w * 2)
        return x + tensor([1.0, 2.0, 3.0])

    with pytest.raises(ShapeError, match=r"shapes \[2\] and \[3\] do not broadcast"):
        f(tensor([1.0, 2.0]))
    assert w.tolist() == [2]


def test_results_keep_their_structure_and_state_that_is_returned() -> None:
    count = tensor(0)

    @jit
    def f(pair: tuple[Tensor, dict[str, Tensor]], label: str) -> tuple[Tensor, list[Any], Tensor]:
        count.assign(count + 1)
        a, rest = pair
        return a + rest["b"], [count, label, None, 3], functional.ones(2)

    for calls in (1, 2):
        total, (seen, label, nothing, three), ones = f((tensor([1.0]), {"b": tensor([2.0])}), "l")
        assert (total.tolist(), seen.item(), label, nothing, three, ones.tolist()) == ([3], calls, "l", None, 3, [1, 1])
    assert count.item() == 2


def test_methods_and_nested_jit() -> None:
    class Counter:
        def __init__(self, start: float) -> None:
            self.total = tensor(start)

        @jit
        def add(self, x: Tensor) -> Tensor:
            self.total += double(x).sum()
            return self.total

    @jit
    def double(x: Tensor) -> Tensor:
        return x * 2

    a, b = Counter(0.0), Counter(100.0)
    a.add(tensor([1.0, 2.0]))
    assert a.add(tensor([1.0, 2.0])).item() == 12
    assert b.add(tensor([1.0])).item() == 102
    assert isinstance(a.add, JitFunction)
    assert [n for n, _ in a.add.lower(tensor([1.0])).updates] == ["total"]


def test_one_device() -> None:
    x, y = tensor([1.0]).to(NumpyDevice()), tensor([2.0]).to(NumpyDevice())
    with pytest.raises(DeviceError, match="operands on different devices"):
        jit(lambda: x + y)()
    with pytest.raises(DeviceError, match="<lambda> uses tensors on numpy, numpy; a jitted function runs on one"):
        jit(lambda: (x + 1, y + 1))()
    with pytest.raises(TraceError, match="move tensors before calling it"):
        jit(lambda v: v.to(NumpyDevice()))(x)


def test_moving_the_model_retraces() -> None:
    model, device = nn.Linear(3, 2), NumpyDevice()
    f = jit(lambda x: model(x))
    before = f(X)
    model.to(device)
    after = f(X)
    assert f.trace(X).device is device
    assert f.traces == 2
    np.testing.assert_array_equal(before.numpy(), after.numpy())


def test_a_module_is_taken_as_a_function() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    predict = jit(model)
    np.testing.assert_array_equal(predict(X).numpy(), jit(lambda x: model(x))(X).numpy())
    assert [name for name, _ in predict.trace(X).states] == ["self.0.weight", "self.0.bias"]


def test_an_argument_that_cannot_be_a_key() -> None:
    with pytest.raises(TraceError, match="a jitted function cannot take a set; give tensors, arrays, numbers"):
        jit(lambda s: 1)({1, 2})


def test_a_changed_setting_of_the_optimiser_counts() -> None:
    (model, optimizer), (twin, twin_optimizer) = make(momentum=0.0), make(momentum=0.0)
    twin.load_state_dict(model.state_dict())
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    settings = [(0.0, 0.01), (0.9, 0.01), (0.9, 0.01), (0.0, 0.5)]
    for momentum, decay in settings:
        for each in (optimizer, twin_optimizer):
            each.param_groups[0].update(momentum=momentum, weight_decay=decay)
        step(X, Y)
        train_step(twin, twin_optimizer, tensor(X), tensor(Y))
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], value, rtol=1e-5, atol=1e-6)
    assert step.traces == 3


def test_gradients_made_inside_do_not_accumulate_between_calls() -> None:
    w = nn.Parameter([2.0])
    optimizer = optim.SGD([w], lr=1.0)

    @jit
    def step(x: Tensor) -> None:
        (w * x).sum().backward()
        optimizer.step()

    for x in ([1.0], [1.0], [1.0, 2.0], [1.0]):  # the same, whether or not a call is traced
        step(tensor(x))
    assert w.tolist() == [2 - 1 - 1 - 3 - 1]
    with pytest.raises(TraceError, match=r"test_jit.py:\d+: step\(\) has .* call optimizer.zero_grad\(\) at the"):
        jit(lambda: optimizer.step())()
    (w * 7).sum().backward()  # eager work starts from none as well
    optimizer.step()
    assert w.tolist() == [-11]


def test_a_label_out_of_range_is_refused_at_every_call() -> None:
    model, optimizer = make()
    step = jit(lambda x, y: train_step(model, optimizer, x, y))
    step(X, Y)
    before = model.state_dict()
    message = r"small_model.py:\d+: cross_entropy: label 2 in row 3 of 'y' is not a class: the logits have 2 classes"
    with pytest.raises(FrameworkError, match=message):
        step(X, np.array([0, 1, 0, 2, 1, 0]))
    kept = tensor([0, -1])
    with pytest.raises(FrameworkError, match="label -1 in row 1 of 'kept' is not a class"):
        jit(lambda x: F.cross_entropy(x, kept))(X[:2, :2])
    np.testing.assert_array_equal(model.state_dict()["0.weight"], before["0.weight"])
    assert step.traces == 1


def test_keys_that_read_alike_are_two_arguments() -> None:
    x, y = tensor([1.0]), tensor([2.0])
    assert jit(lambda d: d[1] * 10 + d["1"])({1: x, "1": y}).item() == 12
    assert jit(lambda d: d["a"][0] * 10 + d["a.0"])({"a": [x], "a.0": y}).item() == 12
    both = jit(lambda x: {1: x, "1": x * 2})(x)
    assert (both[1].item(), both["1"].item()) == (1, 2)


def test_nests_of_classes_of_their_own_stay_what_they_are() -> None:
    class Open(dict[str, Any]):
        def __getattr__(self, name: str) -> Any:
            return self[name]

    class Pair(tuple[Any, ...]):
        def __new__(cls, a: Any, b: Any) -> Self:
            return super().__new__(cls, (a, b))

    class Several(list[Any]):
        pass

    x = tensor([3.0])
    nest = OrderedDict(a=Open(k=x), b=Pair(x, x), c=Several([x]))
    same: Any = jit(lambda n: n if n["a"].k.shape else None)(nest)
    assert [type(part) for part in (same, *same.values())] == [OrderedDict, Open, Pair, Several]
    assert same["a"].k.item() == same["b"][1].item() == same["c"][0].item() == 3


@pytest.mark.parametrize("wrong", [None, 3, "f"])
def test_what_cannot_be_called_is_refused(wrong: Any) -> None:
    with pytest.raises(TraceError, match=rf"test_jit.py:\d+: jit takes a function or .*, not {wrong!r}"):
        jit(wrong)


def test_a_float_argument_is_an_exponent_that_is_traced() -> None:
    def power(x: Tensor, n: float = 0.5) -> Any:
        return x**n

    jitted = jit(power)
    assert [round(jitted(tensor([4.0]), *given).item(), 4) for given in ((), (2.0,), (1.5,))] == [2, 16, 8]
    assert jitted(tensor([4.0]), 2).tolist() == [16]


def test_a_number_is_formatted_as_one() -> None:
    loss = tensor(0.125)
    assert (f"{loss:.2f}", f"{loss}", f"{tensor([1.0])}") == ("0.12", "0.125", "tensor([1.])")
    with pytest.raises(TraceError, match="needs a value"):
        jit(lambda x: (x, f"{x.sum():.2f}"))(tensor([1.0]))
    assert jit(lambda x: (x, f"{x.sum()}"))(tensor([1.0]))[1] == "tensor(traced, float32[])"


@pytest.mark.parametrize("before", [None, [5.0]], ids=["no gradient before", "one before"])
def test_a_trace_that_fails_leaves_gradients_as_they_were(before: list[float] | None) -> None:
    weight = tensor([2.0]).requires_grad_()
    weight.grad = None if before is None else tensor(before)

    @jit
    def step(x: Tensor) -> Tensor:
        (weight * x).sum().backward()
        raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        step(tensor([3.0]))
    assert (None if weight.grad is None else weight.grad.tolist()) == before
    (weight * 3).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [3.0 + sum(before or [])]
