"""Passages and sentences are exactly where they say they are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.text.blocks import Kind, blocks
from knowledge.text.sentences import sentences
from knowledge.text.splitting import LONGEST_CHARACTERS, split

LINES = st.sampled_from(
    [
        "# One",
        "## Two – with a long name",
        "",
        "- an item",
        "  - an inner item that goes on",
        "1. first",
        "| A | B |",
        "| --- | --- |",
        "| €0.38 | Mr. Smith said so. |",
        "```python",
        "```",
        "A sentence. And another one! Is it? Yes: 3.5 of them, e.g. these.",
        "word " * 80,
        "x" * 1500,
        "    indented",
        "---",
        "Ünïcödé 🙂 text.",
    ]
)
TEXTS = st.lists(LINES, max_size=60).map("\n".join) | st.text(max_size=3000)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_passages_are_in_order_apart_and_not_too_long(text: str) -> None:
    last = 0
    for piece in split(text):
        assert last <= piece.start < piece.end <= len(text)
        assert piece.end - piece.start <= LONGEST_CHARACTERS
        assert text[piece.start : piece.end].strip()
        last = piece.end


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_word_of_the_text_is_lost(text: str) -> None:
    covered = set()
    for piece in split(text):
        covered.update(range(piece.start, piece.end))
    for block in blocks(text):
        if block.kind is Kind.PARAGRAPH:
            lost = [at for at in range(block.start, block.end) if at not in covered and text[at].isalnum()]
            assert not lost


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_sentences_are_in_order_and_apart(text: str) -> None:
    last = 0
    for sentence in sentences(text):
        assert last <= sentence.start < sentence.end <= len(text)
        assert sentence.lead_start <= sentence.start
        assert not text[sentence.start : sentence.end].startswith("# ")
        last = sentence.end


def test_a_passage_knows_its_headings_and_page() -> None:
    text = "# Travel\n\nIntro.\n\n## Cars\n\nA car.\n\n# Leave\n\nDays."
    pieces = split(text, [(0, 20), (20, len(text))])
    assert [(piece.heading_path, piece.page) for piece in pieces] == [
        (("Travel",), 1),
        (("Travel", "Cars"), 2),
        (("Leave",), 2),
    ]


def test_a_long_table_is_cut_between_rows_only() -> None:
    row = "| something | " + "words " * 12 + "|"
    text = "| A | B |\n| --- | --- |\n" + "\n".join([row] * 60)
    pieces = split(text)
    assert len(pieces) > 1
    for piece in pieces:
        assert text[piece.start] == "|"
        assert text[piece.end - 1] == "|"


def test_abbreviations_do_not_end_a_sentence() -> None:
    text = "Ask Mr. Smith, e.g. by phone. He answers at 9 a.m. on most days. Then go."
    assert [text[one.start : one.end] for one in sentences(text)] == [
        "Ask Mr. Smith, e.g. by phone.",
        "He answers at 9 a.m. on most days.",
        "Then go.",
    ]


def test_a_row_hangs_on_its_head_and_an_item_on_its_introduction() -> None:
    text = "Pay:\n\n- cash\n- card\n\n| Car | Rate |\n| --- | --- |\n| Small | 0.38 |"
    found = {text[one.start : one.end]: one.lead for one in sentences(text)}
    assert found["cash"] == "Pay:"
    assert found["| Small | 0.38 |"] == "Car Rate"


def test_lines_made_to_be_slow_are_not() -> None:
    for line in ("# " + " " * 200_000 + "x", "# a" + " #" * 100_000 + " x", "|" * 200_000 + "x", "- " * 100_000 + "x"):
        split(line)


def test_a_closing_sign_is_no_part_of_a_heading() -> None:
    assert [piece.heading_path for piece in split("## Cars in C# ##\n\nWords.")] == [("Cars in C#",)]
