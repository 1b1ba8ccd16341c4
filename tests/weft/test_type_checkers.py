"""The front door to type checkers: what they find in a user's script, what they leave alone, and that they know all
names that there are."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import weft
from weft.names import STUB, homes

ROOT = Path(__file__).parents[2]

RIGHT = """\
from typing import assert_type

import numpy as np

import weft
import weft.nn.functional as F
import weft.optim as optim
from weft import Tensor, functional, nn
from weft.nn.utils import clip_grad_norm_
from weft.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, width)
        self.layers = nn.ModuleList([nn.ReLU(), nn.Linear(width, 10, bias=False)])
        self.scale = nn.Parameter(np.ones(10, np.float32))

    def forward(self, x: Tensor, times: int = 1) -> Tensor:
        x = weft.relu(self.hidden(x))
        for layer in self.layers:
            x = layer(x)
        return x * self.scale * times

    @weft.jit
    def infer(self, x: Tensor) -> Tensor:
        return self(x, times=2)


weft.manual_seed(0)
split = weft.digits()
dataset = TensorDataset(split.train_images[:128], split.train_labels[:128])
loader = DataLoader(dataset, batch_size=64, shuffle=True, seed=1)
model = Classifier(width=16).to(weft.device("numpy"))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@weft.jit
def step(images: Tensor, labels: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss = assert_type(criterion(model(images), labels), Tensor)
    loss.backward()
    assert_type(clip_grad_norm_(model.parameters(), 1.0), Tensor)
    optimizer.step()
    return loss


total = 0.0
for images, labels in loader:
    loss = assert_type(step(images, labels), Tensor)
    total += loss.item()
    print(f"{loss:.3f}", float(loss))
optimizer.lr = 0.01
assert_type(model, Classifier)
test = weft.tensor(split.test_images)
assert_type(model.infer(test), Tensor)
assert_type(weft.jit(model)(test), Tensor)

x = weft.rand(2, 3) + 1
parameter = nn.Parameter([1.0, 2.0, 3.0])
assert_type(parameter + x, Tensor)
assert_type(1 - x, Tensor)
assert_type(-x.exp() / np.float32(2) @ x.T, Tensor)
assert_type((x == 1) | ~(x < 0), Tensor)
assert_type(x[0, ..., None, 1:] ** 2, Tensor)
assert_type(x.max(1).indices, Tensor)
assert_type(x.max(), Tensor)
assert_type(x.sum((0, 1), keepdim=True).reshape(1, -1), Tensor)
assert_type(x.shape, weft.Size)
assert_type(x.size(0), int)
assert_type(x.detach().requires_grad_().grad, Tensor | None)
with weft.no_grad():
    parameter += 1
    assert_type(parameter.mul_(2).add_(x[0]), nn.Parameter)
x[0] = np.zeros(3)

layers = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()).to("numpy").eval()
assert_type(layers, nn.Sequential)
assert_type(layers(x), Tensor)
assert_type(layers[:1], nn.Sequential)
assert_type(F.softmax(layers(x), dim=1), Tensor)
assert_type(nn.init.xavier_uniform_(nn.Parameter([[1.0, 2.0]])), Tensor)
assert_type(functional.softmax(weft.zeros((2, 3)), dim=1), Tensor)
state = layers.state_dict()
layers.load_state_dict(state)
program = assert_type(weft.compile(layers, x, machine="nano"), weft.Program)
cycles = assert_type(weft.get_engine("fast").run(program).cycles, int)
assert_type(weft.load_machine("nano"), weft.Machine)
"""

WRONG = """\
import weft
import weft.nn.functional as F
from weft import nn, optim

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = optim.SGD(model.parametres(), lr=0.1)  # wrong: a method that is not there
images = weft.tensor([[0.5] * 64])
weft.thereisnosuchname(images)  # wrong: a name that is not there
logits = F.relue(model(images))  # wrong: a function that is not there
loss = nn.MSELoss()(logits, "zeros")  # wrong: an argument of another type
loss.backward()
optimizer.step()
"""

Found = dict[str, set[int]]
"""Script → lines with an error."""


def mypy(folder: Path) -> Found:
    pytest.importorskip("mypy", reason="mypy is not installed; weftml[dev] has it")
    # An installed weft is found by itself; the checkout is put on the path, and its own files are not judged here.
    words = ("--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={folder / 'cache'}", ".")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors = re.findall(r"^(\w+\.py):(\d+): error", done.stdout, re.MULTILINE)
    return {name: {int(line) for file, line in errors if file == name} for name in {file for file, _ in errors}}


def pyright(folder: Path) -> Found:
    pytest.importorskip("basedpyright", reason="basedpyright is not installed; weftml[dev] has it")
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Found = {}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            found.setdefault(Path(one["file"]).name, set()).add(one["range"]["start"]["line"] + 1)
    return found


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_mistakes_are_found_and_nothing_else(checker: Callable[[Path], Found], tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    planted = {number for number, line in enumerate(WRONG.splitlines(), 1) if "# wrong" in line}
    assert len(planted) == 4
    assert checker(tmp_path) == {"wrong.py": planted}


def test_the_right_script_is_right(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    runpy.run_path(str(tmp_path / "right.py"))


def test_every_name_that_checkers_know_is_there() -> None:
    stub = ast.parse((ROOT / "weft" / STUB).read_text(encoding="utf-8"))
    (listed,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(ast.literal_eval(listed)) == sorted(homes())
    assert all(hasattr(weft, name) for name in homes())


def test_every_name_that_is_there_is_known_to_checkers() -> None:
    for name in homes():
        getattr(weft, name)
    there = {name for name in dir(weft) if not name.startswith("_")}
    parts = {name for name in there if isinstance(getattr(weft, name), ModuleType)}
    assert there - parts <= set(homes())
