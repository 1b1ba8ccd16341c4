"""``train.py:step``: a user's own script, explained, verified, compiled and shown; and every way in which it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.weft.user_scripts import HEAD, LOOP, script, taken
from weft.base.errors import WeftError
from weft.reports import schema
from weft.scripts import call, split

EXAMPLES = Path(__file__).parents[2] / "examples"

METHODS = """
import weft
class A:
    @weft.jit
    def step(self, x):
        return x + 1
class B(A):
    @weft.jit
    def step(self, x):
        return x + 1
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_targets() -> None:
    assert split("a/train.py:step") == (Path("a/train.py"), "step")
    assert split("train.py:Trainer.step") == (Path("train.py"), "Trainer.step")
    for other in ("digits-mlp", "train.py", "step.weft", "a:b", ":step", ".py"):
        assert split(other) is None


def test_a_training_script_as_it_is_stops_at_its_first_step(weft: Any) -> None:
    target = script(HEAD + LOOP)
    outcome = weft("report", target, "--machine", "nano", "-o", "out")
    assert outcome.code == 0
    assert outcome.err == "train.py:step as first called at train.py:17: x float32[8, 4], y float32[8, 2]\n"
    assert outcome.out.startswith("train.py:step, step\ncycles ")
    result = json.loads(Path("out/result.json").read_text(encoding="utf-8"))
    assert list(schema.problems(result)) == []
    assert result["cpu"]["seconds_per_step"] > 0
    assert "Linear, weight gradient, [8×2]ᵀ·[8×4]" in {op["name"] for op in result["accelerator"]["operators"]}
    assert {op["origin"].partition(" ")[0] for op in result["accelerator"]["operators"]} >= {"train.py:11"}
    assert (result["training"], result["workload"]["step"]) == (None, "step")


def test_json_is_all_of_stdout(weft: Any) -> None:
    target = script('print("a word of the script")\n' + HEAD + LOOP)
    outcome = weft("report", target, "--device", "accel", "--json")
    assert json.loads(outcome.out)["accelerator"]["machine"]["name"] == "edu"
    assert outcome.err.startswith("a word of the script\ntrain.py:step as first called")
    only = json.loads(weft("report", target, "--device", "cpu", "--json").out)
    assert only["accelerator"] is None
    assert only["cpu"]


def test_verify_compile_and_show(weft: Any) -> None:
    target = script(HEAD + LOOP)
    outcome = weft("verify", target, "--machine", "nano", "--engines", "fast,interp")
    assert outcome.code == 0
    assert outcome.out.startswith("train.py:step: equal (cycles: fast ")
    outcome = weft("compile", target, "--machine", "nano", "-o", "p.weft", "--show", "asm", "--layer", "Linear")
    assert outcome.code == 0
    assert "; Linear, forward, [8×4]·[2×4]ᵀ" in outcome.out
    assert weft("sim", "p.weft").code == 0
    assert weft("verify", "p.weft", "--engines", "fast,interp").out.startswith("p.weft: equal")


def test_the_scripts_own_machine_unless_another_is_asked_for(weft: Any) -> None:
    nano = 'weft.device("accel", machine=weft.load_machine("nano"))'
    made = HEAD.replace("nn.Linear(4, 2)", f"nn.Linear(4, 2).to({nano})")
    target = script(made + LOOP)
    for words, name in (((), "nano"), (("--machine", "edge"), "edge")):
        outcome = weft("report", target, "--device", "accel", "--json", *words)
        assert json.loads(outcome.out)["accelerator"]["machine"]["name"] == name


@pytest.mark.parametrize(
    "given",
    [
        "(weft.ones(6, 4), weft.ones(6, 2))",
        "[weft.ones(6, 4), weft.ones(6, 2)]",
        '{"y": weft.ones(6, 2), "x": weft.ones(6, 4)}',
        "lambda: (weft.ones(6, 4), weft.ones(6, 2))",
    ],
)
@pytest.mark.parametrize("rest", ["", LOOP])
def test_example_inputs_come_first(given: str, rest: str) -> None:
    found = taken(f"{HEAD}\nexample_inputs = {given}\n{rest}")
    assert found.where == "example_inputs"
    assert found.arguments == "x float32[6, 4], y float32[6, 2]"
    assert found.values["x"].shape == (6, 4)


def test_one_argument_alone() -> None:
    text = "import weft\n@weft.jit\ndef step(x):\n    return x * 2\nexample_inputs = weft.ones(3)\n"
    assert taken(text).arguments == "x float32[3]"


def test_methods_and_steps_of_one_name_are_told_apart() -> None:
    text = METHODS + """
A().step(weft.ones(2))
B().step(weft.ones(3))
train = weft.jit(lambda x: x)
train(weft.ones(4))
"""
    assert taken(text).arguments == "x float32[2]"
    assert taken(text, "B.step").arguments == "x float32[3]"
    assert taken(text, "train").arguments == "x float32[4]"


def test_of_several_shapes_the_first_is_taken_and_said() -> None:
    text = HEAD + "\nfor n in (2, 3):\n    step(weft.ones(n, 4), weft.ones(n, 2))\n"
    assert taken(text).arguments == "x float32[2, 4], y float32[2, 2]"


