"""Autocast against torch's for the CPU: the types of all functions that are counted, its modes, and trainings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.framework import comparing
from tests.framework.comparing import IMPORTS, compare
from tests.framework.torch_names.tables import NameCase, cases
from tests.sampling import sampled
from weft.framework.autocast import (
    FLOAT32,
    NARROW,
    POLICIES,
    autocast,
    casting,
    get_autocast_dtype,
    is_autocast_enabled,
)
from weft.framework.device import use_device
from weft.framework.dtypes import bfloat16, float32, float64
from weft.framework.errors import DeviceError
from weft.framework.jit import jit
from weft.framework.nn.functional import linear
from weft.framework.tensor import Tensor, tensor

torch = pytest.importorskip("torch", reason="torch is the oracle of its own semantics")
pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # torch's, of a slower way

CASES: Mapping[str, NameCase] = {case.names[0]: case for case in cases()}
PRELUDE = """
import torch.nn as nn
import torch.nn.functional as F
def grid(*shape):
    n = 1
    for extent in shape:
        n *= extent
    return (((torch.arange(n) * 7) % 23).float() / 8 - 1.25).reshape(shape)
def seeded(net):
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(grid(*p.shape) * 0.3)
    return net
x = grid(4, 6)
"""
MODES = {
    "inside, and after it": (
        "with torch.autocast('cpu', dtype=torch.bfloat16):\n    a = x @ x.T\n"
        "    on = torch.is_autocast_enabled('cpu')\nb, off = x @ x.T, torch.is_autocast_enabled('cpu')"
    ),
    "switched off within it": (
        "with torch.autocast(device_type='cpu'):\n    a = x @ x.T\n"
        "    with torch.autocast(device_type='cpu', enabled=False):\n"
        "        b, off = x @ x.T, torch.is_autocast_enabled('cpu')\n        c = a.float() @ x\n"
        "        with torch.amp.autocast('cpu', dtype=torch.bfloat16):\n            d = x @ x.T\n    e = x @ x.T"
    ),
    "of a function": (
        "@torch.autocast('cpu', dtype=torch.bfloat16)\ndef inside(y, *, by=1):\n    return y @ y.T * by\n"
        "a, b = inside(x, by=2), x @ x.T"
    ),
    "one that is entered again": (
        "mode = torch.autocast('cpu', dtype=torch.bfloat16)\nwith mode:\n    a = x @ x.T\nc = x @ x.T\nwith mode:\n"
        "    d = x @ x.T"
    ),
    "left by an exception": (
        "try:\n    with torch.autocast('cpu'):\n        raise KeyError\nexcept KeyError:\n    a = x @ x.T"
    ),
    "a function that was called without it": "a = F.linear(x, x)\nwith torch.autocast('cpu'):\n    b = F.linear(x, x)",
    "the type of products": "torch.get_autocast_dtype('cpu')",
    "a type that it cannot be": (
        "import warnings\nwith warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n"
        "    mode = torch.autocast('cpu', dtype=torch.float32)\nwith mode:\n    a = x @ x.T\nseen = len(seen)"
    ),
    "a device that is not here": (
        "import warnings\nwith warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n"
        "    mode = torch.autocast('cuda')\nwith mode:\n    a = x @ x.T\nseen = len(seen)"
    ),
    "doubles and integers": (
        "with torch.autocast('cpu'):\n    a, b = x.double() @ x.double().T, x.long() @ x.long().T\n"
        "    c = F.mse_loss(x.double(), x.double() * 2)"
    ),
    "operands of two types": (
        "with torch.autocast('cpu'):\n    a = F.linear(x.bfloat16(), x, grid(4)), torch.cat([x, x.bfloat16()])\n"
        "    b = torch.stack([x.bfloat16(), x]), x + x.bfloat16(), torch.mv(x, x[0]), x @ x[0], x[0] @ x[0]\n"
        "    c = F.mse_loss(x.bfloat16(), x), F.cross_entropy(x.bfloat16(), torch.tensor([0, 1, 2, 3]))"
    ),
    "matrices": (
        "m = (torch.eye(3) * 4 + grid(3, 3) / 8)\nm = (m + m.T).bfloat16()\nwith torch.autocast('cpu'):\n"
        "    a = torch.linalg.inv(m), torch.linalg.cholesky(m), torch.linalg.solve(m, m), torch.linalg.qr(m)[1].abs()"
    ),
    "gradients": (
        "w = grid(5, 6).requires_grad_()\nwith torch.autocast('cpu'):\n    y = F.linear(x, w)\n"
        "    z = (y * y).sum()\nz.backward()\nv = grid(5, 6).requires_grad_()\nwith torch.autocast('cpu'):\n"
        "    F.linear(x, v).sum().backward()"
    ),
    "checkpointing": (
        "from torch.utils.checkpoint import checkpoint\nw = grid(6, 6).requires_grad_()\nwith torch.autocast('cpu'):\n"
        "    y = checkpoint(lambda t: F.linear(F.linear(t, w).tanh(), w), x, use_reentrant=False)\ny.sum().backward()"
    ),
    "in no_grad": "with torch.no_grad(), torch.autocast('cpu'):\n    y = nn.Linear(6, 2)(x).dtype",
}
LEARNING = """
optimizer, scaler = torch.optim.SGD(net.parameters(), lr=0.05), torch.amp.GradScaler("cpu", init_scale=64.0)
def step(given, labels):
    optimizer.zero_grad()
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        out = net(given)
        loss = F.cross_entropy(out, labels)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    return loss, out
