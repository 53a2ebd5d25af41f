"""Saying a quote: prose as it stands, rows of a table under their headings."""

from uuid import uuid4

from app.web.markdown import render
from chat.composing.quotation import say
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote

TABLE = "Leave:\n\n| Who | Weeks |\n|---|---|\n| Mother | 20 |\n| Other | 8 |\n"


def passage(text: str) -> Found:
    ids = [uuid4() for _ in range(3)]
    return Found(ids[0], ids[1], "T", "S", ids[2], 1, (), text, None, 100, 100 + len(text), 1.0, 100, 110)


def quote(text: str, words: str) -> Quote:
    begin = text.index(words)
    return Quote(0, 100 + begin, 100 + begin + len(words), words, 1.0)


def test_prose_is_said_as_it_stands():
    text = "Some words. You have 27 days. More."
    assert say(quote(text, "You have 27 days."), passage(text), 2) == "You have 27 days. [2]"


def test_rows_come_with_their_headings():
    html = render(say(quote(TABLE, "| Other | 8 |"), passage(TABLE), 1), {1: "/p"})
    assert "<th>Weeks</th>" in html
    assert "<td>Other</td>" in html and "Mother" not in html
    assert html.count('class="cite"') == 1


def test_rows_cut_off_from_their_headings_are_still_a_table():
    text = "| Other | 8 |\n| Main | 20 |"
    html = render(say(quote(text, text), passage(text), 1), {1: "/p"})
    assert html.count("<tr>") == 3 and 'class="cite"' in html
