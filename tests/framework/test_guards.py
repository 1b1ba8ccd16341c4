"""What a jitted function read of the Python around it: changed, it is traced anew; unchanged, nothing is."""

from __future__ import annotations

import argparse
import copy
import functools
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from weft.framework import nn, optim
from weft.framework.guards import MOST_ELEMENTS
from weft.framework.jit import RetraceWarning, jit
from weft.framework.tensor import Tensor, tensor

FACTOR = 2.0
TABLE: dict[str, Any] = {"scale": 2.0, "unused": [1]}
LAYERS: list[nn.Module] = []
WEIGHT = tensor([2.0])
ARRAY = np.array([2], np.float32)
SETTINGS: Any = types.ModuleType("settings")
exec("SCALE = 2.0\nOTHER = 1", vars(SETTINGS))


def scaled(x: Tensor) -> Tensor:
    return x * FACTOR


class Config:
    """Settings as an object, with one of its class."""

    offset: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self.scale, self.unused = 2.0, 0

    @property
    def twice(self) -> float:
        return self.scale * 2


@dataclass(slots=True)
class Slotted:
    """Settings without a dictionary."""

    scale: float = 2.0


CONFIG, SLOTTED = Config(), Slotted()


class Scale(nn.Module):
    """Its input times what its attributes say."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.factors, self.options = 2.0, [2.0, 3.0], {"on": True}
        self.weight = nn.Parameter([2.0])
        self.register_buffer("mean", tensor([2.0]))
        self.layers = nn.Sequential()
        self.parts = [Config(), Config()]
        self.unused = 0

    def forward(self, x: Tensor) -> Any:
        return x * self.scale

    def listed(self, x: Tensor) -> Any:
        return x * self.factors[0] if self.options["on"] else x

    def weighted(self, x: Tensor) -> Any:
        return x * self.weight + self.mean

    def through(self, x: Tensor) -> Any:
        return self.layers(x) * getattr(self, "sca" + "le") * self.parts[1].scale

    def by_factor(self, x: Tensor) -> Any:
        return x * FACTOR

    def by_mode(self, x: Tensor) -> Any:
        return x * (2 if self.training else 3)

    def optional(self, x: Tensor) -> Any:
        return x if not hasattr(self, "extra") else x * 5


class Two(nn.Module):
    """Twice its input."""

    def forward(self, x: Tensor) -> Any:
        return x * 2


class Five(nn.Module):
    """Five times its input."""

    def forward(self, x: Tensor) -> Any:
        return x * 5


LAYERS.append(Two())


def set_global(name: str, value: Any) -> Callable[[Scale], Any]:
    return lambda model: globals().__setitem__(name, value)


class Open(dict[str, Any]):
    """A dictionary whose keys are attributes; what is missing is a KeyError."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Reading:
    """Reads a global in each way that Python calls a method without an attribute of the instance."""

    def __call__(self, x: Tensor) -> Any:
        return x * FACTOR

    def __getitem__(self, place: int) -> Any:
        return FACTOR

    @property
    def factor(self) -> float:
        return FACTOR

    @staticmethod
    def static() -> float:
        return FACTOR

    @functools.cached_property
    def kept(self) -> float:
        return 2.0


class Making:
    """Reads a global when it is made, and later."""

    def __init__(self, x: Tensor) -> None:
        self.x = x * FACTOR

    def method(self) -> Any:
        return self.x * FACTOR


class OfSuper(Scale):
    """Calls the method that it hides, which reads a global."""

    def by_factor(self, x: Tensor) -> Any:
        return super().by_factor(x) + 1


def with_defaults(x: Tensor, scales: list[float] = [2.0], factor: float = 2.0, *, last: float = 2.0) -> Any:  # noqa: B006 (that it changes is the case)
    return x * scales[0] * factor * last * by_default.power


