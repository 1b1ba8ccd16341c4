"""``weft doctor`` tells a mixed installation by what pip recorded: fabricated distributions, one mixture each."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.base.distribution import NAME, install
from weft.cli import doctor
from weft.installation import PACKAGE, InstallationProblem, claimants, problems

OURS = {"weft/__init__.py": "a = 1\n", "weft/isa/machine.py": "b = 2\n", "weft/isa/machines/nano.toml": "dim = 4\n"}
THEIRS = {"weft/__init__.py": "loom = 1\n", "weft/loom.py": "loom = 2\n"}


def record(
    site: Path,
    name: str,
    version: str,
    files: dict[str, str] | None = None,
    *,
    command: bool = False,
    editable: Path | None = None,
) -> None:
    """Install a distribution as pip would: its files, and the folder about it."""
    about = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "INSTALLER": "pip\n"}
    if command:
        about["entry_points.txt"] = "[console_scripts]\nweft = weft.cli:main\n"
    if editable is not None:
        about["direct_url.json"] = json.dumps({"url": editable.as_uri(), "dir_info": {"editable": True}})
    info = f"{name}-{version}.dist-info"
    contents = {**(files or {}), **{f"{info}/{file}": text for file, text in about.items()}}
    rows = []
    for file, text in contents.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text, encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{file},sha256={digest},{len(text)}")
    rows += [f"{file[:-3]}.cpython-311.pyc,," for file in contents if file.endswith(".py")] + [f"{info}/RECORD,,"]
    (site / info / "RECORD").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder in which weft is installed as it should be, beside something else."""
    folder = tmp_path / "site"
    record(folder, NAME, "1.0", OURS, command=True)
    record(folder, "numpy", "2.0", {"numpy/__init__.py": ""})
    return folder.resolve()


def found(*sites: Path, package: Path | None = None) -> list[InstallationProblem]:
    """What is wrong with the weft in the first of these folders."""
    return problems(claimants([str(site) for site in sites]), package or sites[0] / "weft")


def anew(site: Path, names: str = NAME) -> str:
    """What to do about a mixture."""
    return f"pip uninstall {names}; remove what is left in {site / 'weft'}; pip install {NAME}"


def test_nothing_is_wrong_with_what_pip_installed(site: Path) -> None:
    (site / "weft/__pycache__").mkdir()
    (site / "weft/__pycache__/__init__.cpython-311.pyc").touch()
    assert found(site) == []


def written_over(site: Path) -> None:
    record(site, "weft", "2.1", THEIRS, command=True)


def written_over_by_us(site: Path) -> None:
    record(site, "weft", "2.1", THEIRS)
    record(site, NAME, "1.0", OURS)


def beside_ours(site: Path) -> None:
    record(site, "Loom.Weft", "3", {"weft/loom.py": ""})


def command_alone(site: Path) -> None:
    record(site, "weft", "2.1", {"weaver/__init__.py": ""}, command=True)


def removed(site: Path) -> None:
    """As it is after ``pip uninstall`` of another project that had the same files."""
    (site / "weft/__init__.py").unlink()
    (site / "weft/isa/machine.py").unlink()


def edited(site: Path) -> None:
    (site / "weft/isa/machines/nano.toml").write_text("dim = 8\n", encoding="utf-8")


def left_over(site: Path) -> None:
    for name in ("weft/framework.py", "weft/sim/old.py", "weft/sim/older.py"):
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("", encoding="utf-8")


def two_records(site: Path) -> None:
    record(site, NAME, "0.9", {})


MIXTURES: dict[Callable[[Path], None], tuple[str, list[str]]] = {
    written_over: (
        f"{NAME} weft",
        [
            "weft 2.1 is another project and has installed the command weft and files in weft/, such as "
            "weft/__init__.py, 1 in the place of ours",
            f"not as {NAME} 1.0 installed it: weft/__init__.py",
        ],
    ),
    written_over_by_us: (
        f"{NAME} weft",
        [
            "weft 2.1 is another project and has installed files in weft/, such as weft/__init__.py, "
            "1 in the place of ours",
        ],
    ),
    beside_ours: (
        f"{NAME} loom-weft",
        ["Loom.Weft 3 is another project and has installed files in weft/, such as weft/loom.py"],
    ),
    command_alone: (f"{NAME} weft", ["weft 2.1 is another project and has installed the command weft"]),
    removed: (NAME, [f"missing of what {NAME} 1.0 installed: weft/__init__.py and 1 more"]),
    edited: (NAME, [f"not as {NAME} 1.0 installed it: weft/isa/machines/nano.toml"]),
    left_over: (NAME, ["of no installed distribution, left by another version: weft/framework.py and 2 more"]),
    two_records: (NAME, ["SITE holds 2 records of weftml: 0.9 and 1.0"]),
}
"""How weft was mixed up → whom to remove, and what is told."""


