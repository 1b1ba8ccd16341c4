"""Scripts as users write them, for the tests of ``train.py:step``, and what is taken from one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weft.scripts import call

HEAD = """
import weft
from weft import nn, optim

model = nn.Linear(4, 2)
optimizer = optim.SGD(model.parameters(), lr=0.1)

@weft.jit
def step(x, y):
    optimizer.zero_grad()
    loss = nn.MSELoss()(model(x), y)
    loss.backward()
    optimizer.step()
    return loss
"""
LOOP = """
for _ in range(1000000):
    step(weft.ones(8, 4), weft.zeros(8, 2))
    print("one step is done")
"""


def script(text: str, name: str = "train.py") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return f"{name}:step"


def taken(text: str, name: str = "step", *arguments: str) -> Any:
    script(text)
    return call(Path("train.py"), name, arguments)
