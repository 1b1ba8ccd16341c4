"""Decision records: each has a number, a date, a status and the same parts, and is listed in the index with them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs/decisions"
INDEX = FOLDER / "README.md"
RECORDS = sorted(set(FOLDER.glob("*.md")) - {INDEX})
PARTS = ("Context", "Decision", "Alternatives", "Consequences")
HEAD = re.compile(
    r"# (?P<number>\d{4}): (?P<title>[^\n]+)\n\n"
    r"Date: (?P<date>\d{4}-\d\d-\d\d)(?:, written down on (?P<written>\d{4}-\d\d-\d\d))?\. "
    r"Status: (?P<status>in force|replaced by (?P<by>\d{4}))\.\n\n"
)
ROW = re.compile(r"^\| \[(\d{4}: .+)\]\(([\w-]+\.md)\) \| (\S+) \| (.+) \|$", re.M)


def head(record: Path) -> re.Match[str]:
    found = HEAD.match(record.read_text(encoding="utf-8"))
    assert found, f"{record.name}: begins with '# NNNN: title', then 'Date: YYYY-MM-DD. Status: in force.'"
    return found


def parts(record: Path) -> dict[str, str]:
    """The sections of a record, in order, with their text."""
    _, *pieces = re.split(r"^## (.+)\n", record.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: str(path.stem))
def test_a_record_has_number_date_status_and_every_part(record: Path) -> None:
    found = head(record)
    assert found["number"] == record.name[:4]
    assert date.fromisoformat(found["date"]) <= date.fromisoformat(found["written"] or found["date"])
    assert not found["by"] or list(FOLDER.glob(f"{found['by']}-*.md")), f"there is no record {found['by']}"
    told = parts(record)
    assert tuple(told) == PARTS
    assert not [part for part, text in told.items() if not text.strip()]
    assert re.search(r"^- ", told["Alternatives"], flags=re.M), "alternatives are a list"


def test_the_index_lists_every_record_as_it_calls_itself() -> None:
    listed = ROW.findall(INDEX.read_text(encoding="utf-8"))
    heads = {record.name: head(record) for record in RECORDS}
    told = [(f"{it['number']}: {it['title']}", name, it["date"], it["status"]) for name, it in heads.items()]
    assert listed == told


def test_no_two_records_have_one_number() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert len(set(numbers)) == len(numbers)
