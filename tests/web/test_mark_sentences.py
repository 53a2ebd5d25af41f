"""Marking sentences of a Markdown text: in its HTML, which stays otherwise the very same."""

import re

import pytest

from app.web.markdown import render
from app.web.marking import render_marked

NOTE = "No passage supports this."
LINKED = 'See [the parrots](https://example.org/a "a > b") fly. Leave.'
LINKS = {1: "/knowledge/passages/x/"}


def marked(text, *words):
    spans = [(text.index(one), text.index(one) + len(one)) for one in words]
    return render_marked(text, spans, NOTE, LINKS)


def without_marks(html):
    html = re.sub(r'<span class="visually-hidden">.*?</span>', "", html)
    return re.sub(r"</?mark[^>]*>", "", html)


def test_a_sentence_is_marked_with_a_note_for_those_who_hear_it():
    html = marked("Leave is long. Parrots fly.", "Parrots fly.")
    assert html == (
        '<p>Leave is long. <mark class="unsupported" tabindex="0">Parrots fly.</mark>'
        f'<span class="visually-hidden"> ({NOTE})</span></p>\n'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Parrots fly.** Leave is long.", "**Parrots fly.**"),
        ('**"Parrots" fly.** Leave is long.', '**"Parrots" fly.**'),
        ("Parrots *may* fly [1]. Leave.", "Parrots *may* fly [1]."),
        ("Parrots fly. [1]\n\nLeave.", "Parrots fly. [1]"),
        ("- [ ] Parrots fly.\n- Leave.", "[ ] Parrots fly."),
        ("- Parrots fly.\n- Leave.", "Parrots fly."),
        ("1. Parrots fly.\n2. Leave.", "Parrots fly."),
        ("> Parrots fly. Leave.", "Parrots fly."),
        ("| Who | What |\n|---|---|\n| Parrots | fly |\n", "| Parrots | fly |"),
        (
            'See [the parrots](https://example.org/a "a > b") fly. Leave.',
            'See [the parrots](https://example.org/a "a > b") fly.',
        ),
        ("Run `parrot <fly>` now. Leave.", "Run `parrot <fly>` now."),
        ("Parrots & <b>cats</b> fly. Leave.", "Parrots & <b>cats</b> fly."),
    ],
)
def test_whatever_stands_in_it_nothing_else_changes(text, words):
    html = marked(text, words)
    assert "<mark" in html
    assert without_marks(html) == render(text, LINKS)
    assert html.count('tabindex="0"') == 1 + render(text, LINKS).count('tabindex="0"')


def test_the_chip_of_a_citation_is_not_underlined():
    html = marked("Parrots may [1] fly. Leave.", "Parrots may [1] fly.")
    assert re.search(r'<a class="cite"[^>]*>1</a>', html)


def test_where_a_mark_would_change_the_words_there_is_none():
    text = "Parrots *fly. And cats* walk."
    html = render_marked(text, [(9, 13), (14, 29)], NOTE)
    assert without_marks(html) == render(text)


def test_a_text_with_the_signs_themselves_is_left_alone():
    text = "Parrots \ue001 fly."
    assert render_marked(text, [(0, 5)], NOTE) == render(text)
