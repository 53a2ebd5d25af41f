"""The places of a saved prompt: found once each, filled in, and never slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.composing.placeholders import Place, fill, pieces_of, places_of


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Nothing to fill in: { a } and {{}} and {{ }} and {{=x}}.", []),
        ("Dear {{name}},", [Place("name")]),
        ("{{ name }} and {{name}} are one.", [Place("name")]),
        ("In {{language=English}}, for {{who}}.", [Place("language", "English"), Place("who")]),
        ("{{a}} then {{a=first}} then {{a=second}}", [Place("a", "first")]),
        ("{{not\nthis}} {{what=a=b}}", [Place("what", "a=b")]),
        ("{{{name}}}", [Place("name")]),
    ],
)
def test_places_are_found_once_each_in_order(text, places):
    assert places_of(text) == places


def test_what_is_filled_in_stands_wherever_its_name_does():
    text = "Write to {{name}} in {{language=English}}. Thank {{ name }}."
    assert fill(text, {"name": "Ines"}) == "Write to Ines in English. Thank Ines."
    assert fill(text, {"name": "Ines", "language": "Portuguese"}) == "Write to Ines in Portuguese. Thank Ines."


def test_a_place_without_a_word_stays_as_it_is_written():
    assert fill("Write to {{ name }}.", {"name": "  "}) == "Write to {{ name }}."


def test_a_filled_in_place_is_not_filled_in_again():
    assert fill("{{a}}{{b}}", {"a": "{{b}}", "b": "x"}) == "{{b}}x"


@given(st.text(alphabet="{}= \nab", max_size=60))
def test_the_pieces_joined_are_the_text(text):
    assert "".join(piece.text for piece in pieces_of(text)) == text


@pytest.mark.parametrize("text", ["{{" * 4000, "{{" + " " * 8000, "{{a=" * 2000, "{{" + "a" * 8000])
def test_no_text_makes_it_slow(text):
    begun = time.perf_counter()
    places_of(text)
    assert time.perf_counter() - begun < 0.5
