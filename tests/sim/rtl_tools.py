"""What the RTL engine needs, and a skip with the reason where it is absent."""

from __future__ import annotations

import importlib.util

import pytest

from weft.base.errors import MissingToolError


def need_rtl() -> None:
    """Skip the module unless Amaranth, Verilator and a C++ compiler are there."""
    if importlib.util.find_spec("amaranth") is None:
        pytest.skip("Amaranth is absent: pip install 'weftml[rtl]'", allow_module_level=True)
    from weft.sim.rtl.toolchain import find_toolchain

    try:
        find_toolchain()
    except MissingToolError as missing:
        pytest.skip(str(missing), allow_module_level=True)
