"""A tensor that is there only while a function is traced: no module keeps it, and if it escapes it says where from."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

from weft.framework import nn
from weft.framework.errors import TraceError
from weft.framework.jit import jit
from weft.framework.tensor import Tensor, tensor


class Keeping(nn.Module):
    """Keeps what it computed."""

    last: Tensor
    seen: Tensor

    def __init__(self, keep: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.keep = keep
        self.register_buffer("last", tensor([0.0]))

    def forward(self, x: Tensor) -> Any:
        self.keep(self, x * 2)
        return x


@pytest.mark.parametrize(
    ("keep", "name"),
    [
        (lambda m, h: setattr(m, "h", h), "h"),
        (lambda m, h: setattr(m, "h", [h, {"deep": h}]), "h"),
        (lambda m, h: setattr(m, "h", h[0]), "h"),
        (lambda m, h: setattr(m, "last", h), "last"),
        (lambda m, h: m.register_buffer("extra", h), "extra"),
        (lambda m, h: setattr(m, "w", nn.Parameter(h)), "w"),
    ],
)
def test_a_traced_tensor_is_not_kept_by_a_module(keep: Callable[[Any, Tensor], Any], name: str) -> None:
    model = Keeping(keep)
    message = rf"test_escapes.py:\d+: Keeping.{name} is given a tensor made while <lambda> is traced by @jit, which"
    with pytest.raises(TraceError, match=message):
        jit(lambda x: model(x))(tensor([1.0]))
    assert model.last.tolist() == [0]
    assert not hasattr(model, "h")
    model(tensor([1.0]))  # eagerly it is kept


def test_what_a_module_may_keep() -> None:
    model = Keeping(lambda m, h: m.last.assign(h))
    step = jit(lambda x: model(x))
    step(tensor([4.0]))
    assert model.last.tolist() == [8]
    view = Keeping(lambda m, h: setattr(m, "seen", m.last[0]))
    jit(lambda x: view(x))(tensor([1.0]))
    view.last.assign([3.0])
    assert view.seen.tolist() == 3, "a view of state outlasts the trace"


@pytest.mark.parametrize("place", ["global", "list", "closure", "object", "dictionary"])
def test_a_traced_tensor_that_escapes_says_where_it_was_made(place: str) -> None:
    kept: list[Any] = []
    box, table, inner = types.SimpleNamespace(), dict[str, Any](), None

    def escape(x: Tensor) -> Tensor:
        nonlocal inner
        h = x * 2
        if place == "global":
            globals()["ESCAPED"] = h
        elif place == "list":
            kept.append(h)
        elif place == "object":
            box.h = h
        elif place == "dictionary":
            table["h"] = h
        else:
            inner = h
        return x

    jit(escape)(tensor([1.0]))
    found = {
        "global": globals().get("ESCAPED"), "list": kept and kept[0], "object": getattr(box, "h", None),
        "dictionary": table.get("h"), "closure": inner,
    }[place]  # fmt: skip
    uses: list[Callable[[Any], Any]] = [lambda t: t + 1, lambda t: t.numpy(), lambda t: t[0], lambda t: t.add_(1)]
    for use in (*uses, lambda t: tensor([1.0]).copy_(t)):
        with pytest.raises(TraceError, match=r"made at .*test_escapes.py:\d+ while escape was traced and was not"):
            use(found)


@pytest.mark.parametrize("argument", ["the state", "a view of it", "nested"])
def test_an_argument_that_is_a_state_which_changes_is_refused(argument: str) -> None:
    """In the graph the two are different inputs, and the argument would keep its old value."""
    weight = tensor([1.0, 2.0, 3.0])

    @jit
    def step(a: dict[str, Any]) -> Any:
        weight.add_(1)
        return a["x"] + 0

    given = {"the state": weight, "a view of it": weight[0:2], "nested": weight.detach().reshape(3, 1)}[argument]
    with pytest.raises(
        TraceError, match=r"test_escapes.py:\d+: argument a.x is weight, or a view of it, which the jitted"
    ):
        step({"x": given})
    assert weight.tolist() == [1.0, 2.0, 3.0]
    assert step({"x": Tensor(weight)}).tolist() == [1.0, 2.0, 3.0]
    assert weight.tolist() == [2.0, 3.0, 4.0]


def test_an_argument_that_is_a_state_which_only_is_read_is_taken() -> None:
    weight = tensor([1.0, 2.0])
    assert jit(lambda a: a * weight)(weight).tolist() == [1.0, 4.0]


def test_requires_grad_can_be_set() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad = False
    assert (layer.weight.requires_grad, layer.bias is not None and layer.bias.requires_grad) == (False, True)