def test_the_script_is_the_program_that_python_runs(weft: Any) -> None:
    Path("beside.py").write_text("ROWS = 5\n", encoding="utf-8")
    text = f"""{HEAD}
import sys, beside
def main():
    assert __name__ == "__main__" and sys.modules["__main__"].step is step
    assert __file__.endswith("train.py")
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else beside.ROWS
    assert sys.argv[0] == "train.py"
    step(weft.ones(rows, 4), weft.ones(rows, 2))
if __name__ == "__main__":
    sys.exit(main())
"""
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    assert taken(text).arguments.startswith("x float32[5, 4]")
    assert taken(text, "step", "7").arguments.startswith("x float32[7, 4]")
    assert (sys.modules["__main__"], sys.argv, sys.path) == before
    outcome = weft("report", "train.py:step", "--device", "cpu", "--json", "--", "9")
    assert "x float32[9, 4]" in outcome.err


def test_what_catches_everything_does_not_go_on_training() -> None:
    text = f"""{HEAD}
steps = 0
while steps < 3:
    steps += 1
    try:
        step(weft.ones(2, 4), weft.ones(2, 2))
    except BaseException:
        pass
assert steps == 3
"""
    assert taken(text).arguments.startswith("x float32[2, 4]")


def test_a_step_on_a_device_that_was_chosen_for_a_while() -> None:
    text = f"{HEAD}\nwith weft.use_device('numpy'), weft.no_grad():\n    step(weft.ones(2, 4), weft.ones(2, 2))\n"
    text = text.replace("    loss.backward()\n    optimizer.step()\n", "").replace("    optimizer.zero_grad()\n", "")
    assert taken(text).recording.device.name == "numpy"