@pytest.mark.parametrize("mixture", MIXTURES, ids=lambda mixture: mixture.__name__)
def test_a_mixture_is_told_with_its_distribution_and_its_cure(mixture: Callable[[Path], None], site: Path) -> None:
    names, told = MIXTURES[mixture]
    mixture(site)
    seen = found(site)
    assert [problem.what.replace(str(site), "SITE") for problem in seen] == told
    assert all(problem.fatal for problem in seen)
    assert seen[0].remedy == anew(site, names)


def test_another_weft_elsewhere_is_told_and_does_no_harm(site: Path, tmp_path: Path) -> None:
    other = (tmp_path / "other").resolve()
    record(other, "weft", "2.1", THEIRS, command=True)
    record(other, NAME, "0.5", OURS)
    (problem,) = found(site, other)
    assert problem.what == (
        f"weft 2.1 is another project and has a weft too, in {other}/weft; Python takes the first it finds"
    )
    assert problem.remedy == "pip uninstall weft, or keep the two in environments of their own"
    assert not problem.fatal


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the sources of weft."""
    folder = (tmp_path / "with space").resolve()
    (folder / "weft").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    return folder


def test_an_editable_installation_is_one(tmp_path: Path, checkout: Path) -> None:
    record(tmp_path / "site", NAME, "1.0", editable=checkout, command=True)
    assert found(tmp_path / "site", package=checkout / "weft") == []


def test_a_checkout_installed_under_another_name(tmp_path: Path, checkout: Path) -> None:
    site = tmp_path / "site"
    record(site, "weft", "0.9", editable=checkout, command=True)
    alone = found(site, package=checkout / "weft")
    record(site, NAME, "1.0", editable=checkout, command=True)
    assert found(site, package=checkout / "weft") == alone
    (problem,) = alone
    assert problem.what == "weft 0.9 is this folder too, installed under another name"
    assert problem.remedy == f"pip uninstall weft; pip install -e {checkout}"
    assert not problem.fatal


def test_an_editable_installation_beside_another_project(tmp_path: Path, checkout: Path) -> None:
    site = (tmp_path / "site").resolve()
    record(site, NAME, "1.0", editable=checkout)
    record(site, "weft", "2.1", THEIRS)
    (problem,) = found(site, package=checkout / "weft")
    assert problem.fatal
    assert problem.remedy.endswith(f"; pip install -e {checkout}")


def test_another_weft_runs_than_the_installed_one(site: Path, tmp_path: Path, checkout: Path) -> None:
    (problem,) = found(site, package=checkout / "weft")
    assert problem.what == f"weft is imported from {checkout}/weft, while {NAME} 1.0 is installed in {site}"
    assert problem.remedy == f"to use that, start elsewhere and take {checkout} off PYTHONPATH"
    assert not problem.fatal
    record(tmp_path / "mine", NAME, "1.0", editable=tmp_path)
    (problem,) = found(tmp_path / "mine", package=checkout / "weft")
    assert problem.what.endswith(f"is installed in {tmp_path}")


def test_a_weft_that_nobody_installed(tmp_path: Path, checkout: Path) -> None:
    (problem,) = found(tmp_path, package=checkout / "weft")
    assert problem == InstallationProblem(
        f"weft is imported from {checkout}/weft, which is not installed: no device is found",
        f"pip install -e {checkout}",
    )
    (problem,) = found(tmp_path, package=tmp_path / "weft")
    assert problem.remedy == install()


def test_the_exit_code_and_the_page_say_it(weft: Any, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_over(site)
    everyone = claimants([str(site)])
    monkeypatch.setattr(doctor, "claimants", lambda: everyone)
    monkeypatch.setattr(doctor, "problems", lambda everyone: problems(everyone, site / "weft"))
    outcome = weft("doctor")
    assert outcome.code == 5
    lines = outcome.out.splitlines()
    assert f"{NAME} 1.0 in {PACKAGE}" in lines
    at = lines.index(f"!! not as {NAME} 1.0 installed it: weft/__init__.py")
    assert lines[at + 1] == f"   put it right: {anew(site)}"
    outcome = weft("doctor", "--json")
    assert outcome.code == 5
    result = json.loads(outcome.out)
    assert not result["ok"]
    assert result["installation"]["distribution"] == f"{NAME} 1.0"
    assert [problem["fatal"] for problem in result["installation"]["problems"]] == [True, True]
    remedies = {problem["remedy"] for problem in result["installation"]["problems"]}
    assert remedies == {anew(site), anew(site, f"{NAME} weft")}


def test_this_weft_is_well_installed(weft: Any) -> None:
    about = json.loads(weft("doctor", "--json").out)["installation"]
    assert about["folder"] == str(PACKAGE)
    assert not [problem for problem in about["problems"] if problem["fatal"]]
