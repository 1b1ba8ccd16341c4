"""What the archives hold: the source distribution all that one reads and runs, the wheel the package alone."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.building import MADE, Archives, run
from tests.tree import LINKED, ROOT, of_a_checkout
from weft.base.distribution import NAME, SOURCE, VERSION, install

pytestmark = pytest.mark.thorough
BUILT = {"PKG-INFO", "setup.cfg"}
"""What a build adds to the files of a checkout, beside the .egg-info folder."""


@of_a_checkout
def test_the_source_distribution_is_the_checkout_without_its_links(archives: Archives) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:  # a downloaded archive of the repository
        return
    tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()} - {".gitignore"}
    held = {str(path.relative_to(archives.unpacked)) for path in archives.unpacked.rglob("*") if path.is_file()}
    held = {name for name in held if ".egg-info/" not in name}
    assert tracked - held == set(LINKED)
    assert {name for name in held - tracked if not (ROOT / name).is_file()} == BUILT


def test_the_source_distribution_holds_files_and_folders_only(archives: Archives) -> None:
    with tarfile.open(archives.sdist) as archive:
        assert [entry.name for entry in archive if not (entry.isfile() or entry.isdir())] == []
        names = archive.getnames()
    assert not [name for name in names if name.endswith((".pyc", "__pycache__"))]
    assert {"docs", "examples", "labs", "tests", "requirements", "weft"} <= {name.split("/")[1] for name in names[1:]}


def test_the_tests_of_pages_and_structure_pass_in_it(archives: Archives) -> None:
    """Every relative link of README, docs and labs leads somewhere there, and every path that they name."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "tests/test_pages.py", "tests/test_architecture.py"],
        cwd=archives.unpacked,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wheel_holds_the_package_and_nothing_else(archives: Archives) -> None:
    with zipfile.ZipFile(archives.wheel) as wheel:
        names = set(wheel.namelist())
    info = "-".join(archives.wheel.name.split("-")[:2]) + ".dist-info"
    assert {name.partition("/")[0] for name in names} == {"weft", info}
    package = {
        str(path.relative_to(archives.unpacked))
        for path in (archives.unpacked / "weft").rglob("*")
        if path.is_file() and path.parent.name not in MADE
    }
    assert {name for name in names if name.startswith("weft/")} == package


def test_the_page_of_a_package_index_has_no_link_into_a_repository(archives: Archives) -> None:
    with zipfile.ZipFile(archives.wheel) as wheel:
        (about,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(wheel.read(about))
    assert (told["Name"], told["Version"]) == (NAME, VERSION)
    payload = told.get_payload(decode=True)
    assert isinstance(payload, bytes)
    page = payload.decode()
    assert page == (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(|^\[[^\]]+\]:|<a |<img ", page, flags=re.MULTILINE) == []
    assert f"    {install()}\n" in page
    assert f"    {SOURCE}\n" in page
    for extra in ("rtl", "trace", "labs"):
        assert install(extra) in page


def test_the_source_distribution_is_got_as_the_page_says(archives: Archives, tmp_path: Path) -> None:
    offline = ["--no-index", "--no-build-isolation", "--find-links", str(archives.sdist.parent)]
    run(sys.executable, "-m", *SOURCE.split(), *offline, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [archives.sdist.name]
