"""``weft report`` and ``weft.report``: files, JSON, what stays untouched, and every mistake as one message."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from weft.cli.report import FIGURES, WRITTEN
from weft.reports import page, schema

LOGISTIC = ("report", "digits-logistic", "--machine", "nano", "--epochs", "1")


def parsed(outcome: Any) -> dict[str, Any]:
    """The result that is all of stdout, which has the shape it promises."""
    assert (outcome.code, outcome.err) == (0, ""), outcome
    result: dict[str, Any] = json.loads(outcome.out)
    assert list(schema.problems(result)) == []
    return result


def test_a_model_becomes_a_directory(weft: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    outcome = weft(*LOGISTIC, "-o", folder)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "digits-logistic, training step, batch 64"
    assert lines[1].endswith(" on nano, engine fast")
    assert lines[-1] == f"page: {folder / 'index.html'}"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == set(WRITTEN)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert list(schema.problems(result)) == []
    assert result["training"]["steps_per_epoch"] == 23  # 22 of 64 and one of 30
    assert result["training"]["devices"].keys() == {"accel", "cpu"}
    assert result["cpu"]["break_even_hz"] == result["accelerator"]["cycles"] / result["cpu"]["seconds_per_step"]


def test_the_same_words_give_the_same_result(weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second = (parsed(weft(*LOGISTIC, "--seed", "3", "--json")) for _ in range(2))
    assert list(tmp_path.iterdir()) == []  # without -o nothing is written
    assert first["seed"] == 3
    assert first["made"]["at"] == "2023-11-14 22:13:20 UTC"
    for result in (first, second):
        for key in ("seconds_per_step", "repeats", "break_even_hz"):
            del result["cpu"][key]
    assert first == second
    assert first["workload"]["useful_macs"] == sum(op["macs"] for op in first["accelerator"]["operators"])


def test_only_our_own_files_are_replaced(weft: Any, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    theirs = {"notes.txt": "mine", "figures/plan.svg": "mine too"}
    for name, text in (theirs | {"index.html": "old", "figures/loss.svg": "old"}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert weft("report", "digits-logistic", "--inference", "--device", "accel", "-o", tmp_path).code == 0
    for name, text in theirs.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert "<html" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_everything_as_it_was(
    exists: bool, weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    if exists:
        folder.mkdir()
        (folder / "index.html").write_text("old", encoding="utf-8")

    def fill(directory: Path, result: Any) -> None:
        (directory / "index.html").write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device", str(directory / "result.json"))

    monkeypatch.setattr(page, "write_all", fill)
    weft("report", "digits-logistic", "--inference", "--device", "accel", "-o", folder).refused(
        2, f"{folder}: No space left on device"
    )
    if exists:
        assert (folder / "index.html").read_text(encoding="utf-8") == "old"
        assert len(list(folder.iterdir())) == 1
    else:
        assert list(tmp_path.iterdir()) == []


def test_how_much_is_tried_is_up_to_the_caller(weft: Any) -> None:
    words = "report", "digits-logistic", "--inference", "--device", "accel"
    none = parsed(weft(*words, "--tries", "0", "--json"))["accelerator"]
    assert (none["advice"], none["trials"]["no_gain"]) == ([], [])
    two, every = (parsed(weft(*words, "--tries", n, "--json"))["accelerator"] for n in ("2", "all"))
    assert len(two["advice"]) + len(two["trials"]["no_gain"]) == 2
    assert every["trials"]["not_tried"] == []
    assert weft(*words, "--tries", "-1", "--json").code == 2
    weft(*words, "--tries", "some").refused(2, "'some' is no number of changes; give one, or all")


def test_inference_trains_nothing(weft: Any) -> None:
    result = parsed(weft("report", "digits-logistic", "--inference", "--json"))
    assert result["workload"]["step"] == "inference"
    assert result["training"] is None
    assert result["cpu"]["repeats"] > 0


def test_int8_inference(weft: Any) -> None:
    result = parsed(weft("report", "digits-mlp", "--int8", "--json"))
    workload, accelerator = result["workload"], result["accelerator"]
    assert workload["step"] == "int8 inference"
    assert workload["useful_macs"] == sum(op["macs"] for op in accelerator["operators"]) == 64 * (64 * 128 + 128 * 10)
    assert any(text.startswith("matmul type=int8") for text in accelerator["instructions"])
    float32 = parsed(weft("report", "digits-mlp", "--inference", "--json"))
    assert accelerator["cycles"] < float32["accelerator"]["cycles"]


def test_int8_inference_where_there_is_nothing_else(weft: Any) -> None:
    """--int8 alone is inference; a machine that has no floats runs it, as its hint says."""
    result = parsed(weft("report", "digits-logistic", "--machine", "edge-int8", "--int8", "--json"))
    assert result["workload"]["step"] == "int8 inference"
    assert result["accelerator"]["machine"]["name"] == "edge-int8"


@pytest.mark.parametrize(("blocker", "inner"), [("result.json", "deep"), ("figures", None)])
def test_what_is_in_the_way_is_told_before_any_work(
    blocker: str, inner: str | None, weft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("mine", encoding="utf-8")
    if inner is None:
        (tmp_path / blocker).touch()
    else:
        (tmp_path / blocker / inner).mkdir(parents=True)
    monkeypatch.setattr("weft.reporting.model_result", None)  # nothing may be measured
    weft("report", "digits-mlp", "-o", tmp_path).refused(2, f"{tmp_path / blocker}: ", "move it, or choose another")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["index.html", blocker])


def test_one_device_alone(weft: Any) -> None:
    cpu = parsed(weft("report", "digits-logistic", "--device", "cpu", "--epochs", "1", "--json"))
    accel = parsed(weft("report", "digits-logistic", "--device", "accel", "--epochs", "1", "--json"))
    assert cpu["accelerator"] is accel["cpu"] is None
    assert cpu["workload"] == accel["workload"]
    assert weft("report", "digits-logistic", "--device", "cpu", "--epochs", "1", "-o", "/dev/null/x").code == 2


@pytest.mark.smoke
def test_a_program_file(weft: Any, program: Path, tmp_path: Path) -> None:
    result = parsed(weft("report", program, "--json"))
    assert result["accelerator"]["machine"]["name"] == "nano"
    assert result["workload"]["step"] == "program"
    assert result["workload"]["batch"] is None
    outcome = weft("report", program, "-o", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.out.startswith("copy.weft, program\n")  # it has no name of its own
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_compiled_program_is_the_same_workload_on_every_machine(weft: Any, tmp_path: Path) -> None:
    graphs = set()
    for machine in ("nano", "edu"):
        target = tmp_path / f"{machine}.weft"
        weft("compile", "digits-logistic", "--inference", "--machine", machine, "-o", target)
        result = parsed(weft("report", target, "--json"))
        graphs.add(result["workload"]["graph"])
        assert result["workload"]["model"] == "digits-logistic"
        assert result["accelerator"]["memories"]["scratchpad"]["peak"]["buffers"]
    assert len(graphs) == 1


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["absent"], ["'absent' is neither a model (digits-mlp, digits-logistic", "nor a program file"]),
        (["digits-mlp", "--engine", "interp"], ["engine 'interp' has no time", "use fast, rtl or pysim"]),
        (["copy.weft", "--engine", "interp"], ["engine 'interp' has no time", "use fast, rtl or pysim"]),
        (["digits-mlp", "--device", "tpu"], ["device 'tpu': no device of a report; there are: accel, cpu"]),
        (["digits-mlp", "--device", "accel,gpu"], ["device 'gpu': not built yet; there are: accel, cpu"]),
        (["digits-mlp", "--device", "numpy"], ["device 'numpy': no device of a report; there are: accel, cpu"]),
        (["digits-mlp", "--device", "cpu", "--machine", "nano"], ["--machine has no meaning with --device cpu"]),
        (["digits-mlp", "--device", "cpu", "--set", "foo=1"], ["--set has no meaning with --device cpu"]),
        (["digits-mlp", "--device", "cpu", "--engine", "rtl"], ["--engine has no meaning with --device cpu"]),
        (["digits-mlp", "--machine", "edge-int8"], ["'edge-int8' multiplies int8 only", "--int8"]),
        (["digits-mlp", "--inference", "--epochs", "2"], ["--inference trains nothing, so --epochs has no meaning"]),
        (["digits-mlp", "--int8", "--epochs", "2"], ["--int8 trains nothing, so --epochs has no meaning"]),
        (["digits-mlp", "--percentile", "99"], ["--percentile says how int8 is calibrated; add --int8"]),
        (["digits-mlp", "--epochs", "0"], ["'--epochs': 0 is not in the range 1<=x<=2147483647"]),
        (["digits-mlp", "--machine", "nanno"], ["no machine 'nanno'"]),
        (["digits-mlp", "-o", "no/such"], ["no does not exist; make it first, or give another"]),
        (["digits-mlp", "-o", "copy.weft"], ["copy.weft is not a directory; give the name of one"]),
        (["copy.weft", "--device", "cpu"], ["is a program file for the accelerator alone: leave out --device"]),
        (["copy.weft", "--inference"], ["is a program file for the accelerator alone: leave out --inference"]),
        (["copy.weft", "--machine", "edu"], ["copy.weft: made for machine 'nano', not for 'edu'"]),
    ],
)
def test_mistakes(
    words: list[str], texts: list[str], weft: Any, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program.parent)
    weft("report", *words).refused(2, *texts)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.weft"]


COMMAND = [sys.executable, "-m", "weft", "report", "digits-logistic", "--inference", "--device", "accel"]


def test_drawn_in_a_process_of_its_own_it_is_the_same(
    tmp_path: Path, weft: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, here = tmp_path / "beside", tmp_path / "here"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(sys, "argv", ["weft/__main__.py", *COMMAND[3:], "-o", str(beside)])
    done = subprocess.run([*COMMAND, "-o", beside], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert weft(*COMMAND[3:], "-o", here).code == 0
    for path in sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file()):
        assert (beside / path).read_bytes() == (here / path).read_bytes(), path


@pytest.mark.parametrize("command", ["raise SystemExit(1)", "import sys; sys.stdin.readline(); print('?')"])
def test_where_no_process_can_draw_it_is_drawn_here(
    command: str, weft: Any, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.drawing._COMMAND", command)
    monkeypatch.delitem(sys.modules, "weft.reports.page")
    assert weft("report", program, "-o", tmp_path / "out").code == 0
    assert len(list((tmp_path / "out").rglob("*.png"))) == len(FIGURES) - 1  # nothing was trained


def test_a_disk_full_of_drawings(tmp_path: Path) -> None:
    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run([*COMMAND, "-o", tmp_path / "out"], capture_output=True, text=True, preexec_fn=small)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path / 'out'}: File too large\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in /proc")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-o", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not (children := Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        assert process.poll() is None
        time.sleep(0.02)
    while os.getsid(int(children[0])) == process.pid:  # up to then Ctrl-C ends the child too
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "\ninterrupted\n")
    assert list(tmp_path.iterdir()) == []
    for _ in range(1000):  # one that was just being started ends when it finds that nobody asks it for anything
        if not any(Path(f"/proc/{child}/cmdline").exists() for child in children):
            return
        time.sleep(0.02)
    raise AssertionError(f"still running: {children}")


def test_a_seed_means_nothing_to_a_program_file(weft: Any, program: Path) -> None:
    weft("report", program, "--seed", "0", "--json").refused(2, "leave out --seed")
    weft("verify", program, "--seed", "3").refused(2, f"{program} is a program file, in which nothing is random")
