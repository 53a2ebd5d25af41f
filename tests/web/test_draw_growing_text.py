"""A text that is drawn while it comes: wherever it is cut, it ends as the one drawing of the whole, and stays inert."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.web.markdown import Growing, render
from tests.journeys import hostile
from tests.web.inertness import faults

LINKS = {1: "/p/1?start=1&end=2", 2: "/p/2"}


def grown(pieces: list[str]) -> tuple[str, list[str]]:
    """The HTML of a text that came in pieces, and what was shown after each of them."""
    growing, closed, shown = Growing(dict(LINKS), name="m"), "", []
    for piece in pieces:
        closed += growing.add(piece)
        shown.append(closed + growing.open_html())
    whole = growing.finish("".join(pieces), closed)
    return (closed if whole is None else whole) + growing.open_html(), shown


def cut(text: str, size: int) -> list[str]:
    return [text[begin : begin + size] for begin in range(0, len(text), size)]


SIGNS = [
    "**b**", "*i*", "`c`", "[1]", "[2].", "[9]", "**", "*", "_u_", "_", "`", "[", "](/k)", "[a](/k/1)", "$x^2$", "$5",
    "$", "\\*", "\\", "&amp;", "&", "<b>", "<", ">", "~~s~~", "[^1]", "\\(y\\)", "!", "![i](u)", "a", "word", "27",
    "2.", "one two", "ü", "x_y", "|", ".", ",", ":", ")", "(", " ", "  ", "#", '"', "'", "**a:** b", "===",
]  # fmt: skip
BEGINNINGS = [
    "", "", "- ", "- ", "- ", "  - ", "    - ", "   - ", "* ", "1. ", "2. ", "   1. ", "10) ", "+ ", "# ", "### ", "> ",
    ">", "  ", "    ", "- [ ] ", "- [x] ", "  - [ ] ", "| ", "[^1]: ", "[x]: ", "```", "~~~", "$$", "\\[", "---",
    "- - ",
]  # fmt: skip
WORDS = st.lists(st.sampled_from([*SIGNS, *[f" {sign}" for sign in SIGNS]]), max_size=6).map("".join)
LINES = st.tuples(st.sampled_from(BEGINNINGS), st.sampled_from(["", "a", "Word", "**B", "`c"]), WORDS).map("".join)
ENDS = st.sampled_from(["\n", "\n", "\n", "\n\n", "  \n"])
TEXTS = st.lists(st.tuples(LINES, ENDS).map("".join), max_size=9).map("".join)
SIGNS_OF_ITEMS = [
    "- ",
    "- ",
    "- ",
    "  - ",
    "  - ",
    "    - ",
    "     - ",
    "1. ",
    "2. ",
    "   1. ",
    "* ",
    "  ",
    "",
    "> ",
    "# ",
]
ITEMS = ["a", "**B** c", "Word [1].", "`c`: d", "27 days", "[ ] a", "[x] b", "a\n\n", "a\n", "a\n  ", "a  ", "a\n\n  b"]
LISTS = st.lists(st.tuples(st.sampled_from(SIGNS_OF_ITEMS), st.sampled_from(ITEMS)).map("".join), max_size=10).map(
    "\n".join
)
CELLS = st.lists(st.sampled_from([*SIGNS, " a ", " b "]), max_size=4).map("|".join)
ROWS = st.lists(st.tuples(CELLS, st.sampled_from(["|\n", "\n", " |\n"])).map("".join).map("|".__add__), max_size=5)
TABLES = ROWS.map("".join).map("| a | b |\n|---|--:|\n".__add__)


@settings(max_examples=500, deadline=None)
@given(text=st.one_of(TEXTS, LISTS, TABLES), size=st.integers(1, 9))
@example(text="1. a\n\n2. b\n\n3. c\n4. d\n   - e\n\n5. f\n\nWord\n", size=1)
@example(text="- a\n\n- b\n\n- [ ] c\n- d\n\n  e\n- f\n\n* g\n", size=2)
@example(text="**b**![i](u)\n\n", size=1)
@example(text="- **b**\n- \n\n- \n", size=1)
@example(text="- a\n- b\n\nWord **b**\n- c\n", size=1)
@example(text="- a\n  - b\n    - c\n- d\n\n# e\n", size=1)
@example(text="- a\n- a\n  \n  - a\n- **B** c\n- a", size=1)
@example(text="| a | b |\n|---|--:|\n| **c** [1] | d |\n- e\n", size=2)
def test_it_ends_as_the_whole_wherever_it_is_cut(text, size):
    assert grown(cut(text, size))[0] == render(text, LINKS, name="m")


ADVERSARIAL = [
    "- One **item**\n  - below [1], `code` and\n    more\n    1. deeper\n    2. still\n- Two\n\nAfter it.\n",
    "1. **First**: so.\n\n   More of it.\n\n2. Second\n\n- [ ] to do\n- [x] done, see [it](/k/1)\n",
    "Words *and **more** of* them, snake_case_name, 2 * 3 * 4, a < b, R&D &amp; [x] [9] [2].\nNext\n===\n",
    "See [the handbook](/k/1 \"title\") or <https://outside.example/x>, [here][x].\n\n[x]: /u\n\nAnd [x].\n",
    "A claim.[^1] Again.[^1] Not[^9].\n\n[^1]: Why *so*.\n\n    And more.\n\nPrices: $5 and $10, $x_1$.\n",
    "| Who | Days |\n|:---|--:|\n| **Full** [1] | 27 |\n| a\\|b | `c` |\nlast\n\n$$\n\\frac{a}{b}\n$$\nEnd\n",
    "> Quoted *words*\n> go on\nlazily\n\n~~~py\nx = '''\n~~~\n\n    code\n\n***\nEnd \\\nof it  \nall\n",
    "\\[\nx <b\n\\]\n\n<div onclick=x>\n\n$$ never closed\n\n# A *heading* #\n## b\n- c\n# d",
]  # fmt: skip


@pytest.mark.parametrize("text", ADVERSARIAL)
def test_it_ends_as_the_whole_with_a_cut_anywhere(text):
    whole = render(text, LINKS, name="m")
    assert grown(list(text))[0] == whole
    for at in range(len(text)):
        assert grown([text[:at], text[at:]])[0] == whole, text[:at]


@pytest.mark.parametrize("text", ADVERSARIAL)
def test_what_is_closed_is_drawn_once_and_stays(text):
    growing, closed = Growing(dict(LINKS), name="m"), ""
    for at, letter in enumerate(text):
        new = growing.add(letter)
        closed += new
        assert not new or (closed + growing.open_html()).startswith(closed), text[:at]
    if growing.finish(text, closed) is None:
        assert render(text, LINKS, name="m").startswith(closed)
    else:
        assert "]:" in text


HOSTILE = [*hostile.MARKUP, *hostile.MARKDOWN, *hostile.RICH]
PLACES = (
    "{}", "Words {} words\n", "- {}\n- {}\n", "| a |\n|---|\n| {} |\n", "> {}\n", "# {}\n", "**{}**", "```\n{}\n",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_stays_inert_after_every_sign(text):
    for place in (
        "{}",
        "Words {} words\n",
        "- {}\n- {}\n",
        "| a |\n|---|\n| {} |\n",
        "> {}\n",
        "# {}\n",
        "**{}**",
        "```\n{}\n",
    ):
        whole = place.replace("{}", text)
        final, shown = grown(list(whole))
        for html in {final, *shown}:
            assert not faults(html), html


@settings(max_examples=100, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from([*hostile.MARKUP, *hostile.MARKDOWN, *hostile.RICH, "\n", "- ", "**", "`", "| "]), max_size=6
    ),
    size=st.integers(1, 40),
)
def test_hostile_pieces_together_stay_inert(pieces, size):
    final, shown = grown(cut("".join(pieces), size))
    assert not [fault for html in {final, *shown} for fault in faults(html)]