labels = torch.tensor([0, 1, 2, 1])
losses = [step(given, labels) for _ in range(6)]
assert losses[-1][0] < losses[0][0]
left = {name: p for name, p in net.named_parameters()}
scale = scaler.get_scale()
"""
NETS = {
    "a perceptron": (
        "net = seeded(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3)))\ngiven = x"
    ),
    "convolutions and a batch norm": (
        "net = seeded(nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),\n"
        "    nn.Flatten(), nn.Linear(16, 3)))\ngiven = grid(4, 2, 4, 4)"
    ),
    "attention": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.body = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)\n"
        "        self.head = nn.Linear(8, 3)\n    def forward(self, t):\n"
        "        return self.head(self.body(t).mean(1))\nnet, given = seeded(Net()), grid(4, 5, 8)"
    ),
    "an LSTM": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.body, self.head = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 3)\n    def forward(self, t):\n"
        "        return self.head(self.body(t)[0][:, -1])\nnet, given = seeded(Net()), grid(4, 5, 3)"
    ),
}
PRINTED = "torch.set_printoptions"
"""Lines break where a type is longer: torch.bfloat16."""
TO_BFLOAT16 = """
for _name, _value in list(globals().items()):
    if hasattr(_value, "dtype") and _value.dtype is torch.float32 and not _value.requires_grad:
        globals()[_name] = _value.bfloat16()
del _name, _value
"""
NAMES_HERE = {
    "cholesky": "linalg_cholesky", "cross_entropy": "cross_entropy_loss", "attended": "scaled_dot_product_attention",
    "edged": "reflection_pad1d", "inv": "linalg_inv", "qr": "linalg_qr", "solve": "linalg_solve",
    "vecdot": "linalg_vecdot",
}  # fmt: skip
"""Our functions that torch's list calls otherwise."""


@pytest.fixture(autouse=True)
def rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are compared to what bfloat16 rounds to, types as ever."""
    wide = dict.fromkeys(("float32", "bfloat16"), (2.0**-5, 2.0**-5))
    monkeypatch.setattr(comparing, "TOLERANCE", comparing.TOLERANCE | wide)


@pytest.fixture
def narrow() -> Iterator[None]:
    """Autocast round a test, in both libraries."""
    with torch.autocast("cpu", dtype=torch.bfloat16), autocast("cpu"):
        yield


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", CASES)
def test_a_function_gives_the_type_that_it_does_in_torch(name: str) -> None:
    compare(IMPORTS + CASES[name].prelude + CASES[name].script)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", sampled([name for name in CASES if name != PRINTED], 100))
def test_a_function_of_bfloat16_gives_the_type_that_it_does_in_torch(name: str) -> None:
    source = IMPORTS + CASES[name].prelude + TO_BFLOAT16 + CASES[name].script
    try:
        comparing.left_by(source)
    except (RuntimeError, ValueError, TypeError) as error:
        pytest.skip(f"torch has none of bfloat16: {error}")
    compare(source)


@pytest.mark.parametrize("script", MODES)
def test_a_mode_is_torchs(script: str) -> None:
    compare(IMPORTS + PRELUDE + MODES[script])


@pytest.mark.parametrize("jitted", ["", "step"])
@pytest.mark.parametrize("net", NETS)
def test_a_training_goes_as_it_does_in_torch(net: str, jitted: str) -> None:
    compare(IMPORTS + PRELUDE + NETS[net] + LEARNING, jitted)


@pytest.mark.thorough
@pytest.mark.parametrize("jitted", ["", "step"])
@pytest.mark.parametrize("net", NETS)
def test_a_training_on_the_cpu_does_too(net: str, jitted: str) -> None:
    with use_device("cpu"):
        compare(IMPORTS + PRELUDE + NETS[net] + LEARNING, jitted)


def test_the_table_is_torchs() -> None:
    listed = {
        name.removeprefix("aten::").partition(".")[0]
        for name in torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCPU")
    }
    assert {name for name in (*NARROW, *FLOAT32) if NAMES_HERE.get(name, name) not in listed} == set()
    with pytest.raises(KeyError, match="relu"):
        casting(Tensor.relu)  # nothing is cast that the table does not say


def test_a_jitted_function_is_traced_for_each_mode() -> None:
    run, x = jit(lambda t: linear(t, t)), tensor([[1.0, 2.0]])
    for _ in range(3):
        with autocast("cpu"):
            assert run(x).dtype is bfloat16
        assert run(x).dtype is float32
    assert run.traces == 2


def test_arrays_are_operands_too() -> None:
    x = tensor([[1.0, 2.0]])
    with autocast("cpu"):
        assert linear(x.numpy(), x.numpy()).dtype is bfloat16
        assert linear(x.double(), x.double()).dtype is float64
        assert (x @ x.numpy().T).dtype is bfloat16


def test_it_holds_for_every_device_here() -> None:
    for device in ("cpu", "accel", "numpy"):
        with autocast(device):
            assert is_autocast_enabled()
            assert is_autocast_enabled("accel")
            assert not is_autocast_enabled("cuda")
    assert get_autocast_dtype("cuda") is bfloat16
    assert not is_autocast_enabled()
    assert all(name == name.strip("_") for name in POLICIES)


def test_a_mode_may_be_entered_within_itself() -> None:
    mode = autocast("cpu")
    with mode:
        with mode:
            pass
        assert is_autocast_enabled()
    assert not is_autocast_enabled()


def test_mistakes_are_told() -> None:
    with pytest.raises(DeviceError, match=re.escape("no device type 'cpus'; there are accel, cpu, numpy")):
        autocast("cpus")
    with pytest.warns(UserWarning, match=r"test_autocast.py:\d+: there is no cuda here, so autocast is off"):
        autocast("cuda")
    with pytest.warns(UserWarning, match="autocast is to bfloat16, not to float32, so it is off"):
        autocast("cpu", dtype=float32)