FAILING = {
    "no such file": (None, r"^train\.py: No such file or directory; give a script and its function, such as train.py:"),
    "syntax": ("x = (\n", r"^train\.py:1: SyntaxError: '\(' was never closed$"),
    "null bytes": ("x = 1\0\n", r"^train\.py: SyntaxError: source code string cannot contain null bytes$"),
    "raises": (HEAD + "\n{}['key']\n" + LOOP, r"^train\.py:16: KeyError: 'key'$"),
    "raises in a library": ("import json\njson.loads('x')\n", r"^train\.py:2: JSONDecodeError: Expecting value"),
    "two lines": ("raise ValueError('one\\ntwo')\n", r"^train\.py:1: ValueError: one two$"),
    "says nothing": ("def f():\n    raise RuntimeError\nf()\n", r"^train\.py:2: RuntimeError$"),
    "a mistake with tensors": (
        HEAD + "\nstep(weft.ones(8, 5), weft.ones(8, 2))\n",
        r"^train\.py:11: Linear\(4, 2\) takes \[\.\.\., 4\], not \[8, 5\]$",
    ),
    "an import that is not there": ("import nothing_of_the_kind\n", r"^train\.py:1: ModuleNotFoundError: No module"),
    "exits": ("import sys\nsys.exit(3)\n", r"^train\.py:2: the script exits with 3 before it calls step$"),
    "exits with words": (
        "raise SystemExit('no data')\n", r"^train\.py:1: the script exits before it calls step, saying 'no data'$",
    ),
    "no such function": (
        HEAD.replace("def step", "def stpe") + "\nexample_inputs = ()\n",
        r"^train\.py: no jitted function 'step'; did you mean 'stpe'\? there are: stpe$",
    ),
    "exits with success": (
        "import sys\nprint('usage')\nsys.exit(0)\n" + HEAD, r"^train\.py:3: the script exits before it defines step$",
    ),
    "exits between": (HEAD + "\nexit()\n", r"^train\.py:16: the script exits before it calls step$"),
    "shows its help": (
        "import argparse\nargparse.ArgumentParser().parse_args(['--help'])\n" + HEAD,
        r"^train\.py:2: the script exits before it defines step$",
    ),
    "within another only": (
        HEAD + "\n@weft.jit\ndef outer(x, y):\n    return step(x, y)\nouter(weft.ones(8, 4), weft.zeros(8, 2))\n",
        r"^train\.py:18: step is only called within outer, as part of that: name that function instead$",
    ),
    "an alias": (
        "import weft\nstpe = weft.jit(lambda x: x + 1)\nstpe(weft.ones(2))\n",
        r"^train\.py: no jitted function 'step'; did you mean 'stpe'\? there are: stpe$",
    ),
    "called elsewhere only": (
        "import weft\ndef f():\n    return weft.jit(lambda x: x + 1)\nf()(weft.ones(2))\n",
        r"^train\.py: no jitted function 'step'; there are: <lambda>$",
    ),
    "none at all": ("x = 1\n", r"^train\.py: no jitted function 'step'; it has none: write @weft\.jit above the step$"),
    "not jitted": (
        HEAD.replace("@weft.jit\n", "") + LOOP.replace("1000000", "1"),
        r"^train\.py:8: step is not jitted; write @weft\.jit above it$",
    ),
    "no function": ("step = 3\n", r"^train\.py: step is not jitted; give the name of a function under @weft\.jit$"),
    "never called": (
        HEAD, r"^train\.py:8: the script defines step, but never calls it: call it once, or define example_inputs = \(",
    ),
    "wrong example": (
        HEAD + "\nexample_inputs = (1, 2, 3)\n",
        r"^train\.py: example_inputs do not fit step\(x, y\): too many positional arguments$",
    ),
    "an example that fails": (
        HEAD + "\nexample_inputs = (weft.ones(8, 5), weft.ones(8, 2))\n", r"^train\.py:11: Linear\(4, 2\) takes",
    ),
    "an example that raises": (
        HEAD + "\ndef example_inputs():\n    return 1 / 0\n", r"^train\.py:17: ZeroDivisionError: division by zero$",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILING)
def test_a_script_that_cannot_be_taken_is_told_in_one_line(what: str) -> None:
    text, message = FAILING[what]
    if text is not None:
        script(text)
    before = sys.modules["__main__"]
    with pytest.raises(WeftError, match=message) as told:
        call(Path("train.py"), "step")
    assert "\n" not in str(told.value)
    assert sys.modules["__main__"] is before


@pytest.mark.parametrize("verb", ["report", "verify", "compile"])
def test_the_command_line_refuses_with_2(verb: str, weft: Any) -> None:
    more = ("-o", "out.weft") if verb == "compile" else ()
    weft(verb, "absent.py:step", *more).refused(2, "error: absent.py: No such file or directory; give a script and its")
    script("class Broken(Exception):\n    pass\nraise Broken('no')\n")
    weft(verb, "train.py:step", *more).refused(2, "error: train.py:3: Broken: no\n")
    weft(verb, "train.py", *more).refused(2, "train.py", "train.py:step")
    weft(verb, "digits-mlp", "more", *more).refused(2, "unexpected words: more; only a script (train.py:step) takes")
    weft(verb, "train.py:step", "--int8", *more).refused(2, "sets up its model itself: leave out --int8")
    weft(verb, "train.py:step", "--seed", "1", *more).refused(2, "leave out --seed")
    assert [path.name for path in Path().iterdir()] == ["train.py"]


def test_options_that_a_script_has_no_use_for(weft: Any) -> None:
    target = script(HEAD + LOOP)
    for words in (("report", "--epochs", "2"), ("report", "--inference"), ("compile", "--show", "asm", "--inference")):
        weft(words[0], target, *words[1:]).refused(2, "sets up its model itself: leave out --")
    weft("report", target, "--engine", "interp").refused(2, "engine 'interp' has no time")
    weft("compile", target, "-o", "train.py").refused(2, "train.py is read, and would be overwritten")


def test_a_node_that_the_accelerator_refuses_is_told_at_its_line(weft: Any) -> None:
    target = script("import weft\n@weft.jit\ndef step(x):\n    return x.reshape(6, 4) + 1\nstep(weft.ones(4, 6))\n")
    for verb, *more in (("report",), ("verify",), ("compile", "-o", "out.weft")):
        outcome = weft(verb, target, *more)
        assert (outcome.code, outcome.out) == (2, "")
        assert "train.py:4): the accelerator cannot run this: [4, 6] to [6, 4] would move elements;" in outcome.err
    assert weft("report", target, "--device", "cpu", "-o", "out").code == 0
    assert weft("compile", target, "--show", "graph").code == 0


@pytest.mark.parametrize("name", ["own_step.py", "mlp_digits.py"])
def test_the_examples_are_explained(name: str, weft: Any) -> None:
    outcome = weft("report", EXAMPLES / f"{name}:step", "--device", "accel", "--json")
    assert outcome.code == 0
    assert any("layer hidden, " in op["name"] for op in json.loads(outcome.out)["accelerator"]["operators"])


@pytest.mark.parametrize("calls", ["", "A().step(weft.ones(2))\n"])
def test_methods_are_offered_by_their_class(calls: str) -> None:
    with pytest.raises(WeftError, match=r"'C\.step'; did you mean '[AB]\.step'\? there are: [AB]\.step, [AB]\.step$"):
        taken(METHODS + calls, "C.step")
    with pytest.raises(WeftError, match=r"^train\.py:8: the script defines B\.step, but never calls it"):
        taken(METHODS + calls, "B.step")


def test_no_name_behind_the_colon(weft: Any) -> None:
    script(HEAD + LOOP)
    weft("verify", "train.py:").refused(2, "train.py: names no function; write it behind the colon, as in train")


def test_arguments_that_are_not_tensors_are_said() -> None:
    text = "import weft\n@weft.jit\ndef step(x, n, flag=True, lr=0.5, kind='a', how=len):\n    return x * n * lr\n"
    found = taken(text + "step(weft.ones(2), 3, flag=False)\n")
    assert found.arguments == "x float32[2], lr float32[], n=3, flag=False, kind='a', how=len"


def test_a_bound_method_under_a_name_of_its_own_takes_the_example() -> None:
    text = METHODS + "one = B()\nrun = one.step\nexample_inputs = weft.ones(3)\n"
    assert taken(text, "run").arguments == "x float32[3]"
