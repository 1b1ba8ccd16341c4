"""``weft.report``, ``weft.profile``, ``weft.compile`` from Python: what they take, how they call it, every mistake."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import weft as front
from weft import names
from weft.reporting import Report


def test_the_front_door(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # two reports below are compared
    weight = front.tensor([[1.0, 2.0], [3.0, 4.0]]).to("accel")

    def step(x: Any) -> Any:
        return (x @ weight).relu()

    made = front.report(step, front.tensor([[1.0, -1.0]]).to("accel"), machine="nano")
    assert isinstance(made, Report)
    assert (made.result["workload"]["model"], made.result["workload"]["step"]) == ("step", "step")
    assert made.result["accelerator"]["machine"]["name"] == "nano"
    assert "<div" in made._repr_html_()
    assert "<html" not in made._repr_html_()
    assert made.html.startswith("<!doctype html>")
    assert repr(made).startswith("step, step\ncycles ")
    made.save(tmp_path / "out")
    assert (tmp_path / "out" / "result.json").read_text(encoding="utf-8") == made.json
    by_file, by_program = front.report(program), front.report(front.load_program(program))
    assert by_file.result["workload"].pop("model") == "copy.weft"
    assert by_program.result["workload"].pop("model") == "program"
    assert by_file.result == by_program.result


class Doubler(front.nn.Module):
    """A module to be reported by its name."""

    def forward(self, x: Any) -> Any:
        return x + x


def doubled(x: Any, times: int = 2) -> Any:
    return x * times


def test_what_is_reported_is_called_by_its_name() -> None:
    x = front.ones(2, 4).to("accel")
    module = Doubler()
    named = (
        (doubled, "doubled"), (front.jit(doubled), "doubled"), (module, "Doubler"), (front.jit(module), "Doubler"),
        (module.forward, "forward"),
    )  # fmt: skip
    for step, name in named:
        assert front.report(step, x).result["workload"]["model"] == name
    assert front.report(front.compile(doubled, x)).result["workload"]["model"] == "doubled"


UNCHECKED: Any = front
"""For arguments that a type checker would find."""
X = front.ones(2, 4)
HALF = front.compile(lambda x: x * 0.5, X, machine="nano")
TAKES = r"takes a step \(a function of tensors\) and its arguments, "


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: UNCHECKED.report(None), f"^weft.report {TAKES}a Program, a program's file, or a model's name .*None"),
        (lambda: UNCHECKED.report(5), f"^weft.report {TAKES}.*, not 5$"),
        (lambda: front.report(Doubler), f"^weft.report {TAKES}.*, not <class"),
        (lambda: UNCHECKED.profile(5), f"^weft.profile {TAKES}or a Program, not 5$"),
        (lambda: UNCHECKED.compile(None), f"^weft.compile {TAKES}or a graph, not None$"),
        (lambda: front.report("absent"), "^'absent' is neither a model .* nor a program file$"),
        (lambda: UNCHECKED.report(doubled, X, run=3), "^run= is a run of a program; give that Program in place"),
        (lambda: front.report("digits-mlp", X), "^'digits-mlp' is a model with data of its own; it takes no arguments"),
        (lambda: UNCHECKED.report("digits-mlp", run=3), "^'digits-mlp' is a model with data of its own; it takes no"),
        (lambda: front.report(HALF, X), "^a Program has its data in it; leave out the arguments after it"),
        (lambda: UNCHECKED.report(HALF, run=3), r"^run=3: must be what an engine's run\(program\) gave"),
        (lambda: front.report(HALF, machine="edu"), "^the program: made for machine 'nano', not for 'edu'"),
        (
            lambda: front.report(HALF, run=front.get_engine("fast").run(front.compile(doubled, X, machine="nano"))),
            "^run= is a run of another program",
        ),
        (
            lambda: front.profile(HALF, engine="rtl", run=front.get_engine("fast").run(HALF)),
            "^run= is a run that has been, on engine 'fast'; leave engine out",
        ),
    ],
)
def test_mistakes_in_python(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(front.WeftError, match=text):
        call()


def test_a_run_of_the_program_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # two reports are compared
    run = front.get_engine("fast").run(HALF)
    assert front.report(HALF, run=run).result == front.report(HALF).result


def test_messages_name_the_users_line() -> None:
    for function in (front.report, front.profile, front.compile):
        with pytest.raises(TypeError, match=r"test_front_door.py:\d+: doubled\(x: .*: missing a required argument"):
            function(doubled)
    step = front.jit(doubled)
    for times in range(2, 5):
        front.profile(step, X, times)
    with pytest.warns(front.RetraceWarning, match=r"test_front_door.py:\d+: doubled is traced for the 4th") as warned:
        front.profile(step, X, 5)
    assert [Path(one.filename).name for one in warned] == ["test_front_door.py"]


def test_no_module_takes_a_public_name() -> None:
    """Importing ``weft.x`` binds it in ``weft``: a file or folder of a public name must be what is public."""
    files = {path.stem for path in Path(front.__file__).parent.iterdir() if path.suffix in ("", ".py")}
    assert "reports" in files
    homes = names.homes()
    assert {name: homes[name] for name in files & homes.keys()} == {name: (f"weft.{name}", "") for name in PARTS}


PARTS = ("amp", "autograd", "distributions", "func", "linalg", "nn", "optim", "utils")
"""Public modules that are imported by their own names."""
IMPORTED = {
    "import weft.nn as x": "nn",
    "import weft.nn.functional as x": "nn.functional",
    "from weft.nn import functional as x": "nn.functional",
    "from weft import functional as x": "nn.functional",
    "import weft.distributions as x": "distributions",
    "import weft.nn.init as x": "nn.init",
    "from weft.nn import init as x": "nn.init",
    "import weft.nn.utils as x": "nn.utils",
    "import weft.nn.utils.rnn as x": "nn.utils.rnn",
    "from weft.nn.utils import parametrizations as x": "nn.utils.parametrizations",
    "from weft.nn.utils.rnn import pad_sequence as x": "nn.utils.rnn.pad_sequence",
    "import weft.optim as x": "optim",
    "import weft.utils.data as x": "utils.data",
    "from weft.utils import data as x": "utils.data",
    "from weft import data as x": "utils.data",
    "import weft.autograd as x": "autograd",
    "from weft.nn import Linear as x": "nn.Linear",
    "from weft.nn.utils import clip_grad_norm_ as x": "nn.utils.clip_grad_norm_",
    "from weft.optim import SGD as x": "optim.SGD",
    "from weft.utils.data import DataLoader as x": "DataLoader",
    "from weft.autograd import no_grad as x": "no_grad",
}
"""Imports as torch scripts have them → what they give."""


@pytest.mark.parametrize("line", IMPORTED)
def test_imports_as_torch_scripts_have_them(line: str) -> None:
    found: dict[str, Any] = {}
    exec(line, found)
    assert found["x"] is operator.attrgetter(IMPORTED[line])(front)


def test_such_an_import_is_what_the_attribute_is_in_either_order(fresh_python: Callable[..., Any]) -> None:
    for first, second in (("import weft.nn", "weft.nn"), ("import weft; weft.nn", "__import__('weft.nn').nn")):
        done = fresh_python(f"{first}; import sys, weft; print({second} is weft.nn is sys.modules['weft.nn'])")
        assert (done.code, done.out) == (0, "True\n"), done.err


LISTING = (
    "nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler", "utils.data", "autograd", "amp",
    "func", "linalg", "autograd.functional", "nn.utils.rnn", "nn.utils.parametrize", "nn.utils.parametrizations",
)  # fmt: skip


@pytest.mark.parametrize("part", LISTING)
def test_a_part_has_what_it_lists_and_no_more(part: str) -> None:
    module: Any = importlib.import_module(f"weft.{part}")
    parts = {name for name, value in vars(module).items() if isinstance(value, ModuleType)}
    own = {name for name in vars(module) if not name.startswith("_")} - {"TYPE_CHECKING", "annotations"}
    assert own - parts - {"public_names", "unknown_name"} == set(module.__all__)
    held = {
        "nn": {"functional", "init", "utils"}, "optim": {"lr_scheduler", "swa_utils"},
        "autograd": {"function", "functional"},
        "nn.utils": {"parametrizations", "parametrize", "rnn"},
    }  # fmt: skip
    assert parts == held.get(part, set())
    with pytest.raises(front.FrameworkError, match=rf"test_front_door.py:\d+: {part} has no Nothinglike"):
        module.Nothinglike  # noqa: B018  # reading it is what fails
