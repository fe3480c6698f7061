"""The decision records: one form, all of them in the index."""

import re
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[3] / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_its_number_in_its_title_and_stands_in_the_index(record: Path) -> None:
    title = record.read_text().splitlines()[0]
    found = re.fullmatch(r"# (\d{4}) (.+)", title)
    assert found, title
    assert record.name.startswith(found[1])
    assert f"[{found[1]}]({record.name}) {found[2]}" in (DECISIONS / "README.md").read_text()


def test_no_number_is_given_twice() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert len(numbers) == len(set(numbers))
