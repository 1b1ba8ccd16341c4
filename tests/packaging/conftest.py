"""The archives of this tree, built once, and an environment for each way to install them."""

from __future__ import annotations

import importlib.util

import pytest

from tests.packaging.building import Archives, Environment, build, install
from weft.base.distribution import install as install_command


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """The source distribution and the wheel."""
    for tool in ("pip", "setuptools"):  # not imported: setuptools puts its own distutils in the place of Python's
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"{tool} is absent, with which archives are built and installed: {install_command('dev')}")
    return build(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session", params=["wheel", "sdist", "editable"])
def installed(
    request: pytest.FixtureRequest, archives: Archives, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with weft installed one way."""
    what = {"wheel": archives.wheel, "sdist": archives.sdist, "editable": archives.unpacked}[request.param]
    return install(tmp_path_factory.mktemp(request.param) / "venv", what, editable=request.param == "editable")
