"""The lock of what CI installs says the same as pyproject.toml, by file hashes, and names no index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("ci.lock", "torch.lock")


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Package → its pins (several where platforms differ), each with the number of its hashes."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    pins: dict[str, list[tuple[Requirement, int]]] = {}
    for line in text.splitlines():
        stated = line.split("  #")[0].strip()
        if stated and not stated.startswith("#"):
            pin = Requirement(stated.split(" --hash=")[0])
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", stated)
            pins.setdefault(canonicalize_name(pin.name), []).append((pin, len(hashes)))
    return pins


def wanted(extra: str | None = None) -> Iterator[Requirement]:
    """What weft requires, and an extra with the extras that it names."""
    texts = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            for other in sorted(requirement.extras):
                yield from wanted(other)
        else:
            yield requirement


def written() -> list[Requirement]:
    """The lines of ci.in."""
    lines = (ROOT / "requirements" / "ci.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]


@pytest.mark.parametrize("requirement", [*wanted(), *wanted("dev"), *wanted("docs"), *written()], ids=str)
def test_every_requirement_is_locked_to_a_version_that_meets_it(requirement: Requirement) -> None:
    pins = locked("ci.lock").get(canonicalize_name(requirement.name), [])
    assert pins, f"requirements/ci.lock lacks {requirement}; requirements/ci.in says how to renew it"
    for pin, _ in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert Version(specifier.version) in requirement.specifier, f"locked: {pin}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash_and_no_line_names_an_index(name: str) -> None:
    for pins in locked(name).values():
        assert all(hashes for _, hashes in pins), pins
    assert "://" not in (ROOT / "requirements" / name).read_text(encoding="utf-8")


def test_the_build_requirement_is_locked_too() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert {canonicalize_name(Requirement(text).name) for text in build} <= locked("ci.lock").keys()


def test_ci_installs_nothing_but_what_is_locked() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    installs = [line for line in lines if "pip install" in line and not line.lstrip().startswith("#")]
    assert installs
    for line in installs:
        assert "--require-hashes" in line or "--no-index" in line, line