def importing(x: Tensor) -> Any:
    from settings_of_a_test import SCALE  # type: ignore[import-not-found]  # it is in sys.modules, see below

    return x * SCALE


by_default: Any = with_defaults
by_default.power = 2.0
sys.modules["settings_of_a_test"] = SETTINGS
SPACE, PARSED, QUEUE = types.SimpleNamespace(scale=2.0), argparse.Namespace(scale=2.0), deque([2.0])
OPEN, READING, OF_SUPER = Open(scale=2.0), Reading(), OfSuper()
INSIDE = types.SimpleNamespace(space=types.SimpleNamespace(scale=2.0))

MODEL: Any = None
CASES: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Any], str]] = {
    "a number of a module": (lambda x: MODEL(x), lambda m: setattr(m, "scale", 3.0), "scale changed from 2.0 to 3.0"),
    "an element of a list": (lambda x: MODEL.listed(x), lambda m: m.factors.__setitem__(0, 4.0), "factors[0] changed"),
    "another list": (lambda x: MODEL.listed(x), lambda m: setattr(m, "factors", [4.0]), "factors is another list"),
    "a longer list": (lambda x: MODEL.listed(x), lambda m: m.factors.append(4.0), "has 3 elements, not 2"),
    "a dictionary": (lambda x: MODEL.listed(x), lambda m: m.options.update(on=False), "['on'] changed from True"),
    "a parameter": (
        lambda x: MODEL.weighted(x), lambda m: setattr(m, "weight", nn.Parameter([5.0])), "weight is another Parameter",
    ),
    "a buffer": (lambda x: MODEL.weighted(x), lambda m: setattr(m, "mean", m.mean + 1), "mean is another Tensor"),
    "a frozen parameter": (lambda x: MODEL.weighted(x), lambda m: m.weight.requires_grad_(False), "requires_grad of"),
    "one more module": (lambda x: MODEL.through(x), lambda m: setattr(m.layers, "0", Two()), "layers holds has"),
    "an object in a list": (lambda x: MODEL.through(x), lambda m: setattr(m.parts[1], "scale", 4.0), "[1].scale"),
    "a name made up": (lambda x: MODEL.through(x), lambda m: setattr(m, "scale", 4.0), "scale changed from 2.0 to 4.0"),
    "the mode": (lambda x: MODEL.by_mode(x), lambda m: m.eval(), "training changed from True to False"),
    "an attribute added": (lambda x: MODEL.optional(x), lambda m: setattr(m, "extra", 1), "extra changed from nothing"),
    "a method replaced": (lambda x: MODEL.listed(x), lambda m: setattr(m, "listed", lambda x: x * 9), "listed"),
    "a global number": (lambda x: x * FACTOR, set_global("FACTOR", 3.0), "FACTOR changed from 2.0 to 3.0"),
    "a global of a function called": (lambda x: scaled(x), set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "a global function": (lambda x: scaled(x), set_global("scaled", lambda x: x * 7), "scaled is another function"),
    "a global tensor": (lambda x: x * WEIGHT, set_global("WEIGHT", tensor([3.0])), "WEIGHT is another Tensor"),
    "a global dictionary": (
        lambda x: x * TABLE["scale"], lambda m: TABLE.__setitem__("scale", 3.0), "TABLE['scale'] changed from 2.0",
    ),
    "a global array": (lambda x: x * ARRAY, lambda m: ARRAY.__setitem__(0, 3), "the array ARRAY"),
    "a list of layers": (lambda x: LAYERS[0](x), lambda m: LAYERS.__setitem__(0, Five()), "LAYERS[0] changed"),
    "a setting of a module": (
        lambda x: x * SETTINGS.SCALE, lambda m: setattr(SETTINGS, "SCALE", 3.0), "SETTINGS.SCALE changed from 2.0",
    ),
    "an object": (lambda x: x * CONFIG.scale, lambda m: setattr(CONFIG, "scale", 3.0), "CONFIG.scale changed from 2.0"),
    "a property of an object": (lambda x: x * CONFIG.twice, lambda m: setattr(CONFIG, "scale", 3.0), "CONFIG.scale"),
    "an attribute of a class": (
        lambda x: x + CONFIG.offset, lambda m: setattr(Config, "offset", 3.0), "Config.offset changed from 0.0 to 3.0",
    ),
    "an attribute of a class hidden": (
        lambda x: x + CONFIG.offset, lambda m: setattr(CONFIG, "offset", 3.0), "CONFIG.offset changed from nothing",
    ),
    "a namespace": (lambda x: x * SPACE.scale, lambda m: setattr(SPACE, "scale", 3.0), "['scale'] changed from 2.0"),
    "parsed options": (lambda x: x * PARSED.scale, lambda m: setattr(PARSED, "scale", 3.0), "['scale'] changed"),
    "a namespace in one": (
        lambda x: x * INSIDE.space.scale, lambda m: setattr(INSIDE.space, "scale", 3.0), "['scale'] changed from 2.0",
    ),
    "a queue": (lambda x: x * QUEUE[0], lambda m: QUEUE.__setitem__(0, 3.0), "QUEUE[0] changed from 2.0 to 3.0"),
    "an open dictionary": (lambda x: x * OPEN.scale, lambda m: OPEN.update(scale=3.0), "OPEN['scale'] changed"),
    "an element of a default": (
        lambda x: by_default(x), lambda m: by_default.__defaults__[0].__setitem__(0, 3.0), "[0] changed from 2.0",
    ),
    "a default": (
        lambda x: by_default(x), lambda m: setattr(by_default, "__defaults__", ([2.0], 4.0)), "__defaults__",
    ),
    "a named default": (lambda x: by_default(x), lambda m: by_default.__kwdefaults__.update(last=3.0), "['last']"),
    "an attribute of a function": (lambda x: by_default(x), lambda m: setattr(by_default, "power", 3.0), "power"),
    "a call of an object": (lambda x: READING(x), set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "an item of an object": (lambda x: x * READING[0], set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "a global in a property": (lambda x: x * READING.factor, set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "a static method": (lambda x: x * Reading.static(), set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "a cached property": (lambda x: x * READING.kept, lambda m: setattr(READING, "kept", 5.0), "kept changed"),
    "an object made inside": (lambda x: Making(x).x, set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "a method of one made inside": (lambda x: Making(x).method(), set_global("FACTOR", 3.0), "FACTOR changed from 2.0"),
    "all attributes": (lambda x: x * vars(CONFIG)["scale"], lambda m: setattr(CONFIG, "scale", 3.0), "['scale']"),
    "a global of a hidden method": (lambda x: OF_SUPER.by_factor(x), set_global("FACTOR", 3.0), "FACTOR changed"),
    "a module imported inside": (lambda x: importing(x), lambda m: setattr(SETTINGS, "SCALE", 3.0), "SCALE changed"),
    "an object with slots": (lambda x: x * SLOTTED.scale, lambda m: setattr(SLOTTED, "scale", 3.0), "SLOTTED.scale"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_globals() -> Any:
    before = {name: globals()[name] for name in ("FACTOR", "scaled", "WEIGHT")}
    kept = copy.deepcopy((TABLE, dict(vars(SETTINGS)), vars(CONFIG), ARRAY[0]))
    globals()["MODEL"] = Scale()
    yield
    globals().update(before)
    TABLE.clear()
    TABLE.update(kept[0])
    vars(SETTINGS).update(SCALE=kept[1]["SCALE"])
    vars(CONFIG).clear()
    vars(CONFIG).update(kept[2])
    LAYERS[:] = [Two()]
    ARRAY[0], Config.offset, SLOTTED.scale = kept[3], 0.0, 2.0
    SPACE.scale = PARSED.scale = INSIDE.space.scale = QUEUE[0] = OPEN["scale"] = 2.0
    by_default.__defaults__, by_default.__kwdefaults__["last"] = ([2.0], 2.0), 2.0
    by_default.power = 2.0
    vars(READING).clear()


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_noticed(case: str) -> None:
    function, change, message = CASES[case]
    step, x = jit(function), tensor([3.0])
    for _ in range(3):
        np.testing.assert_array_equal(step(x).numpy(), function(x).numpy())
    assert step.traces == 1, "what is unchanged is not traced again"
    recording = step.trace(x)
    change(globals()["MODEL"])
    assert message in recording.change()
    np.testing.assert_array_equal(step(x).numpy(), function(x).numpy())
    step(x)
    assert step.traces == 2


def test_what_was_not_read_may_change() -> None:
    model = Scale()
    step = jit(lambda x: model(x) * TABLE["scale"] * CONFIG.scale * SETTINGS.SCALE)
    step(tensor([1.0]))
    model.unused, model.options, CONFIG.unused, SETTINGS.OTHER = 7, {}, 8, 9
    model.scale = float("2.0")  # an equal number
    model.layers.eval()
    step(tensor([1.0]))
    assert step.traces == 1


def test_a_closure_and_what_the_function_changes_itself() -> None:
    scale, calls = 2.0, 0

    @jit
    def step(x: Tensor) -> Tensor:
        return x * scale

    @jit
    def counting(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return x * calls

    assert step(tensor([1.0])).item() == 2
    scale = 5.0
    assert step(tensor([1.0])).item() == 5
    assert [counting(tensor([1.0])).item() for _ in range(3)] == [1, 2, 3], "as it is without @jit"


def test_going_back_and_forth_traces_each_once() -> None:
    model = Scale()
    step = jit(lambda x: model(x))
    for scale in (2.0, 3.0, 2.0, 3.0):
        model.scale = scale
        assert step(tensor([1.0])).item() == scale
    assert step.traces == 2


def test_the_warning_names_what_changed() -> None:
    model = Scale()
    step = jit(lambda x: model(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RetraceWarning)
        for scale in (1.0, 2.0, 3.0):
            model.scale = scale
            step(tensor([1.0]))
    model.scale = 4.0
    with pytest.warns(RetraceWarning, match=r"traced for the 4th time, because model.scale changed from 3.0 to 4.0"):
        step(tensor([1.0]))


def test_an_optimiser_with_other_parameters_and_settings() -> None:
    layer = nn.Linear(1, 1)
    optimizer = optim.SGD([layer.weight], lr=0.5)

    @jit
    def step(x: Tensor) -> None:
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    step(tensor([[1.0]]))
    optimizer.lr = 1.0
    step(tensor([[1.0]]))
    assert step.traces == 1, "the learning rate is state"
    assert layer.bias is not None
    optimizer.add_param_group({"params": [layer.bias]})
    before = layer.bias.item()
    step(tensor([[1.0]]))
    assert (step.traces, layer.bias.item()) == (2, before - 0.5), "the learning rate of the defaults"


def test_classes_are_as_they_were_after_a_trace() -> None:
    kinds = (nn.Module, Scale, optim.Optimizer, Config)
    before = [dict(vars(kind)) for kind in kinds]

    def failing(x: Tensor) -> Tensor:
        raise ValueError(f"{MODEL(x)} {CONFIG.scale}")

    with pytest.raises(ValueError, match="traced"):
        jit(failing)(tensor([1.0]))
    jit(lambda x: MODEL(x) * CONFIG.scale)(tensor([1.0]))
    assert [dict(vars(kind)) for kind in kinds] == before


def test_a_list_too_long_to_compare_by_element_is_compared_by_length() -> None:
    many = [1.0] * (MOST_ELEMENTS + 1)
    step = jit(lambda x: x * many[0])
    step(tensor([1.0]))
    many.append(1.0)
    step(tensor([1.0]))
    assert step.traces == 2
