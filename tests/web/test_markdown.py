"""Markdown: safe whatever the text, the same whole as in pieces, and citations where they belong."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.web.markdown import Growing, render
from app.web.markdown.formulas import open_block
from tests.web.inertness import faults

LINKS = {1: "/p/1?start=1&end=2", 2: "/p/2"}
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[a](javascript:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](https://outside.example/pixel.png)",
    '<div hx-get="/account/" hx-trigger="load">x</div>',
    '<a href="https://outside.example" style="position:fixed">x</a>',
    "[a](https://outside.example/\"onmouseover=alert(1))",
    '```"><script>alert(1)</script>\nx\n```',
    "<https://outside.example/x>",
    "[1]: javascript:alert(1)\n\n[x][1]",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\href{https://outside.example/x}{x}$",
    r"$\text{<script>alert(1)</script>}$",
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\style{position:fixed}{x}$ $\class{x}{y}$ $\mathrm{<iframe src=x>}$",
    r"$$\text{</math><script>alert(1)</script>}$$",
    r"\(\text{&lt;script&gt;alert(1)&lt;/script&gt;}\)",
    r"$\begin{matrix}<script>&alert(1)\end{matrix}$",
    '[^"><script>alert(1)</script>]: x\n\n[^"><script>alert(1)</script>]',
    "[^a\"onclick=alert(1)]: <script>alert(1)</script>\n\n[^a\"onclick=alert(1)]",
    "~~~<script>alert(1)</script>\nx\n~~~",
]  # fmt: skip
PIECES = st.lists(
    st.sampled_from(
        [*HOSTILE, "\n", "\n\n", "- a\n", "1. b\n", "| a | b |\n", "|---|---|\n", "```\n", "# h\n",
         "## h\n", "### h ", "[1]", "[2][1]",
         "> q\n", "**b**", "*", "`c`", "    code\n", "text ", "[9]", "---\n", "~~s~~", "ü 漢字 ", "[^1]",
         "[^1]: note\n", "[^b]", "[^b]: ", "[x]",
         "[x]: /u\n", "$x^2$", "$$\n", "$$", "\\[\n", "\\]\n", "\\(", "\\)", "$5 and $10 ",
         "- [ ] t\n", "- [x] t\n", "  - n\n", "* s\n", "2) o\n", "~~~\n", "```py\nx = 1\n```\n", "\r\n", "\r",
         "\0", "===\n", "\u00a0", "    ", "|", "|:--|--:|\n", "\\", "&amp;", "&", "word"]
    ),
    max_size=30,
)  # fmt: skip


def grown(text: str, cut: int) -> tuple[str, list[str]]:
    """The HTML of a text that came in pieces of ``cut`` characters, and what was shown after each of them."""
    growing, closed, shown = Growing(dict(LINKS), name="m"), "", []
    for begin in range(0, len(text), cut):
        closed += growing.add(text[begin : begin + cut])
        shown.append(closed + growing.open_html())
    whole = growing.finish(text, closed)
    return (closed if whole is None else whole) + growing.open_html(), shown


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_can_act_or_load(text):
    final, shown = grown(text, 3)
    for html in (render(text), final, *shown):
        assert not faults(html), html


@settings(max_examples=600, deadline=None)
@given(pieces=PIECES, cut=st.integers(1, 9))
@example(pieces=["- a\n", "- a\n", "\n", "- a\n", "  - n\n", "\n", "    ", "text "], cut=3)
@example(pieces=["- a\n", "1. b\n", "1. b\n", "- [x] t\n", "- a\n", "- [ ] t\n", "word"], cut=2)
@example(pieces=["word", "\n", "$$\n", "- a\n", "\n", "word"], cut=1)
@example(pieces=["| a | b |\n", "|---|---|\n", "| a | b |\n", "| a | b |\n", "| a | b |\n", "word"], cut=4)
@example(pieces=["[x]", "\n\n", "[^1]", "\n\n", "[x]: /u\n"], cut=4)
def test_a_text_in_pieces_is_the_same_as_whole(pieces, cut):
    text = "".join(pieces)
    assert grown(text, cut)[0] == render(text, LINKS, name="m")


WORDS = st.lists(
    st.sampled_from(
        ["word", "a", "1", "12", ".", ". ", " ", "  ", ",", "?", "'", "\n", "\n\n", "- ", "1. ", "# ", "> ", "*", "**",
         "_", "`", "    ", "a | b", "--|--", "[", "](", ")", "[1]", "&", "&amp", ";", "<", ">", ":", "ü", "漢", "²",
         "é", "\u00a0", "\ue000", "\\", "~~", "- [ ] ", "=", "!", "$", "$$", "\\(", "\\)", "x^2", "{", "}", "(", "[^1]",
         "#", "-", "\"", "%"]
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(pieces=WORDS)
def test_what_is_shown_meanwhile_is_the_same_as_rendered_anew(pieces):
    """Apart from what looks ahead: colours of code, rows of tables, notes that may yet be defined, formulas that are
    not whole, and a line that has no word yet.
    """
    growing = Growing(dict(LINKS), name="m")
    text, closed = "", ""
    for piece in pieces:
        text += piece
        closed += growing.add(piece)
        shown, lines = closed + growing.open_html(), text[: text.rfind("\n") + 1]
        if "[^" in text or OPEN_FORMULA.search(text, len(lines)) or open_block(growing.tail) is not None:
            continue
        if shown != rendered(text):
            assert WORDLESS.match(text, len(lines)), text
            assert shown == rendered(lines)


OPEN_FORMULA = re.compile(r"\$[^\s\d]|\\\(")
WORDLESS = re.compile(r"(?:[^\w\n]|_)*\d*(?:[^\w\n]|_)*\Z|[ \t]*(?:```|~~~)")


def rendered(text: str) -> str:
    return render(text, LINKS, name="m") if text.strip(" \n") else ""


BLOCKS = [
    "- One **item** of a list that\n  goes on\n- Another, with `code`\n  - below it\n- A third one\n",
    "1. First\n\n2. Second, so that the first becomes a paragraph\n3. Third\n",
    "- [ ] to do\n- [x] done\n- neither\n",
    "| Who | Days |\n|:---|---:|\n| Full time | 27 |\n| Part **time** | 16 |\n| Other | 8 |\n",
    "```python\ndef leave(days: int) -> str:\n    return f'''{days}\n  or more'''\n```\n",
    "A formula: $e^{i\\pi} + 1 = 0$, and\n$$\n\\sum_{n=1}^{N} n\n- 1\n$$\nends.\n",
    "\\[\n\\frac{a}{b}\n\\]\n",
    "A claim.[^1] Another.[^two]\n\n[^1]: Why so.\n\n    And more.\n\n[^two]: Look.\n",
    "> Quoted\n> words\n\nA [link][x] before it is defined.\n\n[x]: https://a.example/x\n",
]


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 13, 1000])
@pytest.mark.parametrize("first", range(len(BLOCKS)))
def test_blocks_in_a_row_come_out_the_same_wherever_they_are_cut(first, cut):
    text = "\n".join(BLOCKS[first:] + BLOCKS[:first])
    assert grown(text, cut)[0] == render(text, LINKS, name="m")


def test_a_text_ends_in_the_middle_of_anything():
    text = "\n".join(BLOCKS)
    for end in range(0, len(text), 3):
        assert grown(text[:end], 4)[0] == render(text[:end], LINKS, name="m"), text[:end]


def test_closed_blocks_stay_as_they_are():
    growing, closed = Growing(), ""
    for letter in "One.\n\nTwo [^1] and $x$.\n\n[^1]: It.\n\nThree.\n\n":
        closed += growing.add(letter)
    assert growing.finish("One.\n\nTwo [^1] and $x$.\n\n[^1]: It.\n\nThree.\n\n", closed) is None


def test_a_link_that_is_defined_at_the_end_has_all_drawn_anew_once():
    growing, text = Growing(), "See [here][x].\n\nMore.\n\n[x]: /y\n"
    closed = growing.add(text)
    assert "[here][x]" in closed
    assert growing.finish(text, closed) == render(text)
    assert growing.open_html() == ""


def test_a_note_that_is_never_defined_becomes_text_at_the_end():
    growing, text = Growing(name="m"), "All but [^abc].\n\nMore.\n\n"
    closed = growing.add(text)
    assert "note-sign" in closed
    whole = growing.finish(text, closed)
    assert whole == render(text, name="m") and "[^abc]" in whole


def test_notes_and_what_refers_to_them_lead_to_each_other():
    html = render("So.[^1] Again.[^1]\n\n[^1]: Why.\n", name="m")
    assert html.count('id="note-from-m-1"') == 1 and html.count('href="#note-m-1"') == 2
    assert html.count('id="note-m-1"') == 1 and 'href="#note-from-m-1"' in html
    assert "id=" not in render("So.[^1]\n\n[^1]: Why.\n")


def test_words_after_words_are_not_parsed_again(monkeypatch):
    growing = Growing()
    growing.add("- An item with **bold** words")
    growing.open_html()
    monkeypatch.setattr("app.web.markdown.seams.parser", None)
    growing.add(" and, well, more of them. ")
    assert (
        growing.open_html()
        == "<ul>\n<li>An item with <strong>bold</strong> words and, well, more of them.</li>\n</ul>\n"
    )


def test_only_the_last_item_of_a_list_is_read_again(monkeypatch):
    growing, read = Growing(), []
    growing.add("".join(f"- Item {n} of **many**\n" for n in range(100)))
    original = growing._draw
    monkeypatch.setattr(Growing, "_draw", lambda self, text, reading: read.append(len(text)) or original(text, reading))
    for piece in ("- An", "other\n", "  > and", " **one", "** more\n"):
        growing.add(piece)
        assert growing.open_html().count("<li>") >= 100
    assert 0 < max(read) < 100


def test_a_row_is_shown_once_it_is_whole():
    growing = Growing()
    for piece, rows in (("| a |", 0), ("\n|--", 0), ("-|\n", 1), ("| b", 1), ("c |", 1), ("\n", 2), ("| d |\n", 3)):
        growing.add(piece)
        assert growing.open_html().count("<tr>") == rows, piece
        assert "|" not in growing.open_html()


def test_code_is_there_from_its_first_word_and_coloured_as_it_grows():
    growing = Growing()
    growing.add("```python\nimport os\nprint(1")
    assert 'class="hl-kn"' in growing.open_html() and growing.open_html().count("print(1") == 1
    growing.add(")\n``")
    assert "print(1)" in re.sub("<[^>]+>", "", growing.open_html()) and "`" not in growing.open_html()
    assert growing.add("`\n") == render("```python\nimport os\nprint(1)\n```\n")


def test_numbers_of_known_passages_are_chips():
    html = render("Yes [1][2]. No [9]. A [1](https://a.example) link.", LINKS)
    assert html.count('class="cite"') == 2
    assert 'href="/p/1?start=1&amp;end=2"' in html
    assert "[9]" in html


def test_numbers_in_code_stay_code():
    assert 'class="cite"' not in render("`x[1]`\n\n```\ny[2]\n```", LINKS)


def test_headings_stand_below_that_of_the_answer():
    assert re.findall(r"<(h\d)>", render("# a\n\n## b\n\n### c\n\n#### d\n\ne\n=\n")) == ["h4", "h5", "h6", "h6", "h4"]


def test_a_text_that_begins_with_a_lower_heading_skips_no_level():
    text = "### a\n\n- ## b\n\n#### c\n\n##### d\n\ne\n=\n\n### f\n"
    growing = Growing()
    closed = "".join(growing.add(letter) for letter in text)
    html = closed + growing.open_html()
    assert re.findall(r"<(h\d)>", html) == ["h4", "h4", "h5", "h6", "h4", "h4"]
    assert html == render(text)


@pytest.mark.parametrize(
    ("info", "name"), [("python", "Python"), ("json", "JSON"), ("", "Text"), ("mermaid", "mermaid"), ("text", "Text")]
)
def test_a_block_of_code_says_its_language(info, name):
    html = render(f"```{info}\nx\n```\n")
    assert f'data-language="{name}"' in html
    assert 'tabindex="0"' in html and f'aria-label="Code: {name}"' in html


def test_columns_are_aligned_without_a_style():
    html = render("| a | b |\n|---|--:|\n| c | d |\n")
    assert '<td class="to-right">d</td>' in html and "style" not in html
