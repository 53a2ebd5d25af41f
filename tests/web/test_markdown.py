"""Markdown: safe whatever the text, the same whole as in pieces, and citations where they belong."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.markdown import Growing, render

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
]  # fmt: skip
PIECES = st.lists(
    st.sampled_from(
        [*HOSTILE, "\n", "\n\n", "- a\n", "1. b\n", "| a | b |\n", "|---|---|\n", "```\n", "# h\n", "[1]", "[2][1]",
         "> q\n", "**b**", "*", "`c`", "    code\n", "text ", "[9]", "---\n", "~~s~~", "ü 漢字 "]
    ),
    max_size=30,
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_can_act_or_load(text):
    html = render(text)
    tags = re.findall(r"<[^>]*>", html)
    assert not [tag for tag in tags if re.search(r"\son\w+=|hx-|style=|javascript:|data:|<img|<script|<iframe", tag)]
    assert not [tag for tag in tags if "outside.example" in tag and "/leaving/?to=" not in tag]


@settings(max_examples=150, deadline=None)
@given(pieces=PIECES, cut=st.integers(1, 9))
def test_a_text_in_pieces_is_the_same_as_whole(pieces, cut):
    text = "".join(pieces)
    growing, closed = Growing(dict(LINKS)), ""
    for begin in range(0, len(text), cut):
        closed += growing.add(text[begin : begin + cut])
    definitions = re.search(r"^ {0,3}\[[^\]]+\]:", text, re.M)
    if definitions is None:  # a definition at the end would change links that are already closed
        assert closed + growing.open_html() == render(text, LINKS)


WORDS = st.lists(
    st.sampled_from(
        ["word", "a", "1", "12", ".", ". ", " ", "  ", ",", "?", "'", "\n", "\n\n", "- ", "1. ", "# ", "> ", "*", "**",
         "_", "`", "```py\n", "    ", "| a | b", "|---|---|", "[", "](", ")", "[1]", "&", "&amp", ";", "<", ">", ":",
         "ü", "漢", "²", "é", "\u00a0", "\ue000", "[x]: ", "\\", "~~", "- [ ] ", "=", "!"]
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(pieces=WORDS)
def test_what_is_shown_meanwhile_is_the_same_as_rendered_anew(pieces):
    growing = Growing(dict(LINKS))
    for piece in pieces:
        growing.add(piece)
        assert growing.open_html() == (render(growing.tail, LINKS) if growing.tail.strip() else "")


def test_words_after_words_are_not_parsed_again(monkeypatch):
    growing = Growing()
    growing.add("- An item with **bold** words")
    growing.open_html()
    monkeypatch.setattr("app.web.markdown.render", None)
    growing.add(" and, well, more of them. ")
    assert (
        growing.open_html()
        == "<ul>\n<li>An item with <strong>bold</strong> words and, well, more of them.</li>\n</ul>\n"
    )


def test_numbers_of_known_passages_are_chips():
    html = render("Yes [1][2]. No [9]. A [1](https://a.example) link.", LINKS)
    assert html.count('class="cite"') == 2
    assert 'href="/p/1?start=1&amp;end=2"' in html
    assert "[9]" in html


def test_numbers_in_code_stay_code():
    assert 'class="cite"' not in render("`x[1]`\n\n```\ny[2]\n```", LINKS)
