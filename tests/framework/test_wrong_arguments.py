"""Every public function, method and class on arguments of the wrong kind: an error in words, or a result."""

from __future__ import annotations

import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft.framework import checkpoint, data, functional, nn, optim, quantisation
from weft.framework import random as weft_random
from weft.framework.data import collate, combining, datasets, loader, samplers
from weft.framework.errors import FrameworkError
from weft.framework.nn import init, utils
from weft.framework.tensor import Tensor, tensor

UNCHECKED: Any = weft
"""For arguments that a type checker would find."""
WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "str": lambda: "x",
    "huge": lambda: 10**400,
    "-1": lambda: -1,
    "nan": lambda: float("nan"),
    "1.5": lambda: 1.5,
    "True": lambda: True,
    "list": lambda: [1, "a", None],
    "ragged": lambda: [[1, 2], [3]],
    "dict": lambda: {"a": 1},
    "object": object,
    "module": lambda: nn.Linear(2, 2),
    "class": lambda: int,
    "complex": lambda: 1j,
    "int tensor": lambda: tensor([1, 2]),
    "other shape": lambda: tensor([1.0, 2.0, 3.0, 4.0, 5.0]),
    "int8": lambda: tensor([1], dtype="int8"),
    "bool tensor": lambda: tensor([True]),
    "empty": lambda: functional.zeros(0),
    "strings": lambda: np.array(["a"]),
    "(-1, 2)": lambda: (-1, 2),
    "(nan,)": lambda: (float("nan"),),
}
SUBJECTS: dict[str, Callable[[], Any]] = {
    "float tensor": lambda: tensor([[1.0, 2.0], [3.0, 4.0]]),
    "int tensor": lambda: tensor([1, 2]),
    "int8 tensor": lambda: tensor([1, 2], dtype="int8"),
    "bool tensor": lambda: tensor([True, False]),
    "scalar": lambda: tensor(1.0),
    "Linear": lambda: nn.Linear(2, 2),
    "Sequential": lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
    "ModuleList": lambda: nn.ModuleList([nn.ReLU()]),
    "SGD": lambda: optim.SGD([nn.Parameter([1.0])], lr=0.1, momentum=0.9),
    "Generator": lambda: weft_random.Generator(1),
    "TensorDataset": lambda: data.TensorDataset(np.zeros((2, 2))),
    "Subset": lambda: data.Subset(data.TensorDataset(np.zeros((4, 2))), [2, 0]),
    "ConcatDataset": lambda: data.ConcatDataset([data.TensorDataset(np.zeros((4, 2)))]),
    "RandomSampler": lambda: data.RandomSampler(range(4)),
    "BatchSampler": lambda: data.BatchSampler(data.SequentialSampler(range(4)), 2),
    "DataLoader": lambda: data.DataLoader(data.TensorDataset(np.zeros((2, 2)))),
    "jitted": lambda: weft.jit(lambda x: x + 1),
}
REPEATING = ("int8 tensor", "bool tensor", "scalar")
"""Subjects with the methods of another."""
OPERATORS = (
    "__add__", "__radd__", "__sub__", "__mul__", "__truediv__", "__rtruediv__", "__pow__", "__matmul__", "__rmatmul__",
    "__lt__", "__eq__", "__and__", "__or__", "__getitem__", "__iadd__", "__imul__", "__itruediv__", "__ipow__",
    "__iand__", "__call__",
)  # fmt: skip
DATA = (datasets, combining, samplers, collate, loader)
MODULES = (functional, nn, nn.functional, init, utils, optim, *DATA, weft_random, checkpoint, quantisation)
LEFT_ALONE = {"manual_seed", "apply", "is_class", "fitted", "threefry2x32", "Dataset", "take", "update", "seeded",
              "is_stateful", "taker", "many", "is_stream", "title", "listed", "place", "sized", "flag", "drawing",
              "index_array", "order", "source", "check", "prepare", "filled", "slots",
              "shared_slots", "updated"}  # fmt: skip
"""What changes the process for the tests that follow, and what only the framework itself calls."""
RIGHT = (FrameworkError, TypeError, ValueError, IndexError)


