"""What changed between two texts, in words; and that no text takes for ever."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.viewing.comparing import Change, Comparison, compare

OLD = """# Leave

You have 27 days of leave.

Ask two weeks ahead.

- By mail
- By phone

It ends on 31 March.
"""


def shown(comparison: Comparison) -> list[str]:
    """Rows as text: words taken out in [-…-], words put in in {+…+}."""
    signs = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return ["".join(signs[kind].format(run.text) for kind, run in row.merged) for row in comparison.rows]


def test_words_are_marked_within_a_changed_paragraph() -> None:
    found = compare(OLD, OLD.replace("27 days", "28 working days"))
    assert (found.changed, found.added, found.removed) == (1, 0, 0)
    assert "You have [-27 -]{+28 working +}days of leave." in shown(found)


def test_paragraphs_come_and_go() -> None:
    found = compare(OLD, OLD.replace("- By phone\n", "").replace("It ends", "Nobody loses a day.\n\nIt ends"))
    assert (found.changed, found.added, found.removed) == (0, 1, 1)
    assert shown(found)[-3:] == ["[-- By phone-]", "{+Nobody loses a day.+}", "It ends on 31 March."]


def test_what_is_the_same_is_folded_but_for_its_neighbours() -> None:
    same = "\n\n".join(f"Paragraph {number}." for number in range(50))
    found = compare(f"{same}\n\nThe end.", f"{same}\n\nAn end.")
    assert [row.folded for row in found.rows] == [49, 0, 0]
    assert len(compare(f"{same}\n\nThe end.", f"{same}\n\nAn end.", fold=False).rows) == 51


def test_the_same_text_is_the_same() -> None:
    assert compare(OLD, OLD).is_same
    assert compare("", "").is_same


def test_a_moved_paragraph_is_taken_out_and_put_in() -> None:
    found = compare("One here.\n\nTwo there.\n\nThree everywhere.", "Two there.\n\nThree everywhere.\n\nOne here.")
    assert (found.removed, found.added) == (1, 1)


TEXTS = st.lists(st.sampled_from(["a b c", "a b d", "# H", "- item one", "x", "a a a a", "| r | s |"]), max_size=12)


@given(TEXTS, TEXTS)
@settings(max_examples=150, deadline=None)
def test_both_texts_can_be_read_off_the_rows(old: list[str], new: list[str]) -> None:
    found = compare("\n\n".join(old), "\n\n".join(new), fold=False)
    before = ["".join(run.text for run in row.before) for row in found.rows if row.before]
    after = ["".join(run.text for run in row.after) for row in found.rows if row.after]
    assert before == [block.text for block in _blocks("\n\n".join(old))]
    assert after == [block.text for block in _blocks("\n\n".join(new))]
    for row in found.rows:
        merged = row.merged
        assert "".join(run.text for kind, run in merged if kind != "added") == "".join(run.text for run in row.before)
        assert "".join(run.text for kind, run in merged if kind != "removed") == "".join(run.text for run in row.after)
        assert (row.change is Change.SAME) == (row.before == row.after)


class _Text:
    def __init__(self, text: str) -> None:
        self.text = text


def _blocks(text: str) -> list[_Text]:
    from knowledge.text.blocks import blocks

    return [_Text(text[block.start : block.end]) for block in blocks(text)]


def _sentences(count: int) -> list[str]:
    random.seed(5)
    return [" ".join(f"w{random.randrange(4000)}" for _ in range(12)) for _ in range(count)]


LONG = {
    "rewritten": lambda: (
        "\n\n".join(_sentences(9000)),
        "\n\n".join(one.replace("1", "2") for one in _sentences(9000)),
    ),
    "rows alike": lambda: ("| a | b |\n\n" * 40_000, "| a | b |\n\n" * 39_999),
    "two lines again and again": lambda: ("a\n\nb\n\n" * 30_000, "b\n\na\n\nc\n\n" * 20_000),
    "one word again and again": lambda: ("a " * 6000, "a b " * 3000),
    "one paragraph": lambda: (" ".join(_sentences(9000)), " ".join(reversed(_sentences(9000)))),
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG.keys())
def test_a_long_text_is_compared(make: object) -> None:
    old, new = make()  # type: ignore[operator]
    assert not compare(old, new).is_same
