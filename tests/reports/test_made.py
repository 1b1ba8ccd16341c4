"""A report says when, by which version and by which command it was made; what is to be the same each time can be."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weft.base.errors import WeftError
from weft.reports import schema
from weft.reports.made import made
from weft.reports.page import render


def test_date_and_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(sys, "argv", ["/some/where/bin/weft", "report", "my model.py:step", "-o", "out"])
    found = made()
    assert found["command"] == "weft report 'my model.py:step' -o out"
    monkeypatch.setattr(sys, "argv", ["/some/where/weft/__main__.py", "demo"])
    assert made()["command"] == "weft demo"
    at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


@pytest.mark.parametrize("argv", [[], [""], ["-c", "secret"]])
def test_a_session_has_no_command(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert made()["command"] == ""


def test_a_notebook_has_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    assert made()["command"] == ""


def test_the_time_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert made()["at"] == "2023-11-14 22:13:20 UTC"
    for wrong in ("yesterday", "1.5", "9" * 30):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(WeftError, match=r"SOURCE_DATE_EPOCH=.*: must be whole seconds since 1970, such as "):
            made()


def test_the_page_bears_them(result: dict[str, Any]) -> None:
    result["made"] = {"at": "2026-11-29 15:20:05 UTC", "command": "weft report <model> --seed 3"}
    assert list(schema.problems(result)) == []
    head = render(result).partition("</header>")[0]
    assert f"weft {result['weft']}" in head
    assert "2026-11-29 15:20:05 UTC" in head
    assert "<code>weft report &lt;model&gt; --seed 3</code>" in head
    result["made"]["command"] = ""
    head = render(result).partition("</header>")[0]
    assert re.search(r'<p class="made">2026-11-29 15:20:05 UTC</p>', head)
    for none in (None, "absent"):  # one built by hand, and a result of an earlier version
        result["made"] = none
        if none == "absent":
            del result["made"]
        assert list(schema.problems(result)) == []
        assert 'class="made"' not in render(result)


def test_the_page_says_where_an_operator_is_written(result: dict[str, Any]) -> None:
    operator = result["accelerator"]["operators"][0]
    operator["origin"] = "train.py:12 in 0 (Linear)"
    assert 'title="train.py:12 in 0 (Linear)"' in render(result)
    del operator["origin"]
    assert list(schema.problems(result)) == []
    assert "train.py:12" not in render(result)
