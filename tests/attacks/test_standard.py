"""The table of the standard is whole, names files that are there, and is what its data says."""

from __future__ import annotations

from deploy import standard


def test_the_table_is_whole_and_names_what_is_there() -> None:
    assert standard.problems(standard.read()) == []


def test_the_page_is_what_the_data_says() -> None:
    assert standard.PAGE.read_text() == standard.page(standard.read()), "run python -m deploy.standard"


def test_what_is_wrong_is_noticed() -> None:
    made = standard.read()
    wrong: standard.Requirement = {"id": "1.1.1", "level": 1, "asks": "", "state": "met", "by": "tests/no/such.py"}
    said = " ".join(standard.problems([*made, wrong]))
    assert "1.1.1 is there 2 times" in said
    assert "Of level 1 there are 71, not 70" in said
    assert "names tests/no/such.py, which is not there" in said
    assert "does not say" in " ".join(standard.problems([{**made[0], "by": ""}]))
