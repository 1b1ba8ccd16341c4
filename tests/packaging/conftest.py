"""The archives of this tree, built once, and an environment for each way to install them."""

from __future__ import annotations

import pytest

from tests.packaging.building import Archives, Environment, build, install


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """The source distribution and the wheel."""
    for tool in ("pip", "setuptools"):
        pytest.importorskip(tool, reason=f"archives are built and installed with {tool}")
    return build(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session", params=["wheel", "sdist", "editable"])
def installed(
    request: pytest.FixtureRequest, archives: Archives, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """An environment with weft installed one way."""
    what = {"wheel": archives.wheel, "sdist": archives.sdist, "editable": archives.unpacked}[request.param]
    return install(tmp_path_factory.mktemp(request.param) / "venv", what, editable=request.param == "editable")