def is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def functions_of(subject: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The functions of the modules, or the methods of a subject."""
    for module in MODULES if subject == "modules" else ():
        for name, value in list(vars(module).items()):
            own = getattr(value, "__module__", "").startswith(module.__name__)
            if own and callable(value) and not name.startswith("_") and name not in LEFT_ALONE and not is_error(value):
                yield f"{module.__name__}.{name}", partial(lambda value: value, value)
    for title, make in SUBJECTS.items():
        for name in dir(make()) if title == subject else ():
            if name in OPERATORS or not (name.startswith("_") or name in LEFT_ALONE):
                value = inspect.getattr_static(type(make()), name, None)
                if callable(value) or isinstance(value, classmethod | staticmethod):
                    yield f"{title}.{name}", partial(lambda make, name: getattr(make(), name), make, name)


def calls(wrong: Callable[[], Any]) -> Iterator[tuple[Any, ...]]:
    """Arguments with a wrong one at every place, and right ones around it."""
    for before, after in itertools.product((0, 1), (0, 1)):
        yield (*(tensor([[1.0, 2.0]]) for _ in range(before)), wrong(), *(tensor([[1.0, 2.0]]) for _ in range(after)))
    yield (wrong(), wrong(), wrong())


def complaint(call: Callable[[], Any]) -> str | None:
    """What is wrong with the way a call failed; None if it gave a result or an error in words at the user's line."""
    try:
        result = call()
        if isinstance(result, Tensor):
            result.numpy()
        return None
    except RIGHT as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        inside = trace is not None and trace.tb_frame.f_code.co_filename != __file__
        told = re.search(r"\.py:\d+: |positional argument|keyword argument", str(error))
        if not isinstance(error, FrameworkError) and inside and not told:
            return f"{type(error).__name__} from inside: {error}"
        if len(str(error)) < 20:
            return f"an error without words: {error}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]}"


@pytest.mark.parametrize(
    "subject",
    [
        "modules",
        *(pytest.param(name, marks=pytest.mark.thorough if name in REPEATING else ()) for name in SUBJECTS),
    ],
)
def test_wrong_arguments_are_answered_in_words(
    subject: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found, tried = list[str](), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, reach in functions_of(subject):
            for name, wrong in WRONG.items():
                for arguments in calls(wrong):
                    tried += 1
                    told = complaint(partial(lambda reach, arguments: reach()(*arguments), reach, arguments))
                    if told is not None:
                        found.append(f"{title}, {len(arguments)} arguments, {name} among them: {told}")
    assert not found, f"{len(found)} of {tried} calls\n" + "\n".join(found[:60])
    assert tried > (10_000 if subject.endswith(" tensor") else 50)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x @ 2, "no operand may be scalar"),
        (lambda x: 2 @ x, "no operand may be scalar"),
        (lambda x: UNCHECKED.maximum("2", x), "cannot compute with a str; give a tensor or a number"),
        (lambda x: UNCHECKED.maximum(None, 2), "maximum was given None; give a tensor or an array"),
        (lambda x: tensor([1], dtype="int8") + 300, r"300 does not fit into int8 \(-128 to 127\); give"),
        (lambda x: tensor([1]) * 2**40, r"does not fit into int32 \(-2147483648 to 2147483647\)"),
        (lambda x: x + 10**400, "an integer of 1329 bits does not fit into float32"),
        (lambda x: functional.full((2,), 300, "int8"), "300 does not fit into int8"),
        (lambda x: functional.zeros(10**30), "more than 2.40 elements, which no memory holds"),
        (lambda x: x ** "2", r"\*\* was given a str; give a tensor or an array"),
        (lambda x: weft.quantise(nn.Linear(2, 2), "x"), "cannot make a .*tensor of str|calibration data"),
        (lambda x: UNCHECKED.quantise("x", x), "quantise takes a Module, not a str"),
        (lambda x: optim.SGD([nn.Parameter([1.0])], lr=10**400), "the learning rate is a number, not 'int'"),
        (lambda x: UNCHECKED.DataLoader(data.TensorDataset(x), batch_size=2.5), r"batch_size is an integer, not 2\.5"),
        (lambda x: UNCHECKED.Generator("x"), "a seed is an integer, not 'x'"),
        (lambda x: nn.ModuleList([])(x), r"ModuleList has no forward\(\)"),
    ],
)
def test_the_words_and_the_line(call: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_wrong_arguments.py:\d+: .*({message})"):
        call(tensor([[1.0, 2.0]]))


def test_numbers_on_either_side() -> None:
    x = tensor([1.0, 3.0])
    assert weft.maximum(2, x).tolist() == weft.maximum(x, 2).tolist() == [2, 3]
    assert weft.minimum(2, x).tolist() == [1, 2]
    assert weft.maximum(2, 3).item() == 3
